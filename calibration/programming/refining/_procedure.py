"""In-situ refinement: measure the matrix, change the phases, keep what is measured better.

    look      the matrix as it is, so often that its error stands out of the noise
    step      the change of phases that should take the error away, by how the matrix answers
              to each heater, rounded to what the converters can give
    judge     a setting is kept only if it is measured better by more than its uncertainty
    learn     every setting that was tried betters the slopes, kept or not

It ends where no step promises more than the noise hides. The calibration is a first guess of
the slopes and no more: that the matrix gets better is measured, whatever the chip is like.
Where steps by the model lead nowhere, because phases have moved too far or heaters have died
unnoticed, the slopes themselves are measured.
"""

import asyncio
import contextlib
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from calibration.programming.refining._looks import HoldsPhases, Look, Looker
from calibration.programming.refining._options import RefineOptions, SlopeSource
from calibration.programming.refining._planning import Plan, planned
from calibration.programming.refining._slopes import Slopes, measured_slopes, model_slopes
from calibration.programming.units import MatrixUnit
from lumina.background import in_background
from lumina.errors import LuminaError, UsageError

__all__ = ["Refinement", "refine_matrix"]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

_MORE = 4
"""Times as many measurements where the noise hides what a step may bring."""

_NOISE_SHARE = 0.25
"""Share of what is missing, squared, that noise may have where a step is planned."""

_PATIENCE = 4
"""Steps in a row that may fail, each shorter than the one before."""

_STRAIGHT_RAD = 0.5
"""Longest change of a phase, in rad, over which a fringe still goes about straight."""

_SHORTER, _LONGER = 3.0, 2.0
"""By how much a step may be shorter than one that failed, and the next one longer again."""

_IN_VAIN = 0.1
"""Share of what is missing, squared, that a step may promise in vain: past it slopes are wrong."""

_ROUNDS = 8
"""Times that slopes are measured at most."""


@dataclass(frozen=True, eq=False)
class Refinement:
    """What became of a matrix.

    Attributes:
        error_before: relative Frobenius error at the beginning, noise taken off.
        error_after: the same at the end; of a look of its own.
        uncertainty: one sigma of `error_after`.
        measurements: transfer matrices measured, repeats counted.
        settings: settings that were looked at.
        kept: settings that were better than the one before.
        slopes: where the slopes were from.
        bench_s: bench time that it took, in s.
        own_rad: shape (shifters,), own phases that are held now, in rad.
    """

    error_before: float
    error_after: float
    uncertainty: float
    measurements: int
    settings: int
    kept: int
    slopes: SlopeSource
    bench_s: float
    own_rad: FloatArray

    def __str__(self) -> str:
        return (
            f"error {self.error_before:.2%} -> {self.error_after:.2%}, {self.settings} settings, "
            f"{self.measurements} measurements, {self.bench_s:.1f} s"
        )


async def refine_matrix(
    chip: HoldsPhases,
    unit: MatrixUnit,
    matrix: ComplexArray,
    own_rad: FloatArray,
    options: RefineOptions | None = None,
) -> Refinement:
    """Better the matrix that a chip holds.

    The chip holds the best setting that was found in the end, also where it was interrupted:
    it is never left worse than it was by more than the noise of the longest look.

    Args:
        chip: holds the matrix, and is left holding it.
        unit: what is known of the chip.
        matrix: shape (ports, ports), the scaled matrix that it should hold.
        own_rad: shape (shifters,), own phases with which it is held, in rad.
        options: how much to measure.

    Raises:
        UsageError: slopes are to be measured on a chip without interferometers.
        DeviceError: the device failed; it holds what was best, if it can hold anything.
        SafetyError: the guard or a rail ended it.
    """
    options = options or RefineOptions()
    if options.slopes is SlopeSource.MEASURED and not unit.fringes:
        raise UsageError(
            f"{chip.name}: slopes of rings are not measured (allowed: slopes of the model)"
        )
    refining = _Refining(chip, unit, matrix, own_rad, options)
    try:
        return await refining.run()
    except BaseException:
        with contextlib.suppress(LuminaError):
            await chip.hold(refining.best_rad)
        raise


