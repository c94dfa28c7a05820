"""The Cramer-Rao bound of a calibration: how well a chip can be known by what was measured.

Every measured matrix tells of every parameter by its slope there, over the noise; the inverse
of what all of them tell together is the least covariance that any unbiased procedure reaches
(Rao, Bull. Calcutta Math. Soc. 37, 81, 1945). Parameters that nothing tells of are held by
what is known beforehand, as in the procedure's own fit.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.chip_process import Look
from calibration.mesh.elements import Point, point_at, push
from calibration.mesh.parameters import SHIFTER_BLOCKS, Parameters
from calibration.neighbours import Neighbours
from calibration.result import ChipCalibration

__all__ = ["Known", "known_at_best", "pi_square_v2"]

FloatArray = NDArray[np.float64]


class Known(NamedTuple):
    """One sigma of each shifter, shape (shifters,)."""

    phase_off_rad: FloatArray
    """Of its phase with all heaters off."""
    pi_power: FloatArray
    """Of the drive for half a turn, squared, relative: that of P_pi."""


def pi_square_v2(phase_gain_rad_per_v2: FloatArray, curvature_per_v2: FloatArray) -> FloatArray:
    """Squared drive for an own phase of pi, in V^2."""
    heated = np.pi / phase_gain_rad_per_v2
    return heated + curvature_per_v2 * heated**2


def known_at_best(
    chip: ChipCalibration, looks: Sequence[Look], noise: float, off_die_c: float
) -> Known:
    """The bound for one chip.

    Args:
        chip: as it is, or very close.
        looks: all that was measured of it.
        noise: rms noise of one element of one measurement, of full scale.
        off_die_c: die temperature with all heaters off, in C.
    """
    centre = np.zeros(chip.architecture.shifters)
    parameters = Parameters(chip.architecture, Neighbours.of(chip.architecture), centre)
    information = np.eye(sum(parameters.sizes.values()))
    for look in looks:
        slopes = _slopes(parameters, chip, point_at(chip, look.drive_v, look.die_c))
        information += slopes @ slopes.T * (look.repeats / (0.5 * noise**2))
    covariance = np.linalg.inv(information)
    own = np.arange(len(SHIFTER_BLOCKS) * len(centre)).reshape(len(SHIFTER_BLOCKS), -1)
    blocks = np.asarray(covariance[own[:, None], own[None, :]], np.float64)  # (4, 4, shifters)
    by_off = _weights(PHASE=1.0, TEMPCO=off_die_c - chip.reference_die_c)
    heated = np.pi / chip.phase_gain_rad_per_v2
    square = pi_square_v2(chip.phase_gain_rad_per_v2, chip.curvature_per_v2)
    stiffness = 1.0 + 2.0 * chip.curvature_per_v2 * heated
    by_gain = -heated * stiffness / square
    by_bend = heated**2 * chip.phase_gain_rad_per_v2 / (2.0 * np.pi) / square
    by_pi = _weights(GAIN=by_gain, CURVATURE=by_bend)
    return Known(_sigma(blocks, by_off), _sigma(blocks, by_pi))


def _slopes(parameters: Parameters, chip: ChipCalibration, point: Point) -> FloatArray:
    """Slope of the matrix by every parameter, shape (parameters, 2 ports^2)."""
    levers, warmth = parameters.levers(chip, point), parameters.warmth(point)
    units = np.eye(sum(parameters.sizes.values()))
    changes = [push(point, parameters.to_elements(unit, levers, warmth)).ravel() for unit in units]
    return np.stack(changes).view(float)


def _weights(**of: FloatArray | float) -> list[FloatArray | float]:
    """What a quantity changes by, per unit of each of a shifter's own parameters."""
    return [of.get(block.name, 0.0) * block.unit for block in SHIFTER_BLOCKS]


def _sigma(blocks: FloatArray, weights: list[FloatArray | float]) -> FloatArray:
    variance = sum(
        one * blocks[a, b] * other
        for a, one in enumerate(weights)
        for b, other in enumerate(weights)
    )
    return np.asarray(np.sqrt(variance))
