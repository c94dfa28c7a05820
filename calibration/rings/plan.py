"""The channel plan of a bank: which WDM channel each ring of a row serves.

Rings are made with their resonances anywhere in a free spectral range, and heat moves them
only to longer wavelengths. Any ring of a row can serve any channel, so each takes one that
lies above it: the assignment that costs least heat in all, row by row (the assignment
problem; H. W. Kuhn, Naval Res. Logist. Q. 2, 83, 1955).
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from calibration.heaters import own_phases_rad
from calibration.rings.result import BankCalibration
from calibration.rings.weights import lowest_own_rad

__all__ = ["planned_channels", "tuning_rad"]

FloatArray = NDArray[np.float64]

OUT_OF_REACH_RAD = 1e3
"""What a channel counts that a ring's heater does not reach: more than all rings together."""


def planned_channels(bank: BankCalibration) -> NDArray[np.int64]:
    """The channel that each ring is to serve, shape (shifters,): each once in every row.

    Args:
        bank: resonances, drifts and drive laws; what it has of a plan does not count.
    """
    needed = _needed_rad(bank)
    reached = own_phases_rad(bank, np.full(bank.architecture.shifters, bank.max_drive_v))
    cost = np.where(needed > reached.reshape(*needed.shape[:2], 1), OUT_OF_REACH_RAD, needed)
    return np.concatenate([linear_sum_assignment(row)[1] for row in cost]).astype(np.int64)


def tuning_rad(bank: BankCalibration, channel: NDArray[np.int64]) -> FloatArray:
    """Own phase that puts each ring on its channel, shape (shifters,), in rad.

    Args:
        bank: resonances and drifts.
        channel: shape (shifters,), a plan.
    """
    ports = bank.architecture.ports
    chosen = np.take_along_axis(_needed_rad(bank), channel.reshape(ports, ports, 1), axis=2)
    return np.asarray(chosen.ravel())


def _needed_rad(bank: BankCalibration) -> FloatArray:
    """Own phase that puts each ring on each channel, shape (rows, rings, channels), in rad."""
    ports = bank.architecture.ports
    number = np.arange(ports)
    ahead = (number - number[:, None]) * bank.architecture.spacing_rad
    phi0, lowest = (v.reshape(ports, ports, 1) for v in (bank.phi0_rad, lowest_own_rad(bank)))
    return np.asarray((ahead - phi0 - lowest) % (2.0 * np.pi) + lowest)
