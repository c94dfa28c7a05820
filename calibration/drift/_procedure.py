"""Checking a calibration in a minute, and following the channels that moved."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from calibration.chip import ChipUnderTest, settable_v
from calibration.drift._estimate import Drift, estimate_drift
from calibration.heaters import drive_for_own_phases_v
from calibration.mesh.measuring import HIGHEST_PHASE_RAD, Progress
from calibration.mesh.refine import Snapshot, relative_error
from calibration.model import output_readings
from calibration.result import ChipCalibration
from lumina.background import in_background
from lumina.errors import CalibrationError

__all__ = ["DriftOptions", "DriftReport", "check_chip", "follow_drift"]

_LEAST_LIGHT = 3.0
"""Rms of what is seen over its noise, below which there is nothing to compare."""


class DriftOptions(BaseModel):
    """How closely to look."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    settings: int = Field(12, ge=3, le=1000, description="random settings that are looked at")
    repeats: int = Field(8, ge=2, le=1000, description="measurements averaged per setting")
    phase_rad: float = Field(0.02, gt=0, le=1, description="phase that counts as moved, rad")
    gain: float = Field(0.02, gt=0, le=1, description="receiver gain that counts as moved, share")
    sigmas: float = Field(4.0, gt=0, le=20, description="uncertainties that it has to exceed")
    transfer_error: float = Field(
        0.02, gt=0, le=1, description="relative error of predicted matrices that still holds"
    )
    unseen: int = Field(4, ge=1, le=100, description="settings that a refit is judged by")


@dataclass(frozen=True)
class DriftReport:
    """What a quick look at a calibrated chip has shown.

    Attributes:
        drift: how far each channel has moved.
        transfer_error: relative error of the predicted matrices, noise removed.
        phase_moved: shape (shifters,), which phases moved, by the options' limits.
        output_moved: shape (ports,), which receivers' gains did.
        noise: rms noise of one measured matrix element, of full scale.
        measurements: transfer matrices measured, repeats counted.
        holds: whether the calibration may be used as it is.
    """

    drift: Drift
    transfer_error: float
    phase_moved: NDArray[np.bool_]
    output_moved: NDArray[np.bool_]
    noise: float
    measurements: int
    holds: bool


