"""Compute engines: what a photonic matrix unit is good for, above the device itself."""

from lumina.engines.device import MatrixDevice
from lumina.engines.operations import convolve_1d, convolve_2d, fft, matvec
from lumina.engines.tiling import TiledMatrix, tiled_multiply

__all__ = [
    "MatrixDevice",
    "TiledMatrix",
    "convolve_1d",
    "convolve_2d",
    "fft",
    "matvec",
    "tiled_multiply",
]
