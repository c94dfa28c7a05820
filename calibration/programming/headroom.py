"""Turns: own phases that are a turn more or less make the same light.

Compensation takes own phase away from a warm chip's heaters and gives more to a cold one's.
A heater that would leave its range that way is moved by a whole turn, and what that heats its
neighbours is taken back from them.
"""

import numpy as np
from numpy.typing import NDArray

from calibration.heaters import HeaterModel, own_changes_rad

__all__ = ["tight", "with_headroom"]

FloatArray = NDArray[np.float64]

TURN_RAD = 2.0 * np.pi


def tight(given_rad: FloatArray, limit_rad: FloatArray, margin_rad: float) -> NDArray[np.int64]:
    """Turns that each heater should move by: +1 near its lower end, -1 near its upper.

    Args:
        given_rad: shape (shifters,), own phases after compensation, in rad.
        limit_rad: shape (shifters,), own phases at full drive.
        margin_rad: room that each should have on either side.

    Returns:
        Shape (shifters,); 0 also where a turn would lead out of the other end.
    """
    up = (given_rad < margin_rad) & (given_rad + TURN_RAD <= limit_rad - margin_rad)
    down = (given_rad > limit_rad - margin_rad) & (given_rad - TURN_RAD >= margin_rad)
    return up.astype(np.int64) - down.astype(np.int64)


def with_headroom(
    own_rad: FloatArray, turns: NDArray[np.int64], heaters: HeaterModel
) -> FloatArray:
    """Own phases, shape (shifters,), in rad, that make the same light some turns further."""
    return own_rad + own_changes_rad(heaters, np.multiply(TURN_RAD, turns, dtype=np.float64))
