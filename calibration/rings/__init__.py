"""Learning a bank of micro-rings through its own interfaces."""

from calibration.rings.procedure import BankOptions, calibrate_bank
from calibration.rings.result import BankCalibration

__all__ = ["BankCalibration", "BankOptions", "calibrate_bank"]
