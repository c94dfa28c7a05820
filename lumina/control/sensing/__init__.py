"""From a sensor frame to temperatures that can be believed."""
