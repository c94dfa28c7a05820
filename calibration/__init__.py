"""Calibration: from an unknown chip to one whose every parameter is known well enough."""
