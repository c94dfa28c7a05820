"""Matrices of any shape on a device of a few ports: blocks in light, sums in numbers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lumina.engines.device import ComplexArray, Matrix, MatrixDevice
from lumina.errors import MatrixError

__all__ = ["MAX_BATCH_VALUES", "MAX_TILES", "Tile", "TiledMatrix", "tiled_multiply"]

MAX_TILES = 65_536
"""Tiles of one matrix, 4096 x 4096 on 16 ports: each costs a reprogramming of the chip."""

MAX_BATCH_VALUES = 1 << 26
"""Numbers in one batch of vectors: 1 GiB as complex128."""


@dataclass(frozen=True)
class Tile:
    """One block of a larger matrix, padded with zeros to the device's ports.

    Attributes:
        rows: rows of the larger matrix that the block covers.
        columns: columns of the larger matrix that the block covers.
        block: shape (ports, ports).
    """

    rows: slice
    columns: slice
    block: Matrix


class TiledMatrix:
    """A matrix and how it is cut into blocks of a device's size.

    Args:
        matrix: shape (rows, columns), real or complex.
        ports: side of a block.

    Raises:
        MatrixError: not two-dimensional, empty, not finite, or more than `MAX_TILES`.
    """

    def __init__(self, matrix: Matrix, ports: int) -> None:
        self.matrix = checked_matrix(matrix, ports)
        self.ports = ports
        self.rows, self.columns = self.matrix.shape

    def __len__(self) -> int:
        """Tiles that have to be loaded; blocks of zeros need no light and are left out."""
        return sum(1 for _ in self)

    def __iter__(self) -> Iterator[Tile]:
        """Tiles, column of blocks by column of blocks within a row of blocks."""
        for rows in _slices(self.rows, self.ports):
            for columns in _slices(self.columns, self.ports):
                block = self.matrix[rows, columns]
                if block.any():
                    yield Tile(rows, columns, _padded(block, self.ports, self.ports))


async def tiled_multiply(device: MatrixDevice, weight: Matrix, vectors: Matrix) -> NDArray[Any]:
    """Product of a matrix of any shape with a batch of vectors.

    Each block is loaded once and the whole batch sent through it; the blocks' products
    are summed in numbers. A coherent receiver sees both quadratures: for a real matrix
    and real vectors the imaginary one holds nothing but error, and is dropped.

    Args:
        device: the matrix unit; its lock is held until the product is complete.
        weight: shape (rows, columns), real or complex.
        vectors: shape (columns, batch), real or complex.

    Returns:
        Shape (rows, batch), real where both operands are.

    Raises:
        MatrixError: an operand is not finite, too large, or of the wrong shape.
        ThermallyUnsafeError: the guard refuses work at this temperature.
    """
    tiles = TiledMatrix(weight, device.ports)
    batch = checked_batch(vectors, tiles.columns)
    total = np.zeros((tiles.rows, batch.shape[1]), np.complex128)
    async with device.lock:
        for tile in tiles:
            total[tile.rows] += await _tile_product(device, tile, batch[tile.columns])
    real = np.isrealobj(tiles.matrix) and np.isrealobj(batch)
    return total.real if real else total


async def _tile_product(device: MatrixDevice, tile: Tile, vectors: Matrix) -> ComplexArray:
    await device.load(tile.block)
    product = await device.multiply(_padded(vectors, device.ports, vectors.shape[1]))
    return product[: tile.rows.stop - tile.rows.start]


def checked_matrix(matrix: Matrix, ports: int) -> Matrix:
    """The matrix as finite float64 or complex128.

    Raises:
        MatrixError: not two-dimensional, empty, not finite, or more than `MAX_TILES`.
    """
    result = checked_numbers(matrix, "matrix")
    if result.ndim != 2 or result.size == 0:
        raise MatrixError(f"a matrix has two dimensions and no empty one; got shape {result.shape}")
    tiles = -(-result.shape[0] // ports) * -(-result.shape[1] // ports)
    if tiles > MAX_TILES:
        raise MatrixError(
            f"matrix of shape {result.shape} is too large: {tiles} tiles of {ports} x {ports}, "
            f"at most {MAX_TILES} are taken; split it, or use a device with more ports"
        )
    return result


def checked_batch(vectors: Matrix, length: int) -> Matrix:
    """The vectors as finite float64 or complex128, shape (length, batch).

    Raises:
        MatrixError: wrong shape, not finite, or more than `MAX_BATCH_VALUES` numbers.
    """
    if np.size(vectors) > MAX_BATCH_VALUES:
        raise MatrixError(
            f"batch of {np.size(vectors)} numbers is too large, at most {MAX_BATCH_VALUES} "
            "are taken; split it"
        )
    result = checked_numbers(vectors, "batch of vectors")
    if result.ndim != 2 or result.shape[0] != length:
        raise MatrixError(f"vectors must have shape ({length}, batch); got {result.shape}")
    return result


def checked_numbers(values: Matrix, what: str) -> Matrix:
    """The values as float64 or complex128.

    Raises:
        MatrixError: not numbers, or not finite.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "biufc":
        raise MatrixError(f"{what}: holds {array.dtype}, not real or complex numbers")
    result = array.astype(np.complex128 if array.dtype.kind == "c" else np.float64, copy=False)
    if not np.isfinite(result).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(result))[0])
        raise MatrixError(f"{what}: not finite at index {where}")
    return result


def _slices(length: int, step: int) -> Iterator[slice]:
    for start in range(0, length, step):
        yield slice(start, min(start + step, length))


def _padded(block: Matrix, rows: int, columns: int) -> Matrix:
    if block.shape == (rows, columns):
        return block
    padded = np.zeros((rows, columns), block.dtype)
    padded[: block.shape[0], : block.shape[1]] = block
    return padded
