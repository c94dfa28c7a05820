"""The measurements of a chip with taps: settings of all heaters at once, seen by all detectors."""

from dataclasses import replace
from functools import partial

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from calibration.chip import ChipUnderTest, mesh_of
from calibration.faults import ChannelFault, Fault, Part
from calibration.mesh.elements import point_at, strengths
from calibration.mesh.measuring import DARK_READINGS, HIGHEST_PHASE_RAD, Progress, Surveyor
from calibration.mesh.options import CalibrationOptions
from calibration.mesh.placing import swapped_channels
from calibration.mesh.refine import Snapshot
from calibration.mesh.start import Start, data_sheet
from calibration.mesh.tapped._reading import Reading, read_chip
from calibration.mesh.tapped._views import AstrayError, RestlessError, TapViews
from calibration.result import ChipCalibration
from lumina.background import in_background

__all__ = ["survey_by_taps"]

FloatArray = NDArray[np.float64]

_VECTORS, _VECTORS_PER_PORT = 16, 2
"""Inputs for which the taps are read at every setting: four unknowns of an interferometer, and
enough beyond that a tap at a wrong place cannot fit."""

_FAINT_TAPS, _POINT_NOISE, _MOST_TIMES = 0.1, 0.04, 64
"""Taps are read so often that those at this quantile of the light show an interferometer to
this much; and at most so often."""

_MOST_RESTLESS = 4
"""Heaters that may turn otherwise than they are driven; each costs another round of settings.
Behind attenuators dim light can look like one: there the outputs decide."""

_FULL = 0.95
"""Reading, of full scale, from which on it may be clipped."""

_CLIPPED, _FAINT = 0.05, 0.05
"""Share of a tap's readings that may be clipped; light, of the median, that is none."""


async def survey_by_taps(
    chip: ChipUnderTest,
    surveyor: Surveyor,
    options: CalibrationOptions,
    rng: Generator,
    progress: Progress,
) -> Start:
    """Learn a chip by its taps, about as well as is needed to start the fit.

    Args:
        chip: the chip.
        surveyor: measures its outputs.
        options: how much.
        rng: picks the inputs for which the taps are read.
        progress: told how far it is.

    Raises:
        AstrayError: the taps do not tell of this mesh.
        CalibrationError: no light.
    """
    return await _TapSurvey(chip, surveyor, options, rng, progress).run()


