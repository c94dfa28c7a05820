"""The first calibration of a chip: from a data sheet to a model that programs matrices.

    attenuators   swept one at a time, then set to pass all light
    sweeps        every other heater swept over a turn: where it sits, its drive law
    walk          phases and coupler errors read off along the mesh (`calibration.mesh.walk`)
    settings      a few dozen random settings
    warm          a few more on a warmer carrier, for the phase per kelvin of every shifter
    fit           the whole model fitted to all settings (`calibration.mesh.refine`)
    check         settings that no fit has seen

Nothing is known beforehand but the data sheet; nothing is asked of the chip but what
`calibration.chip.ChipUnderTest` lists.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from calibration.chip import ChipUnderTest, mesh_of
from calibration.mesh.fringes import Fringes, fit_fringes
from calibration.mesh.measuring import BASE_LOOKS, HIGHEST_PHASE_RAD, Progress, Surveyor
from calibration.mesh.refine import Fit, Snapshot, relative_error
from calibration.mesh.slopes import Block, point_at
from calibration.mesh.walk import attenuator_phases, misplaced, reconstruct
from calibration.neighbours import Neighbours
from calibration.result import CalibrationQuality, ChipCalibration
from lumina.background import in_background
from lumina.errors import CalibrationError
from lumina.theory.mesh import MeshArchitecture

__all__ = ["CalibrationOptions", "Progress", "calibrate_chip"]

_AT_ONE_TEMPERATURE = tuple(block for block in Block if block is not Block.TEMPCO)

_FEW_SETTINGS = 12
"""Settings that bring the guess into reach of the whole fit, at a third of its cost."""

_VISIBILITY = (0.9, 1.1)
"""Share of a sweep's change that one shifter explains, if it is a clean fringe."""

_FAMILY = (0.5, 1.5)
"""Phase per squared volt, of the data sheet's, within which a drive law is believed."""

_LEAST_OVERLAP = 0.5
"""Overlap of a shifter's pattern with the walk's that tells it is in its place."""

_WORST_ERROR = 0.1
"""Relative error of the transfer on unseen settings above which the model is not this chip."""


