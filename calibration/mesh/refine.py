"""Fit the whole model of a chip to its transfer matrix at many settings, by Gauss-Newton.

The walk along the mesh starts it close by; here all that the walk left out comes in:
crosstalk, loss, temperature, the noise of 500 steps on one another. Each measured matrix
gives 2 N^2 equations, so a few dozen random settings settle every parameter.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from calibration.heaters import own_phases_rad
from calibration.mesh.slopes import Block, moved, point_at, slopes_of
from calibration.model import predicted_transfer
from calibration.neighbours import Neighbours
from calibration.result import ChipCalibration

__all__ = ["Fit", "Snapshot", "relative_error"]

FloatArray = NDArray[np.float64]

_ROUNDING = 1e-5
"""Share by which a step is shortened, so that single-precision sums stay positive definite."""


class Snapshot(NamedTuple):
    """One setting and what was seen there."""

    drive_v: FloatArray
    """Shape (shifters,), in V."""
    die_c: float
    """Die temperature, in C."""
    transfer: NDArray[np.complex128]
    """Shape (ports, ports), of full scale."""


class Fit:
    """A chip's model on its way from a first guess to what the snapshots say.

    The most probable model: snapshots scatter by their noise, parameters about the first
    guess by the units of `Block`. The second holds what snapshots cannot tell, such as
    phases that commute through the attenuators.

    Attributes:
        calibration: the model as it stands.
    """

    def __init__(self, guess: ChipCalibration, neighbours: Neighbours, noise: float) -> None:
        """Start from a guess; `noise` is that of one element of a snapshot, of full scale."""
        self.calibration = guess
        self._guess, self._neighbours, self._variance = guess, neighbours, noise**2
        self._moves: dict[Block, FloatArray] = {}
        self._held = 0.0
        self._factor: tuple[FloatArray, bool] = (np.empty((0, 0)), True)

    def step(self, snapshots: Sequence[Snapshot], blocks: Sequence[Block]) -> None:
        """One Gauss-Newton step of some parameters on some snapshots."""
        pull, normal, missed = self._equations(snapshots, blocks, with_normal=True)
        # While the model is off, its own error counts as noise: nothing strays far for it.
        self._held = 0.5 * max(self._variance, 0.1 * missed)
        normal[np.diag_indices_from(normal)] *= 1.0 + _ROUNDING
        normal[np.diag_indices_from(normal)] += self._held
        self._factor = cho_factor(normal, lower=True, overwrite_a=True)
        self._move(pull, blocks)

    def step_again(self, snapshots: Sequence[Snapshot], blocks: Sequence[Block]) -> None:
        """The last step once more, with the curvature of then: a third of the cost."""
        pull, _, _ = self._equations(snapshots, blocks, with_normal=False)
        self._move(pull, blocks)

    def _move(self, pull: dict[Block, FloatArray], blocks: Sequence[Block]) -> None:
        """Move the blocks by what pulls at them and at their units, one unit being one sigma."""
        so_far = {block: self._moves.get(block, np.zeros(len(pull[block]))) for block in blocks}
        rest = [pull[block] - self._held * so_far[block] for block in blocks]
        step = cho_solve(self._factor, np.concatenate(rest))
        parts = np.split(step, np.cumsum([len(part) for part in rest])[:-1])
        for block, part in zip(blocks, parts, strict=True):
            self._moves[block] = so_far[block] + part
        self.calibration = self._guess
        for block, move in self._moves.items():
            self.calibration = moved(self.calibration, block, move, self._neighbours)

    def _equations(
        self, snapshots: Sequence[Snapshot], blocks: Sequence[Block], *, with_normal: bool
    ) -> tuple[dict[Block, FloatArray], FloatArray, float]:
        """Pull of the snapshots on each block, their normal matrix, and the mean square missed."""
        normal, pulls, missed = np.zeros((0, 0), np.float32), [], 0.0
        for snapshot in snapshots:
            point = point_at(self.calibration, snapshot.drive_v, snapshot.die_c)
            slopes = [slopes_of(block, point, self._neighbours) for block in blocks]
            rest = (snapshot.transfer - point.transfer).astype(np.complex64).ravel()
            missed += float(np.mean(np.abs(rest) ** 2)) / len(snapshots)
            pulls.append([(rows.conj() @ rest).real for rows in slopes])
            if with_normal:
                stacked = np.concatenate(slopes).view(np.float32)
                product = stacked @ stacked.T
                normal = np.add(normal, product, out=normal) if normal.size else product
        pull: dict[Block, FloatArray] = {}
        for block, of_all in zip(blocks, zip(*pulls, strict=True), strict=True):
            pull[block] = np.asarray(sum(of_all), np.float64)
        return pull, normal.astype(np.float64), missed


def relative_error(
    calibration: ChipCalibration, snapshots: Sequence[Snapshot], noise: float
) -> float:
    """Relative Frobenius error of the predicted transfer, with the snapshots' noise removed.

    Args:
        calibration: the chip as known.
        snapshots: what was seen.
        noise: rms noise of one element of a snapshot, of full scale.
    """
    seen = np.stack([snapshot.transfer for snapshot in snapshots])
    told = np.stack([_predicted(calibration, snapshot) for snapshot in snapshots])
    missed = np.sum(np.abs(seen - told) ** 2) - seen.size * noise**2
    return float(np.sqrt(max(missed, 0.0) / np.sum(np.abs(seen) ** 2)))


def _predicted(calibration: ChipCalibration, snapshot: Snapshot) -> NDArray[np.complex128]:
    own = own_phases_rad(calibration, snapshot.drive_v)
    return predicted_transfer(calibration, own, snapshot.die_c - calibration.reference_die_c)
