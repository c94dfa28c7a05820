"""Fit the whole model of a chip to its transfer matrix at many settings, by Gauss-Newton.

The walk along the mesh starts it close by; here all that the walk left out comes in:
crosstalk, loss, temperature, the noise of hundreds of steps on one another. Each measured
matrix gives 2 N^2 equations, so a few dozen random settings settle every parameter.

No matrix of equations is ever built: with 64 ports it would have 20,000 columns. Every step
is found by conjugate gradients on products with the Jacobian (`calibration.mesh.elements`).
Over random settings the parameters of different shifters hardly resemble one another, while
the four of one shifter do; so with each shifter's own 4 x 4 block taken out beforehand a
dozen products are enough, whatever the size of the chip.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibration.heaters import own_phases_rad
from calibration.mesh.elements import Elements, Point, point_at, pull, push, strengths
from calibration.mesh.parameters import SHIFTER_BLOCKS, Block, Parameters
from calibration.model import predicted_transfer
from calibration.neighbours import Neighbours
from calibration.result import ChipCalibration

__all__ = ["Fit", "Snapshot", "relative_error"]

FloatArray = NDArray[np.float64]

_MOST_PRODUCTS = 40
"""Conjugate gradients of one step; past them the next step's own residual tells more."""

_NEAR_ENOUGH = 0.005
"""Residual of a step's equations, relative, at which they are solved for now."""


class Snapshot(NamedTuple):
    """One setting and what was seen there."""

    drive_v: FloatArray
    """Shape (shifters,), by channel, in V."""
    die_c: float
    """Die temperature, in C."""
    transfer: NDArray[np.complex128]
    """Shape (ports, ports), by outputs and inputs, of full scale, offsets taken off."""


@dataclass(frozen=True, eq=False)
class _Setting:
    """A snapshot with the model there."""

    point: Point
    levers: FloatArray
    warmth: FloatArray
    rest: NDArray[np.complex128]


class Fit:
    """A chip's model on its way from a first guess to what the snapshots say.

    The most probable model: snapshots scatter by their noise, parameters about the first
    guess by the units of `Block`. The second holds what snapshots cannot tell, such as
    phases that commute through the attenuators.

    Attributes:
        calibration: the model as it stands.
        phase_uncertainty_rad: shape (shifters,), one sigma of a phase by the last step's
            settings, at a typical own phase; other shifters taken as known. 0 before a step.
    """

    def __init__(
        self, guess: ChipCalibration, neighbours: Neighbours, noise: float, centre_rad: FloatArray
    ) -> None:
        """Start from a guess.

        Args:
            guess: the chip, about as it is.
            neighbours: places from which a shifter is warmed.
            noise: rms noise of one element of a snapshot, of full scale.
            centre_rad: shape (shifters,), mean own phases of the settings to come.
        """
        self.calibration = self._guess = guess
        self._variance = 0.5 * noise**2
        self._parameters = Parameters(guess.architecture, neighbours, centre_rad)
        self._move = np.zeros(sum(self._parameters.sizes.values()))
        self.phase_uncertainty_rad = np.zeros(guess.architecture.shifters)

    def step(self, snapshots: Sequence[Snapshot], blocks: Sequence[Block]) -> None:
        """One Gauss-Newton step of some parameters on some snapshots."""
        settings = [self._setting(snapshot) for snapshot in snapshots]
        missed = np.mean([np.mean(np.abs(setting.rest) ** 2) for setting in settings])
        # While the model is off, its own error counts as noise: nothing strays far for it.
        held = max(self._variance, 0.05 * float(missed))
        self._move += _solved(self._parameters, settings, self._move, tuple(blocks), held)
        self.calibration = self._parameters.moved(self._guess, self._move)
        self.phase_uncertainty_rad = _uncertainty_rad(settings, self._variance)

    def _setting(self, snapshot: Snapshot) -> _Setting:
        point = point_at(self.calibration, snapshot.drive_v, snapshot.die_c)
        rest = snapshot.transfer - point.transfer
        levers = self._parameters.levers(self.calibration, point)
        return _Setting(point, levers, self._parameters.warmth(point), rest)