class CalibrationOptions(BaseModel):
    """How much to measure."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    carrier_c: float = Field(
        45.0, ge=0, le=90, description="carrier set point that the chip is used at, C"
    )
    sweep_points: int = Field(4, ge=4, le=64, description="drives per heater, besides the base")
    sweep_repeats: int = Field(1, ge=1, le=1000, description="measurements averaged per drive")
    settings: int = Field(32, ge=8, le=1000, description="random settings for the whole model")
    setting_repeats: int = Field(8, ge=1, le=1000, description="measurements averaged per setting")
    warm_k: float = Field(2.0, gt=0, le=5, description="carrier step for the phase per kelvin, K")
    warm_settings: int = Field(6, ge=3, le=100, description="random settings at the warm carrier")
    check_settings: int = Field(4, ge=1, le=100, description="settings kept from the fit")

    def measurements(self, architecture: MeshArchitecture) -> int:
        """Transfer matrices that a calibration takes, repeats counted."""
        bases = BASE_LOOKS * (2 if architecture.attenuators else 1)
        sweeps = architecture.shifters * self.sweep_points * self.sweep_repeats
        settings = self.settings + self.warm_settings + self.check_settings
        return bases + sweeps + settings * self.setting_repeats


async def calibrate_chip(
    chip: ChipUnderTest,
    *,
    rng: Generator,
    progress: Progress,
    options: CalibrationOptions | None = None,
) -> ChipCalibration:
    """Learn a chip through its own interfaces.

    Args:
        chip: brought up and at its carrier set point; left there, with its heaters at the
            last setting measured.
        rng: picks the random settings.
        progress: told how far each stage is.
        options: how much to measure.

    Returns:
        The chip, with the quality of what was found.

    Raises:
        CalibrationError: no light, heaters without a fringe or out of place (`channels`
            names them), or a chip that the model does not describe.
    """
    return await _Calibration(chip, rng, progress, options or CalibrationOptions()).run()


class _Calibration:
    """One calibration in the making."""

    def __init__(
        self, chip: ChipUnderTest, rng: Generator, progress: Progress, options: CalibrationOptions
    ) -> None:
        self._chip, self._progress, self._options = chip, progress, options
        self._surveyor = Surveyor(chip, rng, progress)
        self._mesh = mesh_of(chip)
        self._neighbours = Neighbours.of(self._mesh)

    async def run(self) -> ChipCalibration:
        """All stages in turn."""
        fringes, base, attenuator_rad = await self._sweep_all()
        guess = await in_background(partial(self._read_off, fringes, base, attenuator_rad))
        cool = await self._settings("settings", guess, self._options.settings)
        warm = await self._warm_settings(guess)
        found = await self._fitted(guess, cool, warm)
        unseen = await self._settings("check", found, self._options.check_settings)
        return self._judged(found, fringes, unseen)

    # Sweeps

    async def _sweep_all(self) -> tuple[Fringes, Snapshot, NDArray[np.float64]]:
        """Fringes of every shifter; the base they were taken about; attenuators' phases there."""
        count, attenuators = self._mesh.shifters, self._mesh.attenuators
        middle = (count - attenuators) // 2
        between = np.arange(middle, middle + attenuators)
        drive_v = np.full(count, self._nominal_drive_v(np.pi))
        base = await self._surveyor.base(drive_v)
        if not attenuators:
            fringes = await self._fringes("sweeps", np.arange(count), base)
            return self._believed(fringes), base, np.empty(0)
        dimmers = await self._fringes("attenuators", between, base)
        off_rad = attenuator_phases(
            dimmers, base.transfer, dimmers.own_phases_rad(drive_v[between])
        )
        bright_rad = (np.pi - off_rad) % (2.0 * np.pi)
        drive_v[between] = np.minimum(dimmers.drives_v(bright_rad), self._chip.max_drive_v)
        base = await self._surveyor.base(drive_v)
        rest = await self._fringes("sweeps", np.delete(np.arange(count), between), base)
        return self._believed(rest.with_inserted(middle, dimmers)), base, off_rad + bright_rad

    async def _fringes(self, stage: str, channels: NDArray[np.int64], base: Snapshot) -> Fringes:
        """Sweep and fit."""
        options, highest_v = self._options, self._nominal_drive_v(HIGHEST_PHASE_RAD)
        highest_v = min(highest_v, self._chip.max_drive_v)
        square_v2 = np.linspace(0.0, highest_v**2, options.sweep_points)
        sweeps = await self._surveyor.sweep(stage, channels, base, square_v2, options.sweep_repeats)
        nominal_rad_per_v2 = self._chip.nominal_phase_rad_per_v2
        return await in_background(partial(fit_fringes, sweeps, nominal_rad_per_v2))

    def _believed(self, fringes: Fringes) -> Fringes:
        """The fringes, if each is one.

        Raises:
            CalibrationError: heaters without a clean fringe.
        """
        gain = fringes.phase_gain_rad_per_v2 / self._chip.nominal_phase_rad_per_v2
        clean = (fringes.visibility > _VISIBILITY[0]) & (fringes.visibility < _VISIBILITY[1])
        bad = np.flatnonzero(~(clean & (gain > _FAMILY[0]) & (gain < _FAMILY[1]))).tolist()
        if bad:
            names = ", ".join(map(str, bad))
            raise CalibrationError(
                f"{self._chip.name}: no clean fringe: shifters {names}; "
                "heater open, drive not connected, or far from the data sheet",
                bad,
            )
        return fringes

    def _read_off(
        self, fringes: Fringes, base: Snapshot, attenuator_rad: NDArray[np.float64]
    ) -> ChipCalibration:
        """What fringes and walk tell: everything but crosstalk, loss and temperature.

        Raises:
            CalibrationError: heaters that are not where the layout has them.
        """
        chip = self._chip
        seen = reconstruct(self._mesh, fringes, base.transfer, attenuator_rad)
        known = ChipCalibration.nominal(
            self._mesh,
            chip.nominal_phase_rad_per_v2,
            max_drive_v=chip.max_drive_v,
            reference_die_c=base.die_c,
        )
        guess = replace(
            known,
            phase_gain_rad_per_v2=fringes.phase_gain_rad_per_v2,
            curvature_per_v2=fringes.curvature_per_v2,
            phi0_rad=seen.phase_rad - fringes.own_phases_rad(base.drive_v),
            splitter_error_rad=seen.splitter_error_rad,
            gain=complex(seen.gain),
        )
        elsewhere = np.flatnonzero(_overlap(guess, fringes, base) < _LEAST_OVERLAP).tolist()
        if elsewhere:
            raise misplaced(elsewhere)
        return guess

    # Random settings

    async def _settings(self, stage: str, known: ChipCalibration, count: int) -> list[Snapshot]:
        repeats = self._options.setting_repeats
        return await self._surveyor.random_settings(stage, known, count, repeats)

    async def _warm_settings(self, known: ChipCalibration) -> list[Snapshot]:
        """Random settings on a warmer carrier, which is back where it was afterwards."""
        options = self._options
        await self._chip.set_carrier_c(options.carrier_c + options.warm_k)
        try:
            return await self._settings("warm", known, options.warm_settings)
        finally:
            await self._chip.set_carrier_c(options.carrier_c)

    async def _fitted(
        self, guess: ChipCalibration, cool: Sequence[Snapshot], warm: Sequence[Snapshot]
    ) -> ChipCalibration:
        """The whole model, in steps that each come within reach of the next."""
        fit = Fit(guess, self._neighbours, self._snapshot_noise())
        few, everything = cool[:_FEW_SETTINGS], [*cool, *warm]
        plan = [
            (fit.step, few, _AT_ONE_TEMPERATURE),
            *[(fit.step, warm, (Block.TEMPCO,))] * 3,
            *[(fit.step, [*few, *warm], tuple(Block))] * 2,
            (fit.step, everything, tuple(Block)),
            *[(fit.step_again, everything, tuple(Block))] * 2,
        ]
        for number, (step, snapshots, blocks) in enumerate(plan):
            await in_background(partial(step, snapshots, blocks))
            self._progress("fit", (number + 1) / len(plan))
        return fit.calibration

    def _judged(
        self, found: ChipCalibration, fringes: Fringes, unseen: Sequence[Snapshot]
    ) -> ChipCalibration:
        """With its quality attached.

        Raises:
            CalibrationError: the model fails on settings that it has not seen.
        """
        surveyor, architecture = self._surveyor, self._mesh
        error = relative_error(found, unseen, self._snapshot_noise())
        if error > _WORST_ERROR:
            raise CalibrationError(
                f"{self._chip.name}: the transfer is predicted to {error:.0%} only "
                f"(allowed: {_WORST_ERROR:.0%}): unstable temperature, or another kind of chip"
            )
        quality = CalibrationQuality(
            fringe_amplitude=np.abs(fringes.phasor),
            visibility=fringes.visibility,
            phase_uncertainty_rad=fringes.uncertainty_rad,
            noise=surveyor.noise,
            transfer_error=error,
            residual_rad=error / np.sqrt(architecture.meshes * architecture.ports),
            measurements=surveyor.measurements,
        )
        return replace(found, quality=quality)

    def _snapshot_noise(self) -> float:
        return self._surveyor.noise / float(np.sqrt(self._options.setting_repeats))

    def _nominal_drive_v(self, phase_rad: float) -> float:
        return float(np.sqrt(phase_rad / self._chip.nominal_phase_rad_per_v2))


def _overlap(known: ChipCalibration, fringes: Fringes, base: Snapshot) -> NDArray[np.float64]:
    """Agreement of each shifter's patterns with the model's, shape (shifters,), 0 to 1."""
    factors = point_at(known, base.drive_v, base.die_c).factors
    out = np.sum(factors.shifter_out.conj() * fringes.output_pattern, axis=1)
    inward = np.sum(factors.shifter_in.conj() * fringes.input_pattern, axis=1)
    norm = np.linalg.norm(factors.shifter_out, axis=1) * np.linalg.norm(factors.shifter_in, axis=1)
    return np.asarray(np.abs(out * inward) / norm, np.float64)
