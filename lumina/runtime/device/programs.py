"""What a calibrated chip is programmed with, found once for as long as its calibration holds."""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from calibration.programming import Calibration, MatrixUnit, unit_for
from lumina.background import in_background

__all__ = ["Programs"]

PROGRAMS_KEPT = 256
"""Matrices whose phases are remembered: a network's tiles come round again."""

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]


class Programs:
    """The matrices that one calibration has been asked for.

    Attributes:
        unit: the chip as the calibration knows it.
    """

    def __init__(self, calibration: Calibration) -> None:
        self.unit: MatrixUnit = unit_for(calibration)
        self._own_rad: dict[bytes, FloatArray] = {}

    async def own_phases(self, matrix: ComplexArray) -> FloatArray:
        """Own phases that make the chip hold a scaled matrix, shape (shifters,), in rad.

        Raises:
            MatrixError: the chip cannot hold it.
        """
        key = matrix.tobytes()
        if key not in self._own_rad:
            self.keep(matrix, await in_background(partial(self.unit.own_phases, matrix)))
        return self._own_rad[key]

    def keep(self, matrix: ComplexArray, own_rad: FloatArray) -> None:
        """Remember own phases, shape (shifters,), in rad, as those that hold a scaled matrix."""
        key = matrix.tobytes()
        if key not in self._own_rad and len(self._own_rad) >= PROGRAMS_KEPT:
            self._own_rad.pop(next(iter(self._own_rad)))
        self._own_rad[key] = own_rad