class _TapSurvey:
    """A survey in the making."""

    def __init__(
        self,
        chip: ChipUnderTest,
        surveyor: Surveyor,
        options: CalibrationOptions,
        rng: Generator,
        progress: Progress,
    ) -> None:
        self._chip, self._surveyor, self._options = chip, surveyor, options
        self._rng, self._progress = rng, progress
        self._mesh = mesh_of(chip)
        self._dark, self._noise, self._times = np.zeros(chip.taps), 0.0, 1
        self._tap_faults: dict[int, ChannelFault] = {}

    async def run(self) -> Start:
        surveyor, mesh = self._surveyor, self._mesh
        middle_v = np.sqrt(0.5 * HIGHEST_PHASE_RAD / self._chip.nominal_phase_rad_per_v2)
        drive_v = np.full(mesh.shifters, middle_v)
        await surveyor.first_looks(drive_v)
        base = await surveyor.base(drive_v, 1)
        await self._know_taps()
        sheet = replace(data_sheet(self._chip, base.die_c), receiver_offset=surveyor.offset)
        repeats = self._options.setting_repeats(surveyor.noise, self._radius(base))
        restless: tuple[ChannelFault, ...] = ()
        while True:
            shots, views = await self._settings(sheet, repeats)
            try:
                reading = await self._read(sheet, views, shots)
            except RestlessError as error:
                # What turns without telling by how much is switched off, and all else seen again.
                restless = (*restless, error.fault)
                if len(restless) > (0 if mesh.attenuators else _MOST_RESTLESS):
                    raise AstrayError(f"{self._chip.name}: {error}; and others before") from error
                surveyor.idle[error.fault.channel] = True
                continue
            found = (*restless, *(f for f in reading.faults if f.part is Part.SHIFTER))
            return self._started(reading, found, shots, drive_v)

    async def _know_taps(self) -> None:
        """Readings in the dark, noise, and by the light at the base how often to read."""
        ports = self._mesh.ports
        dark = await self._chip.measure_taps(np.zeros((ports, DARK_READINGS), complex))
        self._dark, noise = dark.mean(axis=1), float(np.sqrt(dark.var(axis=1).mean()))
        vectors = self._vectors()
        seen = await self._chip.measure_taps(vectors) - self._dark[:, None]
        faint = max(float(np.quantile(seen.mean(axis=1), _FAINT_TAPS)), 0.01 * noise)
        once = 2.0 * noise / faint / np.sqrt(vectors.shape[1])
        self._times = int(np.clip(np.ceil((once / _POINT_NOISE) ** 2), 1, _MOST_TIMES))
        self._noise = noise / float(np.sqrt(self._times))

    def _vectors(self) -> NDArray[np.complex128]:
        ports = self._mesh.ports
        return _inside_the_disc(self._rng, ports, _VECTORS + _VECTORS_PER_PORT * ports)

    async def _read(
        self, sheet: ChipCalibration, views: TapViews, shots: list[Snapshot]
    ) -> Reading:
        idle = self._surveyor.idle.copy()
        try:
            return await in_background(partial(read_chip, sheet, views, idle, shots))
        except AstrayError as error:
            raise AstrayError(str(error), (*self._tap_faults.values(), *error.faults)) from error

    def _radius(self, base: Snapshot) -> float:
        """Of a fringe with attenuators open, as far as one look tells."""
        open_share = 0.5 if self._mesh.attenuators else 1.0
        power = float(np.sum(np.abs(base.transfer) ** 2)) / self._mesh.ports
        return max(float(np.sqrt(power / open_share)), self._surveyor.noise)

    async def _settings(
        self, sheet: ChipCalibration, repeats: int
    ) -> tuple[list[Snapshot], TapViews]:
        """Random settings, each seen by outputs and taps."""
        vectors, count = self._vectors(), self._options.settings
        shots, power, clear = [], [], []
        for number in range(count):
            drive_v = self._surveyor.random_drive_v(sheet)
            shots.append(await self._surveyor.look(drive_v, repeats))
            seen = await self._chip.measure_taps(vectors, self._times)
            power.append(seen - self._dark[:, None])
            clear.append(seen < _FULL)
            self._progress("settings", (number + 1) / count)
        nominal = self._chip.nominal_phase_rad_per_v2
        views = TapViews(
            vectors,
            np.stack([nominal * shot.drive_v**2 for shot in shots]),
            np.stack(power),
            np.stack(clear),
            np.ones(self._chip.taps, bool),
            self._noise,
            np.stack([shot.transfer for shot in shots]),
        )
        return shots, views._replace(live=self._live(views))

    def _live(self, views: TapViews) -> NDArray[np.bool_]:
        """Taps that can be used; what is wrong with the others is noted."""
        light = views.power.mean(axis=(0, 2))
        clipped = 1.0 - views.clear.mean(axis=(0, 2))
        lit = light / max(float(np.median(light)), np.finfo(float).tiny)
        for tap in np.flatnonzero(clipped > _CLIPPED).tolist():
            self._leave_out(tap, Fault.SATURATED, f"{clipped[tap]:.0%} of its readings are clipped")
        for tap in np.flatnonzero(lit < _FAINT).tolist():
            self._leave_out(tap, Fault.DEAD, f"sees {lit[tap]:.1%} of what the others see")
        return np.asarray((clipped <= _CLIPPED) & (lit >= _FAINT))

    def _leave_out(self, tap: int, fault: Fault, reason: str) -> None:
        self._tap_faults[tap] = ChannelFault(Part.TAP, tap, fault, f"{reason}; left out")

    def _started(
        self,
        reading: Reading,
        faults: tuple[ChannelFault, ...],
        shots: list[Snapshot],
        drive_v: FloatArray,
    ) -> Start:
        """With what turns nothing taken as undriven, and the outputs in their order."""
        surveyor, guess = self._surveyor, reading.calibration
        surveyor.idle[[fault.channel for fault in faults]] = True
        live = ~surveyor.idle
        for fault in reading.faults:
            if fault.part is Part.TAP:
                self._tap_faults[fault.channel] = fault
        everywhere = np.ones(self._mesh.ports, bool)
        settings = [
            shot._replace(
                drive_v=np.where(live, shot.drive_v, 0.0),
                transfer=shot.transfer[guess.receiver],
            )
            for shot in shots
        ]
        here = point_at(guess, np.where(live, drive_v, 0.0), guess.reference_die_c)
        return Start(
            guess,
            (
                *faults,
                *swapped_channels(guess.channel, live, Part.SHIFTER),
                *swapped_channels(guess.receiver, everywhere, Part.OUTPUT),
                *(self._tap_faults[tap] for tap in sorted(self._tap_faults)),
            ),
            settings,
            fringe_amplitude=np.sqrt(strengths(here).phase) * live,
            visibility=reading.share,
        )


def _inside_the_disc(rng: Generator, ports: int, count: int) -> NDArray[np.complex128]:
    """Inputs anywhere within full scale, shape (ports, count)."""
    size = np.sqrt(rng.random((ports, count)))
    return np.asarray(size * np.exp(2j * np.pi * rng.random((ports, count))))