class _Refining:
    """A refinement in the making."""

    def __init__(
        self,
        chip: HoldsPhases,
        unit: MatrixUnit,
        matrix: ComplexArray,
        own_rad: FloatArray,
        options: RefineOptions,
    ) -> None:
        self._chip, self._unit, self._options = chip, unit, options
        self._looker = Looker(chip, unit, matrix)
        self._first: Look | None = None
        self._kept, self._reach_rad = 0, _STRAIGHT_RAD
        self.best_rad = own_rad

    async def run(self) -> Refinement:
        """All steps, and what became of them."""
        began_s, looker = asyncio.get_running_loop().time(), self._looker
        best = await looker.look(self.best_rad, self._options.least_repeats)
        source = self._options.slopes
        if source is SlopeSource.EITHER and not self._unit.fringes:
            source = SlopeSource.MODEL
        if source is not SlopeSource.MEASURED:
            slopes = await in_background(partial(model_slopes, self._unit, best.own_rad))
            best, done = await self._bettered(best, slopes)
            if source is SlopeSource.EITHER:
                source = SlopeSource.MODEL if done else SlopeSource.MEASURED
        if source is SlopeSource.MEASURED:
            best = await self._by_measured_slopes(best)
        await self._chip.hold(best.own_rad)
        # A setting that is chosen because it was measured low is judged by another look.
        last = await looker.again(best.own_rad, best.repeats) if self._kept else best
        return Refinement(
            error_before=looker.error(self._first or best),
            error_after=looker.error(last),
            uncertainty=looker.error_sigma(last),
            measurements=looker.measurements,
            settings=looker.settings,
            kept=self._kept,
            slopes=source,
            bench_s=asyncio.get_running_loop().time() - began_s,
            own_rad=best.own_rad,
        )

    async def _by_measured_slopes(self, best: Look) -> Look:
        """The best setting, slopes measured anew for as long as that leads further."""
        heaters, max_drive_v = self._unit.heaters, self._chip.max_drive_v
        for _ in range(_ROUNDS):
            kept = self._kept
            slopes = await measured_slopes(
                self._looker, heaters, max_drive_v, best, self._options.slope_repeats
            )
            best, done = await self._bettered(best, slopes)
            if done or self._kept == kept:
                break
        return best

    async def _bettered(self, best: Look, slopes: Slopes) -> tuple[Look, bool]:
        """The best setting that steps lead to, and whether that is what slopes have to give."""
        failed, in_vain, self._reach_rad = 0, 0.0, _STRAIGHT_RAD
        for _ in range(self._options.steps):
            best, plan = await self._clear_plan(best, slopes)
            if plan.promise <= self._doubt(best, best) or failed == _PATIENCE:
                break
            self._first = self._first or best
            trial = await self._looker.look(plan.own_rad, best.repeats)
            change = best.missing - trial.missing
            slopes.learn(plan.step_rad, change, 2.0 * self._looker.variance(best))
            before, after = self._looker.missed(best), self._looker.missed(trial)
            if before - after > self._doubt(best, trial):
                best, failed, in_vain = trial, 0, in_vain * after / before
                self.best_rad, self._kept = trial.own_rad, self._kept + 1
                self._reach_rad = min(self._reach_rad * _LONGER, _STRAIGHT_RAD)
            else:
                failed, in_vain = failed + 1, max(in_vain, plan.promise / before)
                self._reach_rad = float(np.abs(plan.step_rad).max()) / _SHORTER
        return best, in_vain < _IN_VAIN

    async def _clear_plan(self, best: Look, slopes: Slopes) -> tuple[Look, Plan]:
        """A step that promises more than noise hides, measuring longer until there is one.

        At the most measurements, whatever step there is.
        """
        looker, most = self._looker, self._options.most_repeats
        while True:
            if looker.noise_power(best) <= _NOISE_SHARE * looker.missed(best):
                plan = await self._planned(best, slopes)
                if plan.promise > self._doubt(best, best):
                    return best, plan
            if best.repeats >= most:
                return best, await self._planned(best, slopes)
            more = min((_MORE - 1) * best.repeats, most - best.repeats)
            best = best.joined(await self._looker.again(best.own_rad, more))

    async def _planned(self, best: Look, slopes: Slopes) -> Plan:
        variance = self._looker.variance(best)
        return await in_background(
            partial(planned, self._chip, self._unit, slopes, best, variance, self._reach_rad)
        )

    def _doubt(self, one: Look, other: Look) -> float:
        """Difference of what two looks miss, squared, that noise may make up."""
        sigma = np.hypot(self._looker.sigma(one), self._looker.sigma(other))
        return self._options.sigmas * float(sigma)
