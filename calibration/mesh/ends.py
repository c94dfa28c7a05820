"""What the ports do to the light before and behind the mesh: facets, modulators, receivers.

With all attenuators open a mesh turns and mixes but does not dim, so the matrix between its
ports has rows and columns of equal power; what the receivers see has not. One set of gains
for the outputs and one for the inputs makes up the difference (Sinkhorn's scaling of a
positive matrix, Ann. Math. Statist. 35, 876, 1964: it exists, and is unique).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Ends", "ends_of"]

FloatArray = NDArray[np.float64]

_ROUNDS = 50


class Ends(NamedTuple):
    """Gains of the ports relative to their geometric means, each of shape (ports,)."""

    output: FloatArray
    input: FloatArray

    def taken_off(self, matrix: NDArray[np.complex128]) -> NDArray[np.complex128]:
        """A matrix, shape (..., outputs, inputs), as it is between the ports."""
        return np.asarray(matrix / (self.output[:, None] * self.input))


def ends_of(bright: NDArray[np.complex128]) -> Ends:
    """Gains of outputs and inputs, from the transfer matrix of an open chip.

    Args:
        bright: shape (ports, ports), of full scale; noise far below its rows' size.
    """
    power = np.abs(bright) ** 2
    output, inward = np.ones(len(power)), np.ones(len(power))
    for _ in range(_ROUNDS):
        output = (power / inward).sum(axis=1)
        inward = (power / output[:, None]).sum(axis=0)
    return Ends(_relative(np.sqrt(output)), _relative(np.sqrt(inward)))


def _relative(gain: FloatArray) -> FloatArray:
    return np.asarray(gain / np.exp(np.log(gain).mean()))
