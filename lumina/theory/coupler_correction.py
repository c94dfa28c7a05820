"""Phases for imperfect couplers: each interferometer in turn made to do what a perfect one does.

An interferometer with coupler errors still reaches every splitting ratio but those next to
0 and 1, and does there what the perfect one does up to phases at its arms. Those in front
are its external phase; those behind are handed on to the next (Bandyopadhyay, Hamerly,
Englund, Optica 8, 1247, 2021). Where a ratio is out of reach the nearest one is taken.
"""

import numpy as np
from numpy.typing import NDArray

from lumina.compiled import compiled
from lumina.theory.mesh import MeshArrays
from lumina.theory.mesh_kernels import Couplers

__all__ = ["corrected_phases"]

FloatArray = NDArray[np.float64]


@compiled
def _reachable_theta(b1: float, x1: float, b2: float, x2: float, theta: float) -> float:
    """Internal phase that passes bar to bar what a perfect MZI passes at theta, or nearest.

    |b1 b2 e^{j theta} - x1 x2|^2 of the couplers at hand is to be sin^2(theta/2).
    """
    bars, crosses = b1 * b2, x1 * x2
    wanted = np.sin(0.5 * theta) ** 2
    cosine = (bars * bars + crosses * crosses - wanted) / (2.0 * bars * crosses)
    angle = np.arccos(min(max(cosine, -1.0), 1.0))
    return float(angle if theta % (2.0 * np.pi) <= np.pi else -angle)


@compiled
def _correct_cell(
    chip: Couplers, cell: int, phase: FloatArray, shifter: int, early: FloatArray, m: int
) -> None:
    """One MZI on the modes m, m + 1, whose fields arrive `early` by so many radians.

    t is the perfect MZI, a the one at hand without its external phase.
    """
    b1, x1 = chip.first_bar[cell], chip.first_cross[cell]
    norm = np.hypot(chip.second_bar[cell], chip.second_cross[cell])
    b2, x2 = chip.second_bar[cell] / norm, chip.second_cross[cell] / norm
    turn, inner = np.exp(1j * phase[shifter]), np.exp(1j * phase[shifter + 1])
    t00, t01 = 0.5 * (inner - 1.0) * turn, 0.5j * (inner + 1.0)
    t10, t11 = 0.5j * (inner + 1.0) * turn, 0.5 * (1.0 - inner)
    theta = _reachable_theta(b1, x1, b2, x2, phase[shifter + 1])
    inner = np.exp(1j * theta)
    a00, a01 = b2 * b1 * inner - x2 * x1, 1j * (b2 * x1 * inner + x2 * b1)
    a10, a11 = 1j * (x2 * b1 * inner + b2 * x1), b2 * b1 - x2 * x1 * inner
    # Both rows ask for the same external phase; the sum is safe where one of them is dark.
    both = t00 * (t01 * a00).conjugate() * a01 + t10 * (t11 * a10).conjugate() * a11
    phi = np.angle(both) - early[m] + early[m + 1]
    upper, lower = np.exp(1j * (phi + early[m])), np.exp(1j * early[m + 1])
    phase[shifter], phase[shifter + 1] = phi, theta
    early[m] = np.angle(a00 * upper * t00.conjugate() + a01 * lower * t01.conjugate())
    early[m + 1] = np.angle(a10 * upper * t10.conjugate() + a11 * lower * t11.conjugate())


@compiled
def _correct_attenuator(chip: Couplers, cell: int, phase: FloatArray, shifter: int) -> float:
    """One attenuator; returns by how much its light comes early, in rad."""
    b1, x1 = chip.first_bar[cell], chip.first_cross[cell]
    norm = np.hypot(chip.second_bar[cell], chip.second_cross[cell])
    b2, x2 = chip.second_bar[cell] / norm, chip.second_cross[cell] / norm
    wanted = 0.5 * (np.exp(1j * phase[shifter]) - 1.0)
    phase[shifter] = _reachable_theta(b1, x1, b2, x2, phase[shifter])
    given = b2 * b1 * np.exp(1j * phase[shifter]) - x2 * x1
    return float(np.angle(given * wanted.conjugate()))


@compiled
def corrected_phases(arrays: MeshArrays, chip: Couplers, phase_rad: FloatArray) -> FloatArray:
    """Phases at which this chip does what a perfect one does at `phase_rad`.

    Args:
        arrays: `MeshArchitecture.arrays()`.
        chip: the chip's couplers; their loss is left aside.
        phase_rad: shape (shifters,), phases of the perfect chip, in rad.

    Returns:
        Shape (shifters,), in rad.
    """
    ports, phase = arrays.ports, phase_rad.copy()
    early = np.zeros(ports)
    shifter = cell = 0
    for mesh in range(arrays.meshes):
        for p in range(ports if mesh else 0):
            early[p] = _correct_attenuator(chip, cell, phase, shifter)
            shifter, cell = shifter + 1, cell + 1
        for m in arrays.mode:
            _correct_cell(chip, cell, phase, shifter, early, m)
            shifter, cell = shifter + 2, cell + 1
        for p in range(ports):
            phase[shifter] -= early[p]
            early[p] = 0.0
            shifter += 1
    return phase
