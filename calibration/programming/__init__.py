"""From a matrix to drives, with what calibration knows of the chip."""

from calibration.programming.own_phases import own_phases_for
from calibration.programming.units import Calibration, MatrixUnit, nominal_calibration, unit_for

__all__ = ["Calibration", "MatrixUnit", "nominal_calibration", "own_phases_for", "unit_for"]
