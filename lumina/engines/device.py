"""What an engine may ask of a photonic matrix unit."""

import asyncio
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["ComplexArray", "Matrix", "MatrixDevice"]

Matrix = NDArray[Any]
"""A real or complex matrix in the caller's own units."""

ComplexArray = NDArray[np.complex128]


class MatrixDevice(Protocol):
    """One square matrix in the light, and vectors through it."""

    @property
    def ports(self) -> int:
        """Rows and columns of the matrix that the device holds at a time."""

    @property
    def lock(self) -> asyncio.Lock:
        """Held from the loading of a matrix until its last product is taken.

        So two tasks that share a device never multiply by each other's weights.
        """

    async def load(self, matrix: Matrix) -> None:
        """Program a matrix; returns once the phases stand.

        Args:
            matrix: shape (ports, ports), real or complex, finite, of any norm: the
                device scales it to what its light can hold and remembers the scale.

        Raises:
            MatrixError: wrong shape or not finite.
            ThermallyUnsafeError: the guard refuses work at this temperature.
        """

    async def multiply(self, vectors: Matrix) -> ComplexArray:
        """Product of the loaded matrix with a batch of vectors.

        Args:
            vectors: shape (ports, batch), real or complex, finite, of any norm: the
                device scales them to its modulators' full scale and back.

        Returns:
            Shape (ports, batch), in the caller's units, with the device's own errors.

        Raises:
            MatrixError: wrong shape or not finite.
            ThermallyUnsafeError: the guard refuses work at this temperature.
        """
