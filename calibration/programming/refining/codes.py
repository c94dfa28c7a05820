"""The setting of the heaters' converters that brings a matrix closest to where it should be.

Converters have steps: with 12 bits one is some milliradians of phase, and rounding each
heater by itself leaves an error that no better model takes away. Rounded one after the other,
each heater makes up for what those before it left (Babai, Combinatorica 6, 1, 1986): the
error that stays is the part of each step that no other heater can undo.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibration.heaters import (
    HeaterModel,
    compensation_rad_per_k,
    drive_for_own_phases_v,
    own_phases_rad,
)
from calibration.programming.headroom import tight, with_headroom
from calibration.programming.refining._looks import HoldsPhases

__all__ = ["Converters", "closest_steps"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_MARGIN_RAD = 0.05
"""Own phase that compensation can still take away, or give."""


class Converters(NamedTuple):
    """The heaters' converters at one temperature of the die."""

    heaters: HeaterModel
    step_v: float
    max_v: float
    drift_rad: FloatArray
    """Shape (shifters,): own phase that compensation takes away at present."""

    @classmethod
    def of(cls, chip: HoldsPhases, heaters: HeaterModel) -> "Converters":
        """Those of a chip as it stands."""
        drift_rad = compensation_rad_per_k(heaters) * chip.warming_k()
        return cls(heaters, chip.drive_step_v, chip.max_drive_v, drift_rad)

    def turned(self, own_rad: FloatArray) -> FloatArray:
        """Own phases, shape (shifters,), in rad, moved by turns into the heaters' range."""
        turns = tight(own_rad - self.drift_rad, self._limit_rad(), _MARGIN_RAD)
        turns = turns * self.heaters.good
        return with_headroom(own_rad, turns, self.heaters) if turns.any() else own_rad

    def codes(self, own_rad: FloatArray) -> IntArray:
        """Codes, shape (shifters,), that give these own phases most closely."""
        given_rad = np.clip(own_rad - self.drift_rad, 0.0, self._limit_rad())
        drive_v = drive_for_own_phases_v(self.heaters, given_rad)
        return np.round(drive_v / self.step_v).astype(np.int64)

    def _given_rad(self, codes: IntArray) -> FloatArray:
        drive_v = np.multiply(codes, self.step_v, dtype=np.float64)
        return own_phases_rad(self.heaters, drive_v)

    def _limit_rad(self) -> FloatArray:
        return own_phases_rad(self.heaters, np.full(self.drift_rad.size, self.max_v))

    def moved(self, codes: IntArray, steps: IntArray) -> IntArray:
        """Codes some steps further, within the range."""
        return np.asarray(np.clip(codes + steps, 0, round(self.max_v / self.step_v)))

    def own_rad(self, codes: IntArray) -> FloatArray:
        """Own phases, shape (shifters,), in rad, that these codes give."""
        given_rad = self._given_rad(codes)
        own_rad = np.maximum(given_rad + self.drift_rad, 0.0)
        return np.where(self.heaters.good, own_rad, 0.0)

    def step_rad(self, codes: IntArray) -> FloatArray:
        """Own phase, shape (shifters,), in rad, of one step there; 0 for a faulty heater."""
        ahead, behind = self._given_rad(codes + 1), self._given_rad(np.maximum(codes - 1, 0))
        return np.where(self.heaters.good, 0.5 * (ahead - behind), 0.0)


def closest_steps(slopes: FloatArray, missing: FloatArray, damping: FloatArray) -> IntArray:
    """Steps of the converters, shape (shifters,), that leave the least missing.

    Args:
        slopes: shape (numbers, shifters), of the matrix per step.
        missing: shape (numbers,), of the matrix.
        damping: shape (shifters,), what a squared step costs.
    """
    normal = slopes.T @ slopes
    diagonal = normal[np.diag_indices_from(normal)]
    normal[np.diag_indices_from(normal)] += np.maximum(damping, 1e-12 * diagonal.max())
    order = np.argsort(diagonal)  # what is worth most is rounded first, and made up for
    steps = np.zeros(len(order), np.int64)
    steps[order] = _nearest_plane(normal[np.ix_(order, order)], (slopes.T @ missing)[order])
    return steps


def _nearest_plane(normal: FloatArray, pull: FloatArray) -> IntArray:
    """Each unknown rounded in turn, from the last, given those before it."""
    upper = np.linalg.cholesky(normal).T
    wanted = np.linalg.solve(upper.T, pull)
    steps = np.zeros(len(pull))
    for k in range(len(pull) - 1, -1, -1):
        rest = wanted[k] - upper[k, k + 1 :] @ steps[k + 1 :]
        steps[k] = np.round(rest / upper[k, k])
    return steps.astype(np.int64)
