"""How a mesh's transfer matrix answers to each phase and each coupler.

Every shifter sits on one arm and every coupler on one pair of arms. With P all that the
light met before the element and S all that it will meet after it,

    dM/dphase = j S_m P_m          (column m of S, row m of P: rank one)
    dM/da     = j (S_m P_n + S_n P_m)     since dB/da = j sigma_x B: rank two

so all derivatives together take one walk forward for the rows and one back for the
columns, and are kept as those factors: N^3 numbers instead of N^4.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lumina.compiled import compiled_fast
from lumina.theory.mesh import MeshArrays
from lumina.theory.mesh_kernels import Couplers
from lumina.theory.trigonometry import sin_cos

__all__ = ["TransferFactors", "transfer_factors"]

ComplexArray = NDArray[np.complex128]


class TransferFactors(NamedTuple):
    """The transfer matrix and the factors of all its first derivatives.

    ::

        dM/dphase[i] = outer(shifter_out[i], shifter_in[i])
        dM/da[s]     = outer(splitter_out[s, 0], splitter_in[s, 0])
                     + outer(splitter_out[s, 1], splitter_in[s, 1])
    """

    transfer: ComplexArray
    """Shape (ports, ports)."""
    shifter_out: ComplexArray
    """Shape (shifters, ports), per rad: over outputs."""
    shifter_in: ComplexArray
    """Shape (shifters, ports): over inputs."""
    splitter_out: ComplexArray
    """Shape (splitters, 2, ports), per rad: over outputs."""
    splitter_in: ComplexArray
    """Shape (splitters, 2, ports): over inputs."""


@compiled_fast
def _shift_forward(
    turn: complex, shifter: int, row: ComplexArray, factors: TransferFactors
) -> None:
    """A phase shifter on one arm, met by the light."""
    kept = factors.shifter_in[shifter]
    for p in range(row.size):
        row[p] = kept[p] = turn * row[p]


@compiled_fast
def _shift_back(
    turn: complex, shifter: int, column: ComplexArray, factors: TransferFactors
) -> None:
    """The same shifter, met on the way back."""
    kept = factors.shifter_out[shifter]
    for p in range(column.size):
        kept[p] = 1j * column[p]
        column[p] = turn * column[p]


@compiled_fast
def _couple_forward(
    bar: float,
    cross: complex,
    splitter: int,
    upper: ComplexArray,
    lower: ComplexArray,
    factors: TransferFactors,
) -> None:
    """A coupler between two arms, met by the light."""
    kept = factors.splitter_in[splitter]
    for p in range(upper.size):
        u, v = upper[p], lower[p]
        upper[p] = kept[0, p] = bar * u + cross * v
        lower[p] = kept[1, p] = cross * u + bar * v


@compiled_fast
def _couple_back(
    bar: float,
    cross: complex,
    splitter: int,
    upper: ComplexArray,
    lower: ComplexArray,
    factors: TransferFactors,
) -> None:
    """The same coupler, met on the way back: B is symmetric, sigma_x swaps the arms."""
    kept = factors.splitter_out[splitter]
    for p in range(upper.size):
        u, v = upper[p], lower[p]
        kept[0, p], kept[1, p] = 1j * v, 1j * u
        upper[p] = bar * u + cross * v
        lower[p] = cross * u + bar * v


@compiled_fast
def _cell_forward(
    chip: Couplers,
    cell: int,
    turn: complex,
    shifter: int,
    upper: ComplexArray,
    lower: ComplexArray,
    factors: TransferFactors,
) -> None:
    """Coupler, theta, coupler."""
    bar, cross = chip.first_bar[cell], 1j * chip.first_cross[cell]
    _couple_forward(bar, cross, 2 * cell, upper, lower, factors)
    _shift_forward(turn, shifter, upper, factors)
    bar, cross = chip.second_bar[cell], 1j * chip.second_cross[cell]
    _couple_forward(bar, cross, 2 * cell + 1, upper, lower, factors)


@compiled_fast
def _cell_back(
    chip: Couplers,
    cell: int,
    turn: complex,
    shifter: int,
    upper: ComplexArray,
    lower: ComplexArray,
    factors: TransferFactors,
) -> None:
    """The same three, from behind."""
    bar, cross = chip.second_bar[cell], 1j * chip.second_cross[cell]
    _couple_back(bar, cross, 2 * cell + 1, upper, lower, factors)
    _shift_back(turn, shifter, upper, factors)
    bar, cross = chip.first_bar[cell], 1j * chip.first_cross[cell]
    _couple_back(bar, cross, 2 * cell, upper, lower, factors)


@compiled_fast
def _forward(
    arrays: MeshArrays, chip: Couplers, turns: ComplexArray, factors: TransferFactors
) -> ComplexArray:
    """Walk with the light; the rows of what it has met so far become the inner factors."""
    ports, mode = arrays.ports, arrays.mode
    rows, dark = np.eye(ports).astype(np.complex128), np.empty(ports, np.complex128)
    shifter = cell = 0
    for mesh in range(arrays.meshes):
        for p in range(ports if mesh else 0):
            dark[:] = 0.0
            _cell_forward(chip, cell, turns[shifter], shifter, rows[p], dark, factors)
            shifter, cell = shifter + 1, cell + 1
        for m in mode:
            _shift_forward(turns[shifter], shifter, rows[m], factors)
            theta = shifter + 1
            _cell_forward(chip, cell, turns[theta], theta, rows[m], rows[m + 1], factors)
            shifter, cell = shifter + 2, cell + 1
        for p in range(ports):
            _shift_forward(turns[shifter], shifter, rows[p], factors)
            shifter += 1
    return rows


@compiled_fast
def _back(
    arrays: MeshArrays, chip: Couplers, turns: ComplexArray, factors: TransferFactors
) -> None:
    """Walk against the light; the columns of what it will meet become the outer factors."""
    ports, mode = arrays.ports, arrays.mode
    columns, dark = np.eye(ports).astype(np.complex128), np.empty(ports, np.complex128)
    shifter, cell = turns.size, chip.first_bar.size
    for mesh in range(arrays.meshes):
        for p in range(ports if mesh else 0):
            shifter, cell, dark[:] = shifter - 1, cell - 1, 0.0
            port = columns[ports - 1 - p]
            _cell_back(chip, cell, turns[shifter], shifter, port, dark, factors)
        for p in range(ports):
            shifter -= 1
            _shift_back(turns[shifter], shifter, columns[ports - 1 - p], factors)
        for m in mode[::-1]:
            shifter, cell = shifter - 2, cell - 1
            theta = shifter + 1
            _cell_back(chip, cell, turns[theta], theta, columns[m], columns[m + 1], factors)
            _shift_back(turns[shifter], shifter, columns[m], factors)


@compiled_fast
def transfer_factors(
    arrays: MeshArrays, chip: Couplers, phase_rad: NDArray[np.float64]
) -> TransferFactors:
    """Transfer matrix and all its first derivatives, as factors.

    Args:
        arrays: `MeshArchitecture.arrays()`.
        chip: `couplers(...)` of the same architecture.
        phase_rad: shape (shifters,), in rad, |phase| < 1e3.

    Returns:
        New arrays: 25 MB for a mesh of 64 ports, where dense derivatives would take 400 MB.
    """
    ports, shifters, splitters = arrays.ports, phase_rad.size, 2 * chip.first_bar.size
    sine, cosine = np.empty(shifters), np.empty(shifters)
    sin_cos(phase_rad, sine, cosine)
    factors = TransferFactors(
        np.empty((ports, ports), np.complex128),
        np.empty((shifters, ports), np.complex128),
        np.empty((shifters, ports), np.complex128),
        np.empty((splitters, 2, ports), np.complex128),
        np.empty((splitters, 2, ports), np.complex128),
    )
    turns = cosine + 1j * sine
    factors.transfer[:] = _forward(arrays, chip, turns, factors)
    _back(arrays, chip, turns, factors)
    return factors
