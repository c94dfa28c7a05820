"""Small changes of a mesh's elements pushed to its transfer matrix, and pulled back.

`lumina.theory.mesh_derivatives` keeps the derivative by every element, N^3 numbers; a fit
needs only their sum along one direction (`push`), and the inner product of all of them with
one matrix (`pull`): the Jacobian and its transpose, at the price of a few forward passes.

Rows X of what the light has met so far change by D. At a shifter X becomes e^{j phase} X, at
a coupler B X, and since dB/da = j sigma_x B

    D becomes  e^{j phase} D + j dphase X       at a shifter, with the new X
               B D + (j da sigma_x + dl) X      at a coupler of log-amplitude l

`pull` runs the same backwards on an adjoint row for every row; X itself is undone on the way,
as a lossy coupler is a unitary times its amplitude.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lumina.compiled import compiled_fast
from lumina.theory.mesh import MeshArrays
from lumina.theory.mesh_kernels import Couplers
from lumina.theory.trigonometry import sin_cos

__all__ = ["Changes", "pull", "push"]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]


class Changes(NamedTuple):
    """One number per element: a change of it, or what pulls at it."""

    phase: FloatArray
    """Shape (shifters,), rad."""
    splitter: FloatArray
    """Shape (splitters,), rad."""
    log_amplitude: FloatArray
    """Shape (interferometers,): of the field that an interferometer passes on."""


class _Fields(NamedTuple):
    """Rows of fields; real and imaginary parts apart, as the vector unit wants them."""

    re: FloatArray
    """Shape (ports, ports)."""
    im: FloatArray
    """Shape (ports, ports)."""


class _Cell(NamedTuple):
    """One interferometer, or half of one: an attenuator has no external phase."""

    first_bar: float
    first_cross: float
    second_bar: float
    second_cross: float
    external: complex
    """e^{j phi}"""
    internal: complex
    """e^{j theta}"""


class _Rates(NamedTuple):
    """How the elements of one interferometer change."""

    external: float
    internal: float
    first: float
    second: float
    log_amplitude: float


@compiled_fast
def _turns(phase_rad: FloatArray) -> ComplexArray:
    sine, cosine = np.empty(phase_rad.size), np.empty(phase_rad.size)
    sin_cos(phase_rad, sine, cosine)
    return cosine + 1j * sine


@compiled_fast
def _identity(ports: int) -> _Fields:
    return _Fields(np.eye(ports), np.zeros((ports, ports)))


@compiled_fast
def _dark(ports: int) -> _Fields:
    return _Fields(np.zeros((ports, ports)), np.zeros((ports, ports)))


@compiled_fast
def _cell(chip: Couplers, cell: int, external: complex, internal: complex) -> _Cell:
    return _Cell(
        chip.first_bar[cell],
        chip.first_cross[cell],
        chip.second_bar[cell],
        chip.second_cross[cell],
        external,
        internal,
    )


@compiled_fast
def _rates(changes: Changes, cell: int, external: float, shifter: int) -> _Rates:
    return _Rates(
        external,
        changes.phase[shifter],
        changes.splitter[2 * cell],
        changes.splitter[2 * cell + 1],
        changes.log_amplitude[cell],
    )


@compiled_fast
def _push_cell(c: _Cell, by: _Rates, rows: _Fields, moved: _Fields, m: int, n: int) -> None:
    """Phi, coupler, theta, coupler, on the rows m and n of fields and of their changes."""
    x1, x2, gain = 1j * c.first_cross, 1j * c.second_cross, by.log_amplitude
    turn1, turn2 = 1j * by.external, 1j * by.internal
    bend1, bend2 = 1j * by.first, 1j * by.second
    for p in range(rows.re.shape[1]):
        u, v = complex(rows.re[m, p], rows.im[m, p]), complex(rows.re[n, p], rows.im[n, p])
        du, dv = complex(moved.re[m, p], moved.im[m, p]), complex(moved.re[n, p], moved.im[n, p])
        u = c.external * u
        du = c.external * du + turn1 * u
        u, v, du, dv = (
            c.first_bar * u + x1 * v,
            x1 * u + c.first_bar * v,
            c.first_bar * du + x1 * dv,
            x1 * du + c.first_bar * dv,
        )
        du, dv = du + bend1 * v, dv + bend1 * u
        u = c.internal * u
        du = c.internal * du + turn2 * u
        u, v, du, dv = (
            c.second_bar * u + x2 * v,
            x2 * u + c.second_bar * v,
            c.second_bar * du + x2 * dv,
            x2 * du + c.second_bar * dv,
        )
        du, dv = du + bend2 * v + gain * u, dv + bend2 * u + gain * v
        rows.re[m, p], rows.im[m, p], rows.re[n, p], rows.im[n, p] = u.real, u.imag, v.real, v.imag
        moved.re[m, p], moved.im[m, p] = du.real, du.imag
        moved.re[n, p], moved.im[n, p] = dv.real, dv.imag


@compiled_fast
def _push_shift(turn: complex, rate: float, rows: _Fields, moved: _Fields, m: int) -> None:
    """A shifter on one arm."""
    source = 1j * rate
    for p in range(rows.re.shape[1]):
        u = turn * complex(rows.re[m, p], rows.im[m, p])
        du = turn * complex(moved.re[m, p], moved.im[m, p]) + source * u
        rows.re[m, p], rows.im[m, p] = u.real, u.imag
        moved.re[m, p], moved.im[m, p] = du.real, du.imag


@compiled_fast
def _pass_on(
    arrays: MeshArrays,
    chip: Couplers,
    turns: ComplexArray,
    changes: Changes,
    rows: _Fields,
    moved: _Fields,
    middle: _Fields,
) -> None:
    """Send fields and their changes through the chip; notes those before the attenuators."""
    ports = arrays.ports
    nothing, still = _dark(ports), _dark(ports)
    shifter = cell = 0
    for mesh in range(arrays.meshes):
        if mesh:
            middle.re[:], middle.im[:] = rows.re, rows.im
        for p in range(ports if mesh else 0):
            _dim(chip, cell, turns[shifter], changes, shifter, rows, moved, nothing, still, p)
            shifter, cell = shifter + 1, cell + 1
        for m in arrays.mode:
            c = _cell(chip, cell, turns[shifter], turns[shifter + 1])
            by = _rates(changes, cell, changes.phase[shifter], shifter + 1)
            _push_cell(c, by, rows, moved, m, m + 1)
            shifter, cell = shifter + 2, cell + 1
        for p in range(ports):
            _push_shift(turns[shifter], changes.phase[shifter], rows, moved, p)
            shifter += 1


@compiled_fast
def _dim(
    chip: Couplers,
    cell: int,
    turn: complex,
    changes: Changes,
    shifter: int,
    rows: _Fields,
    moved: _Fields,
    pair: _Fields,
    pair_moved: _Fields,
    p: int,
) -> None:
    """An attenuator on row p; the pair's row 0 is it, row 1 its dark arm."""
    pair.re[0], pair.im[0], pair.re[1], pair.im[1] = rows.re[p], rows.im[p], 0.0, 0.0
    pair_moved.re[0], pair_moved.im[0] = moved.re[p], moved.im[p]
    pair_moved.re[1], pair_moved.im[1] = 0.0, 0.0
    by = _rates(changes, cell, 0.0, shifter)
    _push_cell(_cell(chip, cell, 1.0 + 0.0j, turn), by, pair, pair_moved, 0, 1)
    rows.re[p], rows.im[p] = pair.re[0], pair.im[0]
    moved.re[p], moved.im[p] = pair_moved.re[0], pair_moved.im[0]


