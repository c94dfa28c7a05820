"""Calibration runs: routines on a bench, what is stored of them, going on after a power cut."""

from lumina.runtime.calibrating._check import run_check
from lumina.runtime.calibrating._plan import CalibrationPlan
from lumina.runtime.calibrating._run import run_calibration

__all__ = ["CalibrationPlan", "run_calibration", "run_check"]
