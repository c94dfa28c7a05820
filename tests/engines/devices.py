"""Matrix devices of plain arithmetic: the exact product, and one with a known error."""

import asyncio
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
ComplexArray = NDArray[np.complex128]


class DigitalDevice:
    """A `MatrixDevice` that multiplies in complex128, with an optional matrix error.

    The error is complex Gaussian, drawn afresh at each load, with the Frobenius norm
    `error` times that of the loaded matrix in the mean square.
    """

    def __init__(self, ports: int, error: float = 0.0, seed: int = 0) -> None:
        self.ports = ports
        self.lock = asyncio.Lock()
        self.loads = 0
        self.vectors = 0
        self._error = error
        self._rng = np.random.default_rng(seed)
        self._matrix: ComplexArray | None = None

    async def load(self, matrix: Array) -> None:
        assert matrix.shape == (self.ports, self.ports)
        await asyncio.sleep(0)
        self.loads += 1
        draw = self._rng.normal(size=(2, *matrix.shape))
        scale = self._error * np.linalg.norm(matrix) / self.ports / np.sqrt(2)
        self._matrix = matrix + scale * (draw[0] + 1j * draw[1])

    async def multiply(self, vectors: Array) -> ComplexArray:
        assert self._matrix is not None
        assert vectors.shape[0] == self.ports
        await asyncio.sleep(0)
        self.vectors += vectors.shape[1]
        product: ComplexArray = self._matrix @ vectors
        return product
