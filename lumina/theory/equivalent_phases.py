"""Programs that are alike: other phases with which a perfect mesh computes the same matrix.

An interferometer at -theta and phi + pi does what it did before, but for phases on its arms:

    T(phi + pi, -theta) = e^{-j theta} diag(1, -1) T(phi, theta)

The phase that both arms share passes on, and so does the sign of the lower one, as part of the
next interferometers' external phases; in the end the output phases take them. So each
interferometer offers a choice of two, and likewise each attenuator: t(-theta) =
-e^{-j theta} t(theta).
"""

import numpy as np
from numpy.typing import NDArray

from lumina.compiled import compiled
from lumina.theory.mesh import MeshArrays

__all__ = ["cheapest_phases"]

FloatArray = NDArray[np.float64]


@compiled
def _cost(phase_rad: float, lowest_rad: float) -> float:
    """What a heater has to turn to reach a phase that it can reach from `lowest_rad` on."""
    return float((phase_rad - lowest_rad) % (2.0 * np.pi))


@compiled
def cheapest_phases(
    arrays: MeshArrays, phase_rad: FloatArray, lowest_rad: FloatArray
) -> FloatArray:
    """Phases that are alike, and take less of the heaters.

    Every choice is made as the light meets it: the cheaper one of the two, whatever it brings
    to those that come later, which is anything.

    Args:
        arrays: `MeshArchitecture.arrays()`.
        phase_rad: shape (shifters,), of a perfect chip, in rad.
        lowest_rad: shape (shifters,), the phase of each shifter with its heater at its lowest.

    Returns:
        Shape (shifters,), in rad.
    """
    ports, phase = arrays.ports, phase_rad.copy()
    late = np.zeros(ports)
    shifter = 0
    for mesh in range(arrays.meshes):
        for p in range(ports if mesh else 0):
            theta, low = phase[shifter], lowest_rad[shifter]
            if _cost(-theta, low) < _cost(theta, low):
                phase[shifter] = -theta
                late[p] += theta + np.pi
            shifter += 1
        for m in arrays.mode:
            phi, theta = phase[shifter] + late[m] - late[m + 1], phase[shifter + 1]
            low, inner = lowest_rad[shifter], lowest_rad[shifter + 1]
            kept = _cost(phi, low) + _cost(theta, inner)
            late[m] = late[m + 1]
            if _cost(phi + np.pi, low) + _cost(-theta, inner) < kept:
                phi, late[m] = phi + np.pi, late[m] + theta
                late[m + 1] += theta + np.pi
                theta = -theta
            phase[shifter], phase[shifter + 1] = phi, theta
            shifter += 2
        for p in range(ports):
            phase[shifter] += late[p]
            late[p] = 0.0
            shifter += 1
    return phase