@compiled_fast
def push(
    arrays: MeshArrays, chip: Couplers, phase_rad: FloatArray, changes: Changes
) -> ComplexArray:
    """Change of the transfer matrix, shape (ports, ports), by small changes of the elements.

    Args:
        arrays: `MeshArchitecture.arrays()`.
        chip: `couplers(...)` of the same architecture.
        phase_rad: shape (shifters,), in rad, |phase| < 1e3.
        changes: of every element, to first order.
    """
    moved = _dark(arrays.ports)
    rows, middle = _identity(arrays.ports), _dark(arrays.ports)
    _pass_on(arrays, chip, _turns(phase_rad), changes, rows, moved, middle)
    return moved.re + 1j * moved.im


@compiled_fast
def _pull_cell(c: _Cell, rows: _Fields, adjoint: _Fields, m: int, n: int) -> _Rates:
    """The same four from behind: undoes rows and adjoints; what pulls at each element."""
    x1, x2 = -1j * c.first_cross, -1j * c.second_cross
    undo1 = 1.0 / (c.first_bar**2 + c.first_cross**2)
    undo2 = 1.0 / (c.second_bar**2 + c.second_cross**2)
    back1, back2 = c.external.conjugate(), c.internal.conjugate()
    external = internal = first = second = amplitude = 0.0
    for p in range(rows.re.shape[1]):
        u, v = complex(rows.re[m, p], rows.im[m, p]), complex(rows.re[n, p], rows.im[n, p])
        a, b = (
            complex(adjoint.re[m, p], adjoint.im[m, p]),
            complex(adjoint.re[n, p], adjoint.im[n, p]),
        )
        second += v.real * a.imag - v.imag * a.real + u.real * b.imag - u.imag * b.real
        amplitude += u.real * a.real + u.imag * a.imag + v.real * b.real + v.imag * b.imag
        u, v, a, b = (
            undo2 * (c.second_bar * u + x2 * v),
            undo2 * (x2 * u + c.second_bar * v),
            c.second_bar * a + x2 * b,
            x2 * a + c.second_bar * b,
        )
        internal += u.real * a.imag - u.imag * a.real
        u, a = back2 * u, back2 * a
        first += v.real * a.imag - v.imag * a.real + u.real * b.imag - u.imag * b.real
        u, v, a, b = (
            undo1 * (c.first_bar * u + x1 * v),
            undo1 * (x1 * u + c.first_bar * v),
            c.first_bar * a + x1 * b,
            x1 * a + c.first_bar * b,
        )
        external += u.real * a.imag - u.imag * a.real
        u, a = back1 * u, back1 * a
        rows.re[m, p], rows.im[m, p], rows.re[n, p], rows.im[n, p] = u.real, u.imag, v.real, v.imag
        adjoint.re[m, p], adjoint.im[m, p] = a.real, a.imag
        adjoint.re[n, p], adjoint.im[n, p] = b.real, b.imag
    return _Rates(external, internal, first, second, amplitude)


