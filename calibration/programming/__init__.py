"""From a matrix to drives, with what calibration knows of the chip."""

from calibration.programming.own_phases import own_phases_for

__all__ = ["own_phases_for"]
