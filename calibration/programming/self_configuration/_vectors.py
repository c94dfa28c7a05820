"""Light that enters one diagonal of a triangular mesh where it is wanted, and nowhere else.

The diagonal number d ends at output N - 1 - d; its interferometer m takes the modes m and
m + 1. Input vectors on the first m + 2 + d ports that the outputs of the earlier diagonals do
not see light the modes 0 .. m + 1 there, and each of their orthogonal directions one of its
own. So what lies in front of the diagonal need not be known: only what the outputs of the
earlier ones see, which is measured.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["dark_at", "lower_arm"]

ComplexArray = NDArray[np.complex128]


def lower_arm(seen: ComplexArray, cell: int, ports: int) -> ComplexArray:
    """Inputs, shape (ports,), of unit norm, that light the lower input of an interferometer.

    Args:
        seen: shape (diagonals, ports), what the outputs of the earlier diagonals see.
        cell: the interferometer's number on its diagonal.
        ports: of the mesh.
    """
    reach = cell + 2 + len(seen)
    inside = _unseen(seen[:, : reach - 1])
    inside = np.pad(inside, ((0, 0), (0, 1)))
    return _padded(_unseen(np.vstack([seen[:, :reach], inside.conj()]))[-1], ports)


def dark_at(
    seen: ComplexArray, row: ComplexArray, done: list[ComplexArray], cell: int
) -> ComplexArray:
    """Inputs, shape (ports,), of unit norm, that the diagonal's output must not see.

    Of those whose light ends at this interferometer the one that is left: orthogonal to those
    that the interferometers before it have made dark.

    Args:
        seen: as in `lower_arm`.
        row: shape (ports,), what the diagonal's output is to see.
        done: the vectors of the interferometers before this one.
        cell: the interferometer's number on its diagonal.
    """
    reach = cell + 2 + len(seen)
    rows = [*seen, row, *(vector.conj() for vector in done)]
    return _padded(_unseen(np.stack(rows)[:, :reach])[-1], len(row))


def _unseen(rows: ComplexArray) -> ComplexArray:
    """Orthonormal vectors, shape (count, columns), with which none of the rows has a product."""
    columns = rows.shape[1]
    if not len(rows):
        return np.eye(columns, dtype=complex)
    _, _, directions = np.linalg.svd(rows)
    return np.asarray(directions[len(rows) :].conj())


def _padded(vector: ComplexArray, ports: int) -> ComplexArray:
    return np.pad(vector, (0, ports - len(vector)))
