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
    def of(cls, architecture: ChipArchitecture) -> Self:
        """The neighbours within reach on this chip."""
        sites = architecture.shifter_sites()
        offset = np.abs(sites[:, None, :] - sites[None, :, :])
        near = np.hypot(offset[..., 0], offset[..., 1]) < REACH_PITCHES
        np.fill_diagonal(near, False)
        kinds = np.unique(offset[near], axis=0)
        return cls(
            tuple(
                scipy.sparse.csr_array((near & (offset == kind).all(axis=2)).astype(float))
                for kind in kinds
            )
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
        shifters = self.places[0].shape[0]
        whole = np.full((shifters, shifters), coefficient[-1])
        np.fill_diagonal(whole, 0.0)
        for place, value in zip(self.places, coefficient[:-1], strict=True):
            whole += value * place.toarray()
        return whole
