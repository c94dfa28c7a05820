"""The calibration of a bank of micro-rings: from a data sheet to weights of nine bits.

    sweeps     each column of rings over a turn, all rows at once: combs of channels
    plan       which channel each ring is to serve (`calibration.rings.plan`)
    settings   random weights on the rings' flanks, where readings are steep in phase
    warm       a few more on a warmer carrier, for the drift of every ring
    fit        the whole bank fitted to all of it (`calibration.rings.fit`)
    check      settings that no fit has seen

A sweep takes its column's rings across every channel, so each shows a comb; settings then
find phases, crosstalk and widths a hundred times finer than the combs.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from calibration.chip import ChipUnderTest
from calibration.heaters import drive_for_own_phases_v
from calibration.rings.fit import BankFit, Look, Unknown, rms_error
from calibration.rings.plan import planned_channels
from calibration.rings.resonances import Comb, CombFinder
from calibration.rings.result import (
    TYPICAL_CURVATURE,
    TYPICAL_DIP,
    TYPICAL_PEAK,
    BankCalibration,
)
from calibration.rings.weights import own_phases_for_weights, weight_range
from lumina.errors import CalibrationError
from lumina.theory.rings import WeightBank

__all__ = ["BankOptions", "calibrate_bank"]

FloatArray = NDArray[np.float64]
Progress = Callable[[str, float], None]

_DRIFT_WIDTHS_PER_K = 0.4
"""Drift of a resonance in its widths: 0.1 nm/K of a quality factor of 7000."""

_BASE_LOOKS = 8

_LEAST_CONTRAST = 5.0
"""Depth of a comb over the scatter beside it, below which there is no ring to see."""

_STEPS = 5

OWN = tuple(u for u in Unknown if u not in (Unknown.CROSSTALK, Unknown.TEMPCO))
"""What sweeps tell. All rows are swept at once, which cannot tell a neighbour's heat from a
ring's own."""

PLACES = (Unknown.PHI0, Unknown.CROSSTALK, Unknown.ROW_GAIN)
"""What comes first when all rings are driven: where they are."""

_WORST_ERROR = 0.05
"""Rms error of predicted weights above which the model is not this bank."""


