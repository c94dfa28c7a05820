"""The measurements of a calibration: looks, sweeps, random settings; all of them counted."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from calibration.chip import ChipUnderTest
from calibration.heaters import drive_for_own_phases_v
from calibration.mesh.fringes import Sweeps
from calibration.mesh.refine import Snapshot
from calibration.result import ChipCalibration
from lumina.errors import CalibrationError

__all__ = ["BASE_LOOKS", "HIGHEST_PHASE_RAD", "Progress", "Surveyor"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

HIGHEST_PHASE_RAD = 2.15 * np.pi
"""Largest own phase that is measured: a turn, and what compensation may add to it."""

BASE_LOOKS = 16
"""Looks at the base of a sweep: it enters every fringe, and their scatter is the noise."""

_LEAST_LIGHT = 5.0
"""Rms of a transfer matrix over its noise, below which there is no light to speak of."""

Progress = Callable[[str, float], None]
"""Told the stage's name and the fraction of it that is done, 0 to 1."""


class Surveyor:
    """Measures one chip.

    Attributes:
        noise: rms noise of one element of one measurement, of full scale; 0 until a base
            was measured.
        measurements: transfer matrices measured so far, repeats counted.
    """

    def __init__(self, chip: ChipUnderTest, rng: Generator, progress: Progress) -> None:
        self._chip, self._rng, self._progress = chip, rng, progress
        self.noise = 0.0
        self.measurements = 0

    async def look(self, drive_v: FloatArray, repeats: int = 1) -> Snapshot:
        """One setting, as it stands once it is driven.

        The die's temperature is that in the middle of the look.
        """
        await self._chip.set_drive_v(drive_v)
        before_c = self._chip.die_temperature_c()
        transfer = await self._chip.measure_transfer(repeats)
        after_c = self._chip.die_temperature_c()
        self.measurements += repeats
        return Snapshot(drive_v.copy(), 0.5 * (before_c + after_c), transfer)

    async def base(self, drive_v: FloatArray) -> Snapshot:
        """The setting that sweeps depart from; measures the noise as well.

        Raises:
            CalibrationError: no light.
        """
        looks = [await self.look(drive_v) for _ in range(BASE_LOOKS)]
        seen = np.stack([look.transfer for look in looks])
        mean = seen.mean(axis=0)
        self.noise = float(
            np.sqrt(np.sum(np.abs(seen - mean) ** 2) / (mean.size * (len(seen) - 1)))
        )
        light = float(np.sqrt(np.mean(np.abs(mean) ** 2)))
        if not light > _LEAST_LIGHT * self.noise:
            raise CalibrationError(
                f"{self._chip.name}: no light: {light:.2g} of full scale in {self.noise:.2g} of "
                "noise; check the laser, its attenuator and the fibres"
            )
        return Snapshot(drive_v.copy(), float(np.mean([look.die_c for look in looks])), mean)

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
        ports = self._chip.architecture.ports
        transfer = np.empty((len(channels), len(square_v2), ports, ports), complex)
        points = range(len(square_v2))
        for number, channel in enumerate(channels):
            drive_v = base.drive_v.copy()
            for point in points if number % 2 == 0 else reversed(points):
                drive_v[channel] = np.sqrt(square_v2[point])
                transfer[number, point] = (await self.look(drive_v, repeats)).transfer
            self._progress(stage, (number + 1) / len(channels))
        noise = self.noise / np.sqrt(repeats)
        base_square_v2 = base.drive_v[channels] ** 2
        return Sweeps(channels, base_square_v2, square_v2, base.transfer, transfer, noise)

    async def random_settings(
        self, stage: str, known: ChipCalibration, count: int, repeats: int
    ) -> list[Snapshot]:
        """Look at settings in which every shifter is anywhere on its range."""
        shots = []
        for number in range(count):
            own = self._rng.uniform(0.0, HIGHEST_PHASE_RAD, len(known.phi0_rad))
            drive_v = np.minimum(drive_for_own_phases_v(known, own), known.max_drive_v)
            shots.append(await self.look(drive_v, repeats))
            self._progress(stage, (number + 1) / count)
        return shots
