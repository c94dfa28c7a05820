"""From a matrix to the phases that make a perfect mesh compute it.

Conventions and numbering are those of `lumina.theory.mesh`. With perfect couplers

    T = j e^{j theta/2} [[e^{j phi} sin, cos], [e^{j phi} cos, -sin]] (theta/2)

The triangular arrangement empties the matrix row by row with T^-1 from the right (Reck et
al., PRL 73, 58, 1994). The rectangular one empties it along its diagonals, from the right
and the left in turn, and then draws the left factors through the diagonal that remains
(Clements et al., Optica 3, 1460, 2016).

In IEEE arithmetic, not with reordered sums: where two sets of phases are equally good,
rounding decides, and code fresh from the compiler rounded otherwise than the same code
from the cache.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lumina.compiled import compiled
from lumina.errors import MatrixError
from lumina.theory.mesh import MeshArchitecture

__all__ = ["rectangular_phases", "svd_phases", "triangular_phases"]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

UNITARY_TOLERANCE = 1e-8
"""Largest element of U^H U - 1 that still passes for rounding."""

NORM_TOLERANCE = 1e-9
"""How far a spectral norm may exceed 1 and still pass for rounding."""


@compiled
def _null_right(u: ComplexArray, row: int, m: int, cell: int, phase: FloatArray) -> None:
    """Make u[row, m] zero by T^-1 on the columns m, m + 1; note T's phases for that cell."""
    left, right = u[row, m], u[row, m + 1]
    phi = np.angle(-left * right.conjugate())
    theta = 2.0 * np.arctan2(abs(right), abs(left))
    phase[2 * cell], phase[2 * cell + 1] = phi, theta
    factor = -1j * np.exp(-0.5j * theta)
    back = np.exp(-1j * phi)
    sin, cos = factor * np.sin(0.5 * theta), factor * np.cos(0.5 * theta)
    # Rows below are empty in both columns by now.
    for i in range(row + 1):
        a, b = back * u[i, m], u[i, m + 1]
        u[i, m] = sin * a + cos * b
        u[i, m + 1] = cos * a - sin * b
    u[row, m] = 0.0


@compiled
def _null_left(u: ComplexArray, row: int, column: int) -> tuple[complex, complex]:
    """Make u[row, column] zero by a rotation of the rows row - 1, row; return its (c, s)."""
    upper, lower = u[row - 1, column], u[row, column]
    norm = np.sqrt(abs(upper) ** 2 + abs(lower) ** 2)
    c, s = (upper / norm, lower / norm) if norm > 0.0 else (1.0 + 0.0j, 0.0j)
    for i in range(column, u.shape[1]):
        a, b = u[row - 1, i], u[row, i]
        u[row - 1, i] = c.conjugate() * a + s.conjugate() * b
        u[row, i] = c * b - s * a
    u[row, column] = 0.0
    return c, s


@compiled
def _draw_through(
    c: complex, s: complex, d: ComplexArray, m: int, cell: int, phase: FloatArray
) -> None:
    """Turn rotation^-1 diag(d) into diag(d') T, in place; note T's phases for that cell.

    W = [[c, -s*], [s, c*]] diag(d_m, d_n) is unitary, and any unitary is diag(d') T:
    |W00| = sin(theta/2), and W00 / W01 = e^{j phi} tan(theta/2) = -(W11 / W10)*.
    """
    w00, w01 = c * d[m], -s.conjugate() * d[m + 1]
    w10, w11 = s * d[m], c.conjugate() * d[m + 1]
    theta = 2.0 * np.arctan2(abs(w00), abs(w01))
    phi = np.angle(w00 * w01.conjugate() - w10 * w11.conjugate())
    phase[2 * cell], phase[2 * cell + 1] = phi, theta
    back = -1j * np.exp(-0.5j * theta)
    turn = np.exp(1j * phi)
    sin, cos = np.sin(0.5 * theta), np.cos(0.5 * theta)
    upper = back * (w00 * turn.conjugate() * sin + w01 * cos)
    lower = back * (w10 * turn.conjugate() * cos - w11 * sin)
    d[m], d[m + 1] = upper / abs(upper), lower / abs(lower)


@compiled
def _finish(d: ComplexArray, phase: FloatArray) -> None:
    """Note the output phases and bring all phases into [0, 2 pi)."""
    n = d.size
    for p in range(n):
        phase[n * (n - 1) + p] = np.angle(d[p])
    for i in range(phase.size):
        wrapped = phase[i] % (2.0 * np.pi)
        phase[i] = wrapped if wrapped < 2.0 * np.pi else 0.0


