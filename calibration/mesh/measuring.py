"""The measurements of a calibration: looks, sweeps, random settings; all of them counted."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from calibration.chip import ChipUnderTest, settable_v
from calibration.heaters import drive_for_own_phases_v
from calibration.mesh.fringes import Sweeps
from calibration.mesh.refine import Snapshot
from calibration.result import ChipCalibration
from lumina.errors import CalibrationError

__all__ = [
    "BASE_LOOKS",
    "DARK_READINGS",
    "FIRST_LOOKS",
    "HIGHEST_PHASE_RAD",
    "Progress",
    "Surveyor",
    "Vicinity",
]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
ComplexArray = NDArray[np.complex128]

HIGHEST_PHASE_RAD = 2.15 * np.pi
"""Largest own phase that is measured: a turn, and what compensation may add to it."""

FIRST_LOOKS = 8
"""Looks by which the noise is judged before anything else is measured."""

BASE_LOOKS = 16
"""Looks at the base of a sweep: it enters every fringe."""

DARK_READINGS = 1000
"""Readings of the dark receivers that are averaged: vectors, not matrices."""

_LEAST_LIGHT = 5.0
"""Rms of a transfer matrix over its noise, below which there is no light to speak of."""

_LEAST_LEFT = 0.01
"""Share of the light at the base that no setting falls below, unless the light is gone."""

_FULL_ROW = 0.95
"""Norm of a row, of full scale, from which on single readings may be clipped."""

_DIMMED = 0.25
"""Amplitude of the inputs for receivers that are too strong."""

_DARK_PORT = 0.03
"""Norm of a row or a column, of the median, below which the port passes no light."""

_ATTEMPTS = 3
_RESTLESS_K = 0.05
"""A look during which the die moves further is taken again."""

Progress = Callable[[str, float], None]
"""Told the stage's name and the fraction of it that is done, 0 to 1."""


class Vicinity(NamedTuple):
    """Part of the range of the own phases."""

    centre_rad: FloatArray
    """Shape (shifters,), own phases about which it lies, in rad."""
    share: float
    """Share of the way from there to anywhere on the range."""


