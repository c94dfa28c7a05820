"""Drift: whether a stored calibration still holds, which channels moved, and their refit."""

from calibration.drift._estimate import Drift, estimate_drift
from calibration.drift._procedure import DriftOptions, DriftReport, check_chip, follow_drift

__all__ = [
    "Drift",
    "DriftOptions",
    "DriftReport",
    "check_chip",
    "estimate_drift",
    "follow_drift",
]
