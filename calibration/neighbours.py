"""Which shifters warm which: crosstalk with one coefficient per relative place.

Heat does not know which shifter it left, only how far it has to go, and a mesh repeats its
cells: so every pair of shifters with the same offset along and across the light shares one
coefficient, and one more stands for the chip as a whole. A handful of unknowns instead of
P^2, and nothing is assumed of how heat falls off with distance.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from lumina.theory.architecture import ChipArchitecture

__all__ = ["Neighbours"]

FloatArray = NDArray[np.float64]

REACH_PITCHES = 2.3
"""Beyond it a neighbour is part of the chip as a whole."""


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The places from which a shifter is warmed.

    Attributes:
        places: one matrix per relative place, shape (shifters, shifters), with 1 where the
            row's shifter has the column's at that place.
    """

    places: tuple[scipy.sparse.csr_array, ...]

    @classmethod
    def of(cls, architecture: ChipArchitecture, channel: NDArray[np.int64] | None = None) -> Self:
        """The neighbours within reach on this chip.

        Args:
            architecture: the chip's arrangement.
            channel: shape (shifters,), the channel that drives each place; by default they
                are in order. The matrices count by channel.
        """
        sites, count = architecture.shifter_sites(), architecture.shifters
        if channel is not None:
            sites = sites[np.argsort(channel)]
        pairs = cKDTree(sites).query_pairs(REACH_PITCHES, output_type="ndarray")
        offset = np.abs(sites[pairs[:, 0]] - sites[pairs[:, 1]])
        _, kind = np.unique(offset, axis=0, return_inverse=True)
        return cls(
            tuple(_mutual(pairs[kind.ravel() == one], count) for one in range(kind.max() + 1))
        )

    @property
    def count(self) -> int:
        """Coefficients: one per place, and one for the whole chip."""
        return len(self.places) + 1

    def warmth(self, own_phase_rad: FloatArray) -> FloatArray:
        """What each coefficient multiplies.

        Args:
            own_phase_rad: shape (..., shifters), in rad; at most two-dimensional.

        Returns:
            Shape (count, ..., shifters), in rad.
        """
        near = [(place @ own_phase_rad.T).T for place in self.places]
        whole = own_phase_rad.sum(axis=-1, keepdims=True) - own_phase_rad
        return np.stack([*near, whole])

    def matrix(self, coefficient: FloatArray) -> FloatArray:
        """The crosstalk matrix, shape (shifters, shifters), without its diagonal.

        Args:
            coefficient: shape (count,).
        """
        near = [c * place for c, place in zip(coefficient[:-1], self.places, strict=True)]
        whole: FloatArray = sum(near).toarray() + coefficient[-1]
        np.fill_diagonal(whole, 0.0)
        return whole


def _mutual(pairs: NDArray[np.int64], count: int) -> scipy.sparse.csr_array:
    """Matrix with 1 for each pair, both ways."""
    rows, columns = np.concatenate([pairs, pairs[:, ::-1]]).T
    return scipy.sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(count, count))