class Surveyor:
    """Measures one chip.

    Attributes:
        noise: rms noise of one element of one measurement, of full scale; 0 until the first
            looks.
        measurements: transfer matrices measured so far, repeats counted.
        offset: shape (ports,), what each receiver reads in the dark, of full scale.
        receiver: shape (ports,), by output of the mesh: the receiver that sees it.
        strong: shape (ports,), receivers that are read with dimmed inputs.
        idle: shape (shifters,), channels that are never driven.
    """

    def __init__(self, chip: ChipUnderTest, rng: Generator, progress: Progress) -> None:
        ports = chip.architecture.ports
        self._chip, self._rng, self._progress = chip, rng, progress
        self.noise, self.measurements = 0.0, 0
        self.offset = np.zeros(ports, complex)
        self.forget()

    def forget(self) -> None:
        """Take nothing for known of receivers and heaters."""
        ports = self._chip.architecture.ports
        self.receiver = np.arange(ports)
        self.strong = np.zeros(ports, bool)
        self.idle = np.zeros(self._chip.architecture.shifters, bool)
        self._light = 0.0

    async def look(self, drive_v: FloatArray, repeats: int = 1) -> Snapshot:
        """One setting, as it stands once it is driven.

        The die's temperature is that in the middle of the look.

        Raises:
            CalibrationError: the die does not come to rest, or the light is gone.
        """
        driven_v = np.where(self.idle, 0.0, settable_v(self._chip, drive_v))
        for _ in range(_ATTEMPTS):
            await self._chip.set_drive_v(driven_v)
            before_c = self._chip.die_temperature_c()
            transfer = await self._transfer(repeats)
            after_c = self._chip.die_temperature_c()
            if abs(after_c - before_c) <= _RESTLESS_K:
                break
        else:
            raise CalibrationError(
                f"{self._chip.name}: unstable temperature: the die moves by "
                f"{abs(after_c - before_c):.2f} K during a measurement "
                f"(allowed: {_RESTLESS_K:g} K); check the cooling and what else heats the chip"
            )
        if np.sum(np.abs(transfer) ** 2) < _LEAST_LEFT * self._light:
            raise CalibrationError(f"{self._chip.name}: the light is gone; check the laser")
        return Snapshot(driven_v, 0.5 * (before_c + after_c), transfer)

    async def _transfer(self, repeats: int) -> ComplexArray:
        """The transfer matrix by outputs, offsets taken off; strong receivers' rows dimmed."""
        seen = await self._chip.measure_transfer(repeats) - self.offset[:, None]
        self.measurements += repeats
        if self.strong.any():
            dimmed = np.diag(np.full(len(seen), _DIMMED, complex))
            faint = await self._chip.measure_readings(dimmed, repeats) - self.offset[:, None]
            self.measurements += repeats
            seen = np.where(self.strong[:, None], faint, seen)
        return seen[self.receiver]

    def in_full_light(self, known: ChipCalibration) -> ChipCalibration:
        """A calibration by what was measured here, with strong receivers as they really are."""
        dimmed = np.where(self.strong[known.receiver], _DIMMED, 1.0)
        mean = float(np.exp(np.log(dimmed).mean()))
        output = known.output_gain / dimmed * mean
        return replace(known, output_gain=output, gain=known.gain / mean)

    async def first_looks(self, drive_v: FloatArray) -> None:
        """Offsets of the receivers, noise, and whether every port passes light.

        Raises:
            CalibrationError: no light, or ports without any (`channels` names them).
        """
        nothing = np.zeros((len(self.offset), 1), complex)
        self.offset = (await self._chip.measure_readings(nothing, DARK_READINGS))[:, 0]
        seen = np.stack([look.transfer for look in await self._looks(drive_v, FIRST_LOOKS, 1)])
        mean = seen.mean(axis=0)
        variance = np.sum(np.abs(seen - mean) ** 2) / (mean.size * (len(seen) - 1))
        self.noise = float(np.sqrt(variance))
        light = float(np.sqrt(np.mean(np.abs(mean) ** 2)))
        if not light > _LEAST_LIGHT * self.noise / np.sqrt(FIRST_LOOKS):
            raise CalibrationError(
                f"{self._chip.name}: no light: {light:.2g} of full scale in {self.noise:.2g} of "
                "noise; check the laser, its attenuator and the fibres"
            )
        for axis, what in ((1, "outputs"), (0, "inputs")):
            self._require_light(np.linalg.norm(mean, axis=axis), what)

    def _require_light(self, norm: FloatArray, what: str) -> None:
        noise = self.noise * np.sqrt(len(norm) / FIRST_LOOKS)
        dark = np.flatnonzero(norm < max(_DARK_PORT * float(np.median(norm)), 2.0 * noise)).tolist()
        if dark:
            names = ", ".join(map(str, dark))
            raise CalibrationError(
                f"{self._chip.name}: no light at {what} {names}; check fibres and detectors", dark
            )

    async def base(self, drive_v: FloatArray, repeats: int) -> Snapshot:
        """The setting that sweeps depart from, so well that its noise does not count.

        Args:
            drive_v: shape (shifters,), by channel, in V.
            repeats: measurements averaged in each of its looks.
        """
        mean = _mean(await self._looks(drive_v, BASE_LOOKS, repeats))
        strong = np.linalg.norm(mean.transfer, axis=1) > _FULL_ROW
        strong = strong[np.argsort(self.receiver)] & ~self.strong
        if strong.any():
            self.strong |= strong
            mean = _mean(await self._looks(drive_v, BASE_LOOKS, repeats))
        self._light = float(np.sum(np.abs(mean.transfer) ** 2))
        return mean

    async def _looks(self, drive_v: FloatArray, count: int, repeats: int) -> list[Snapshot]:
        return [await self.look(drive_v, repeats) for _ in range(count)]

    async def sweep(
        self, stage: str, channels: IntArray, base: Snapshot, square_v2: FloatArray, repeats: int
    ) -> Sweeps:
        """Sweep some heaters, one after the other, each back at its base afterwards.

        Every other one downwards: what one heater gives up the next one takes over, so the
        heat of the chip hardly changes and the die need not be waited for.

        Args:
            stage: name for progress.
            channels: shifters to sweep.
            base: where all others stay.
            square_v2: shape (points,), squared drives of every sweep, in V^2.
            repeats: measurements averaged per point.
        """
        ports = len(self.receiver)
        transfer = np.empty((len(channels), len(square_v2), ports, ports), complex)
        points = range(len(square_v2))
        for number, channel in enumerate(channels):
            drive_v = base.drive_v.copy()
            for point in points if number % 2 == 0 else reversed(points):
                drive_v[channel] = np.sqrt(square_v2[point])
                transfer[number, point] = (await self.look(drive_v, repeats)).transfer
            self._progress(stage, (number + 1) / len(channels))
        return Sweeps(
            channels,
            base.drive_v[channels] ** 2,
            square_v2,
            base.transfer,
            transfer,
            noise=self.noise / float(np.sqrt(repeats)),
            base_noise=self.noise / float(np.sqrt(BASE_LOOKS * repeats)),
        )

    async def random_settings(
        self,
        stage: str,
        known: ChipCalibration,
        count: int,
        repeats: int,
        within: Vicinity | None = None,
    ) -> list[Snapshot]:
        """Look at settings in which every shifter is anywhere on its range, or within a part."""
        shots = []
        for number in range(count):
            shots.append(await self.look(self.random_drive_v(known, within), repeats))
            self._progress(stage, (number + 1) / count)
        return shots

    def random_drive_v(self, known: ChipCalibration, within: Vicinity | None = None) -> FloatArray:
        """Drives at which every shifter is anywhere on its range, or within a part, in V."""
        own = self._rng.uniform(0.0, HIGHEST_PHASE_RAD, len(known.phi0_rad))
        if within is not None:
            own = within.centre_rad + within.share * (own - within.centre_rad)
        return np.minimum(drive_for_own_phases_v(known, own), known.max_drive_v)


def _mean(looks: Sequence[Snapshot]) -> Snapshot:
    """Looks at one setting as one."""
    die_c = float(np.mean([look.die_c for look in looks]))
    return Snapshot(looks[0].drive_v, die_c, np.mean([look.transfer for look in looks], axis=0))
