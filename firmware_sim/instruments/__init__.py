"""One module per simulated instrument."""