class BankOptions(BaseModel):
    """How much to measure."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    carrier_c: float = Field(45.0, ge=0, le=90, description="carrier set point in use, C")
    sweep_points: int = Field(96, ge=64, le=1024, description="drives per ring's sweep")
    settings: int = Field(40, ge=8, le=1000, description="random settings for the whole model")
    setting_repeats: int = Field(16, ge=1, le=1000, description="measurements averaged at each")
    warm_k: float = Field(3.0, gt=0, le=5, description="carrier step for the drift, K")
    warm_settings: int = Field(12, ge=3, le=100, description="random settings when warm")
    check_settings: int = Field(6, ge=1, le=100, description="settings kept from the fit")

    def measurements(self, bank: WeightBank) -> int:
        """Transfer matrices that a calibration takes, repeats counted."""
        settings = self.settings + self.warm_settings + self.check_settings
        return _BASE_LOOKS + bank.ports * self.sweep_points + settings * self.setting_repeats


async def calibrate_bank(
    chip: ChipUnderTest,
    *,
    rng: Generator,
    progress: Progress,
    options: BankOptions | None = None,
) -> BankCalibration:
    """Learn a bank of rings through its own interfaces.

    Args:
        chip: brought up and at its carrier set point; left there, with its heaters at the
            last setting measured.
        rng: picks the random settings.
        progress: told how far each stage is.
        options: how much to measure.

    Raises:
        CalibrationError: no light, rings that do not answer (`channels` names them), or a
            bank that the model does not describe.
    """
    return await _BankRun(chip, rng, progress, options or BankOptions()).run()


class _BankRun:
    """One calibration in the making."""

    def __init__(
        self, chip: ChipUnderTest, rng: Generator, progress: Progress, options: BankOptions
    ) -> None:
        bank = chip.architecture
        if not isinstance(bank, WeightBank):
            raise CalibrationError(f"{chip.name}: has no rings but a mesh ({bank.kind})")
        self._chip, self._rng, self._progress, self._options = chip, rng, progress, options
        self._bank: WeightBank = bank
        self._noise = 0.0
        self._measurements = 0

    async def run(self) -> BankCalibration:
        """All stages in turn."""
        await self._measure_noise()
        sweeps = await self._sweeps()
        swept = [look for sweep in sweeps for look in sweep]
        fit = BankFit(self._guess(sweeps), self._noise)
        await self._fit(fit, swept, OWN, _STEPS)
        settled = [*swept, *await self._settings("settings", fit.bank, self._options.settings)]
        await self._fit(fit, settled, PLACES, _STEPS)
        await self._fit(fit, settled, tuple(Unknown), _STEPS)
        everything = [*settled, *await self._warm_settings(fit.bank)]
        await self._fit(fit, everything, tuple(Unknown), _STEPS)
        unseen = await self._settings("check", fit.bank, self._options.check_settings)
        return self._judged(fit, everything, unseen)

    # Measurements

    async def _look(self, drive_v: FloatArray, repeats: int = 1) -> Look:
        await self._chip.set_drive_v(drive_v)
        before_c = self._chip.die_temperature_c()
        seen = await self._chip.measure_transfer(repeats)
        die_c = 0.5 * (before_c + self._chip.die_temperature_c())
        self._measurements += repeats
        return Look(drive_v.copy(), die_c, seen.real.copy(), repeats)

    async def _measure_noise(self) -> None:
        drive_v = np.zeros(self._bank.shifters)
        seen = np.stack([(await self._look(drive_v)).seen for _ in range(_BASE_LOOKS)])
        self._noise = max(float(np.sqrt(seen.var(axis=0, ddof=1).mean())), 1e-6)
        if not np.abs(seen.mean(axis=0)).max() > 10.0 * self._noise:
            raise CalibrationError(f"{self._chip.name}: no light; check the laser and the fibres")

    async def _sweeps(self) -> list[list[Look]]:
        """A sweep per column of rings, in all rows at once, the others off."""
        ports, sweeps = self._bank.ports, []
        highest_v = min(self._nominal_drive_v(2.2 * np.pi), self._chip.max_drive_v)
        for channel in range(ports):
            looks = []
            for square in np.linspace(0.0, highest_v**2, self._options.sweep_points):
                drive_v = np.zeros((ports, ports))
                drive_v[:, channel] = np.sqrt(square)
                looks.append(await self._look(drive_v.ravel()))
            sweeps.append(looks)
            self._progress("sweeps", (channel + 1) / ports)
        return sweeps

    async def _settings(self, stage: str, known: BankCalibration, count: int) -> list[Look]:
        """Random weights over all that a row can do."""
        low, high = weight_range(known)
        looks = []
        for number in range(count):
            shape = (self._bank.ports, self._bank.ports)
            own = own_phases_for_weights(self._rng.uniform(low, high, shape), known)
            drive_v = np.minimum(drive_for_own_phases_v(known, own), known.max_drive_v)
            looks.append(await self._look(drive_v, self._options.setting_repeats))
            self._progress(stage, (number + 1) / count)
        return looks

    async def _warm_settings(self, known: BankCalibration) -> list[Look]:
        """Random weights on a warmer carrier, which is back where it was afterwards."""
        options = self._options
        await self._chip.set_carrier_c(options.carrier_c + options.warm_k)
        try:
            warm_c = self._chip.die_temperature_c() - known.reference_die_c
            shifted = replace(known, phi0_rad=known.phi0_rad + known.tempco_rad_per_k * warm_c)
            return await self._settings("warm", shifted, options.warm_settings)
        finally:
            await self._chip.set_carrier_c(options.carrier_c)

    # What they tell

    def _guess(self, sweeps: Sequence[Sequence[Look]]) -> BankCalibration:
        """What the combs tell, and the data sheet of all else.

        Raises:
            CalibrationError: rings without a comb.
        """
        bank, ports = self._bank, self._bank.ports
        nominal = self._chip.nominal_phase_rad_per_v2
        square_v2 = np.array([look.drive_v[0] ** 2 for look in sweeps[0]])
        finder = CombFinder(bank, square_v2, nominal, TYPICAL_CURVATURE)
        combs = [
            finder.find(channel, np.stack([look.seen[row] for look in sweep]))
            for row in range(ports)
            for channel, sweep in enumerate(sweeps)
        ]
        self._believe(combs)
        depth = np.array([comb.depth for comb in combs]).reshape(ports, ports)
        die_c = float(np.mean([look.die_c for sweep in sweeps for look in sweep]))
        sheet = BankCalibration.nominal(
            bank, nominal, max_drive_v=self._chip.max_drive_v, reference_die_c=die_c
        )
        guess = replace(
            sheet,
            phase_gain_rad_per_v2=np.array([comb.gain_rad_per_v2 for comb in combs]),
            curvature_per_v2=np.array([comb.curvature_per_v2 for comb in combs]),
            phi0_rad=np.array([comb.phi0_rad for comb in combs]),
            tempco_rad_per_k=np.full(bank.shifters, _DRIFT_WIDTHS_PER_K * bank.width_rad),
            row_gain=np.median(depth, axis=1) / (1.0 + TYPICAL_PEAK - TYPICAL_DIP),
        )
        return replace(guess, channel=planned_channels(guess))

    def _believe(self, combs: Sequence[Comb]) -> None:
        bad = [n for n, comb in enumerate(combs) if comb.contrast < _LEAST_CONTRAST]
        if bad:
            names = ", ".join(map(str, bad))
            raise CalibrationError(
                f"{self._chip.name}: no resonance: rings {names}; heater open, drive not "
                "connected, or far from the data sheet",
                bad,
            )

    async def _fit(
        self, fit: BankFit, looks: Sequence[Look], free: Sequence[Unknown], steps: int
    ) -> None:
        for number in range(steps):
            fit.step(looks, free)
            self._progress("fit", (number + 1) / steps)
            await asyncio.sleep(0)  # a step takes long: let the rest of the bench run

    def _judged(
        self, fit: BankFit, fitted: Sequence[Look], unseen: Sequence[Look]
    ) -> BankCalibration:
        """The bank with its quality attached.

        Raises:
            CalibrationError: the model fails on settings that it has not seen.
        """
        error = rms_error(fit.bank, unseen, self._noise)
        if error > _WORST_ERROR:
            raise CalibrationError(
                f"{self._chip.name}: weights are predicted to {error:.3f} only (allowed: "
                f"{_WORST_ERROR:g}): unstable temperature, or another kind of bank"
            )
        return replace(
            fit.bank,
            phase_uncertainty_rad=fit.phase_uncertainty_rad(fitted),
            weight_error=error,
            measurements=self._measurements,
        )

    def _nominal_drive_v(self, phase_rad: float) -> float:
        return float(np.sqrt(phase_rad / self._chip.nominal_phase_rad_per_v2))
