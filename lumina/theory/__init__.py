"""Pure equations that plant, control, calibration and engines share."""