@compiled
def _cell_table(mode: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Number of the t-th MZI that the light meets on the modes (m, m + 1), at [m, t]."""
    table = np.full((n - 1, n), -1)
    met = np.zeros(n - 1, np.int64)
    for cell in range(mode.size):
        m = mode[cell]
        table[m, met[m]] = cell
        met[m] += 1
    return table


@compiled
def _triangular(u: ComplexArray, mode: NDArray[np.int64]) -> FloatArray:
    """Phases of a triangular mesh from a unitary, which is used up."""
    n = u.shape[0]
    table, phase = _cell_table(mode, n), np.zeros(n * n)
    for row in range(n - 1, 0, -1):
        for m in range(row):
            _null_right(u, row, m, table[m, n - 1 - row], phase)
    _finish(np.diag(u), phase)
    return phase


@compiled
def _rectangular(u: ComplexArray, mode: NDArray[np.int64]) -> FloatArray:
    """Phases of a rectangular mesh from a unitary, which is used up.

    The j-th MZI of a diagonal stands in column j from the input when it empties from the
    right, in column j from the output when it empties from the left.
    """
    n = u.shape[0]
    table, phase = _cell_table(mode, n), np.zeros(n * n)
    rotation, cell = np.empty((mode.size, 2), np.complex128), np.empty(mode.size, np.int64)
    count = 0
    for diagonal in range(n - 1):
        for j in range(diagonal + 1):
            if diagonal % 2 == 0:
                m = diagonal - j
                _null_right(u, n - 1 - j, m, table[m, j // 2], phase)
            else:
                row = n - 1 - diagonal + j
                rotation[count, 0], rotation[count, 1] = _null_left(u, row, j)
                cell[count] = table[row - 1, (n - 1 - j) // 2]
                count += 1
    d = np.diag(u).copy()
    for i in range(count - 1, -1, -1):
        _draw_through(rotation[i, 0], rotation[i, 1], d, mode[cell[i]], cell[i], phase)
    _finish(d, phase)
    return phase


def _square(matrix: ArrayLike) -> ComplexArray:
    """The matrix as a new complex array, if it is square, 2 x 2 or larger, and finite."""
    values = np.array(matrix, np.complex128, order="C")
    if values.ndim != 2 or values.shape[0] != values.shape[1] or values.shape[0] < 2:
        raise MatrixError(f"shape {values.shape} (allowed: square, 2 x 2 or larger)")
    if not np.isfinite(values).all():
        raise MatrixError("the matrix has elements that are not finite (allowed: finite numbers)")
    return values


def _unitary(matrix: ArrayLike) -> ComplexArray:
    """As `_square`, and unitary."""
    values = _square(matrix)
    excess = np.abs(values.conj().T @ values - np.eye(len(values))).max()
    if excess > UNITARY_TOLERANCE:
        raise MatrixError(
            f"not unitary: U^H U differs from 1 by {excess:.2g} (allowed: {UNITARY_TOLERANCE:g})"
        )
    return values


def rectangular_phases(unitary: ArrayLike) -> FloatArray:
    """Phases with which a perfect "unitary" (rectangular) mesh computes the matrix.

    Args:
        unitary: shape (N, N), N >= 2, real or complex.

    Returns:
        Shape (N^2,), in rad, in [0, 2 pi), numbered as in `lumina.theory.mesh`.

    Raises:
        MatrixError: wrong shape, not finite or not unitary.
    """
    u = _unitary(unitary)
    phase: FloatArray = _rectangular(u, MeshArchitecture(len(u), "unitary").arrays().mode)
    return phase


def triangular_phases(unitary: ArrayLike) -> FloatArray:
    """As `rectangular_phases`, for a "triangular" mesh."""
    u = _unitary(unitary)
    phase: FloatArray = _triangular(u, MeshArchitecture(len(u), "triangular").arrays().mode)
    return phase


def svd_phases(matrix: ArrayLike) -> FloatArray:
    """Phases with which a perfect "svd" chip computes the matrix.

    An attenuator passes t = j e^{j theta/2} sin(theta/2). Its modulus is made the singular
    value; its phase is taken back by the output phase of V on the same port.

    Args:
        matrix: shape (N, N), N >= 2, real or complex, of spectral norm 1 or less, of any
            rank: a chip without gain cannot amplify.

    Returns:
        Shape (2 N^2 + N,), in rad, in [0, 2 pi), numbered as in `lumina.theory.mesh`.

    Raises:
        MatrixError: wrong shape, not finite, or spectral norm above 1.
    """
    u, singular, v = np.linalg.svd(_square(matrix))
    if singular[0] > 1.0 + NORM_TOLERANCE:
        raise MatrixError(f"spectral norm {singular[0]:.6g} (allowed: 0 .. 1): scale the matrix")
    mode = MeshArchitecture(len(u), "svd").arrays().mode
    theta = 2.0 * np.arcsin(np.minimum(singular, 1.0))
    turned = np.exp(-0.5j * (np.pi + theta))[:, None] * v
    return np.concatenate([_rectangular(turned, mode), theta, _rectangular(u, mode)])