def _solved(
    parameters: Parameters,
    settings: Sequence[_Setting],
    so_far: FloatArray,
    blocks: tuple[Block, ...],
    held: float,
) -> FloatArray:
    """Step x of (J^T J + held) x = J^T rest - held so_far, by conjugate gradients."""
    chosen = parameters.chosen(blocks)
    precondition = _Preconditioner(parameters, settings, held)
    rest = np.zeros(len(chosen))
    for setting in settings:
        pulls = pull(setting.point, setting.rest)
        rest += parameters.from_elements(pulls, setting.levers, setting.warmth)
    rest = np.where(chosen, rest - held * so_far, 0.0)
    step, direction = np.zeros(len(chosen)), np.zeros(len(chosen))
    before, first = 1.0, 0.0
    for _ in range(_MOST_PRODUCTS):
        eased = np.where(chosen, precondition.solve(rest), 0.0)
        now = float(rest @ eased)
        first = first or now
        if now <= _NEAR_ENOUGH**2 * first:
            break
        direction = eased + (now / before) * direction
        before = now
        product = np.where(chosen, _product(parameters, settings, direction), 0.0)
        product += held * direction
        share = now / float(direction @ product)
        step += share * direction
        rest -= share * product
    return step


def _product(
    parameters: Parameters, settings: Sequence[_Setting], vector: FloatArray
) -> FloatArray:
    """J^T J times a vector."""
    total = np.zeros(len(vector))
    for setting in settings:
        change = parameters.to_elements(vector, setting.levers, setting.warmth)
        pulls = pull(setting.point, push(setting.point, change))
        total += parameters.from_elements(pulls, setting.levers, setting.warmth)
    return total


class _Preconditioner:
    """The inverse of J^T J + held as it would be if elements did not resemble one another."""

    def __init__(self, parameters: Parameters, settings: Sequence[_Setting], held: float) -> None:
        self._parameters = parameters
        strength = np.full(sum(parameters.sizes.values()), held)
        own: Any = 0.0
        crosstalk = np.eye(parameters.neighbours.count) * held
        for setting in settings:
            squares = strengths(setting.point)
            strength += parameters.diagonal(squares, setting.levers, setting.warmth)
            crosstalk += (setting.warmth * squares.phase) @ setting.warmth.T
            own = own + _own_block(setting, squares)
        self._strength, self._crosstalk = strength, np.linalg.inv(crosstalk)
        self._own = np.linalg.inv(own + held * np.eye(len(SHIFTER_BLOCKS)))

    def solve(self, vector: FloatArray) -> FloatArray:
        """Its product with a vector."""
        pulls, solved = self._parameters.split(vector), vector / self._strength
        by = self._parameters.split(solved)
        own = np.stack([pulls[block] for block in SHIFTER_BLOCKS])
        by |= dict(zip(SHIFTER_BLOCKS, np.einsum("iab,bi->ai", self._own, own), strict=True))
        by[Block.CROSSTALK] = self._crosstalk @ pulls[Block.CROSSTALK]
        return np.concatenate([*by.values()])


def _own_block(setting: _Setting, squares: Elements) -> FloatArray:
    """What a setting tells of each shifter's own parameters, shape (shifters, 4, 4)."""
    block: FloatArray = np.einsum("ai,bi,i->iab", setting.levers, setting.levers, squares.phase)
    return block


def _uncertainty_rad(settings: Sequence[_Setting], variance: float) -> FloatArray:
    """One sigma of each shifter's phase at these settings, shape (shifters,), in rad."""
    told: Any = sum(_own_block(setting, strengths(setting.point)) for setting in settings)
    covariance = np.linalg.inv(told / variance + np.eye(len(SHIFTER_BLOCKS)))
    levers = np.stack([setting.levers for setting in settings])
    spread = np.einsum("kai,iab,kbi->i", levers, covariance, levers) / len(settings)
    return np.asarray(np.sqrt(spread))


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