class _Looks:
    """Random settings of a chip, looked at twice each, so that noise shows itself."""

    def __init__(
        self, chip: ChipUnderTest, known: ChipCalibration, rng: Generator, progress: Progress
    ) -> None:
        self._chip, self._known, self._rng, self._progress = chip, known, rng, progress
        self.measurements = 0
        self._squares: list[float] = []

    async def take(self, stage: str, count: int, repeats: int) -> list[Snapshot]:
        """Look at `count` settings."""
        snapshots = []
        for number in range(count):
            snapshots.append(await self._one(repeats // 2))
            self._progress(stage, (number + 1) / count)
        return snapshots

    async def _one(self, half: int) -> Snapshot:
        chip, known = self._chip, self._known
        own = self._rng.uniform(0.0, HIGHEST_PHASE_RAD, known.architecture.shifters)
        drive_v = np.minimum(drive_for_own_phases_v(known, own), known.max_drive_v)
        drive_v = np.where(known.good, settable_v(chip, drive_v), 0.0)
        await chip.set_drive_v(drive_v)
        before_c = chip.die_temperature_c()
        seen = [output_readings(known, await chip.measure_transfer(half)) for _ in range(2)]
        after_c = chip.die_temperature_c()
        self.measurements += 2 * half
        self._squares.append(float(np.mean(np.abs(seen[1] - seen[0]) ** 2)))
        return Snapshot(drive_v, 0.5 * (before_c + after_c), 0.5 * (seen[0] + seen[1]))

    @property
    def noise(self) -> float:
        """Rms noise of one element of a snapshot: half of what two halves differ by."""
        return 0.5 * float(np.sqrt(np.mean(self._squares)))


async def check_chip(
    chip: ChipUnderTest,
    known: ChipCalibration,
    *,
    rng: Generator,
    progress: Progress,
    options: DriftOptions | None = None,
) -> DriftReport:
    """Compare what a chip does with what its calibration predicts, at a few settings.

    Args:
        chip: brought up and at its carrier set point; its heaters are left at the last setting.
        known: its calibration.
        rng: picks the settings.
        progress: told how far the look is.
        options: how closely to look.

    Raises:
        CalibrationError: no light.
    """
    options = options or DriftOptions()
    report, _ = await _checked(_Looks(chip, known, rng, progress), known, options, chip.name)
    return report


async def follow_drift(
    chip: ChipUnderTest,
    known: ChipCalibration,
    *,
    rng: Generator,
    progress: Progress,
    options: DriftOptions | None = None,
) -> tuple[ChipCalibration, DriftReport]:
    """Check a calibration, and refit the phases that moved; all else stays as it is.

    Returns:
        The calibration that holds now, and what the check had shown.

    Raises:
        CalibrationError: no light, or the refit does not describe the chip: more has changed
            than phases, and it is to be calibrated anew. `channels` names those that moved.
    """
    options = options or DriftOptions()
    looks = _Looks(chip, known, rng, progress)
    report, snapshots = await _checked(looks, known, options, chip.name)
    moved = np.flatnonzero(report.phase_moved)
    found = await in_background(lambda: _refitted(known, snapshots, looks.noise, moved))
    unseen = await looks.take("unseen", options.unseen, options.repeats)
    error = relative_error(found, unseen, looks.noise)
    if error > options.transfer_error:
        raise CalibrationError(
            f"{chip.name}: the transfer is predicted to {error:.1%} only (allowed: "
            f"{options.transfer_error:.1%}) even with {len(moved)} phases refitted: more than "
            "phases has changed, calibrate anew",
            moved.tolist(),
        )
    if found.quality is not None:
        quality = replace(found.quality, transfer_error=error)
        found = replace(found, quality=quality)
    return found, report


async def _checked(
    looks: _Looks, known: ChipCalibration, options: DriftOptions, name: str
) -> tuple[DriftReport, list[Snapshot]]:
    snapshots = await looks.take("settings", options.settings, options.repeats)
    light = float(np.sqrt(np.mean([np.mean(np.abs(s.transfer) ** 2) for s in snapshots])))
    if not light > _LEAST_LIGHT * looks.noise:
        raise CalibrationError(
            f"{name}: no light: {light:.2g} of full scale in {looks.noise:.2g} of noise"
        )
    uncertainty = _uncertainty(known, light, looks.noise)
    drift = await in_background(lambda: estimate_drift(known, snapshots, uncertainty))
    error = relative_error(known, snapshots, looks.noise)
    phase_moved = _beyond(drift.phase_rad, options.phase_rad, drift.phase_sigma_rad, options)
    phase_moved &= known.good
    output_moved = _beyond(drift.output_gain - 1.0, options.gain, drift.output_sigma, options)
    report = DriftReport(
        drift=drift,
        transfer_error=error,
        phase_moved=phase_moved,
        output_moved=output_moved,
        noise=looks.noise * float(np.sqrt(options.repeats)),
        measurements=looks.measurements,
        holds=bool(
            error <= options.transfer_error and not phase_moved.any() and not output_moved.any()
        ),
    )
    return report, snapshots


def _refitted(
    known: ChipCalibration, snapshots: Sequence[Snapshot], noise: float, moved: NDArray[np.int64]
) -> ChipCalibration:
    """The calibration with the phases of these channels as they are now."""
    if not moved.size:
        return known
    drift = estimate_drift(known, snapshots, noise, moved)
    return replace(known, phi0_rad=known.phi0_rad + drift.phase_rad)


def _uncertainty(known: ChipCalibration, light: float, noise: float) -> float:
    """Rms noise of an element, with what the model missed when it was new."""
    missed = known.quality.transfer_error * light if known.quality is not None else 0.0
    return float(np.hypot(noise, missed))


def _beyond(
    moved: NDArray[np.float64], limit: float, sigma: NDArray[np.float64], options: DriftOptions
) -> NDArray[np.bool_]:
    """Which have moved by more than the limit, and by more than chance."""
    return np.asarray(np.abs(moved) > np.maximum(limit, options.sigmas * sigma))