@compiled_fast
def _pull_shift(turn: complex, rows: _Fields, adjoint: _Fields, m: int) -> float:
    """A shifter from behind: what pulls at its phase."""
    back, pulled = turn.conjugate(), 0.0
    for p in range(rows.re.shape[1]):
        u, a = complex(rows.re[m, p], rows.im[m, p]), complex(adjoint.re[m, p], adjoint.im[m, p])
        pulled += u.real * a.imag - u.imag * a.real
        u, a = back * u, back * a
        rows.re[m, p], rows.im[m, p] = u.real, u.imag
        adjoint.re[m, p], adjoint.im[m, p] = a.real, a.imag
    return pulled


@compiled_fast
def _note(pulls: Changes, rates: _Rates, cell: int, internal: int) -> None:
    """Keep what pulls at one interferometer."""
    pulls.phase[internal] = rates.internal
    pulls.splitter[2 * cell], pulls.splitter[2 * cell + 1] = rates.first, rates.second
    pulls.log_amplitude[cell] = rates.log_amplitude


@compiled_fast
def pull(arrays: MeshArrays, chip: Couplers, phase_rad: FloatArray, rest: ComplexArray) -> Changes:
    """Real inner product Re tr(dM^H rest) of a matrix with the derivative by every element.

    Args:
        arrays: `MeshArchitecture.arrays()`.
        chip: `couplers(...)` of the same architecture.
        phase_rad: shape (shifters,), in rad, |phase| < 1e3.
        rest: shape (ports, ports).
    """
    ports, turns = arrays.ports, _turns(phase_rad)
    count, cells = phase_rad.size, chip.first_bar.size
    pulls = Changes(np.zeros(count), np.zeros(2 * cells), np.zeros(cells))
    rows, middle, pair = _identity(ports), _dark(ports), _dark(ports)
    _pass_on(arrays, chip, turns, pulls, rows, _dark(ports), middle)
    adjoint, pair_adjoint = _Fields(rest.real.copy(), rest.imag.copy()), _dark(ports)
    shifter, cell = count, cells
    for mesh in range(arrays.meshes - 1, -1, -1):
        for p in range(ports - 1, -1, -1):
            shifter -= 1
            pulls.phase[shifter] = _pull_shift(turns[shifter], rows, adjoint, p)
        for m in arrays.mode[::-1]:
            shifter, cell = shifter - 2, cell - 1
            c = _cell(chip, cell, turns[shifter], turns[shifter + 1])
            rates = _pull_cell(c, rows, adjoint, m, m + 1)
            pulls.phase[shifter] = rates.external
            _note(pulls, rates, cell, shifter + 1)
        for p in range(ports - 1, -1, -1) if mesh else range(0):
            shifter, cell = shifter - 1, cell - 1
            # Most of the light may be lost in an attenuator: it is sent again, not undone.
            rows.re[p], rows.im[p] = middle.re[p], middle.im[p]
            _dim(
                chip,
                cell,
                turns[shifter],
                pulls,
                shifter,
                rows,
                _dark(ports),
                pair,
                _dark(ports),
                p,
            )
            pair_adjoint.re[0], pair_adjoint.im[0] = adjoint.re[p], adjoint.im[p]
            pair_adjoint.re[1], pair_adjoint.im[1] = 0.0, 0.0
            c = _cell(chip, cell, 1.0 + 0.0j, turns[shifter])
            _note(pulls, _pull_cell(c, pair, pair_adjoint, 0, 1), cell, shifter)
            adjoint.re[p], adjoint.im[p] = pair_adjoint.re[0], pair_adjoint.im[0]
            rows.re[p], rows.im[p] = middle.re[p], middle.im[p]
    return pulls
