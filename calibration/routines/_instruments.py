"""Routines `photodiodes`, `laser`, `converters` and `heaters`: the instruments around a chip."""

import asyncio
from abc import abstractmethod
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace
from functools import partial

import numpy as np

from calibration.faults import ChannelFault
from calibration.findings import Findings
from calibration.instruments.banks import LEVELS as DRIVE_LEVELS
from calibration.instruments.banks import calibrate_banks
from calibration.instruments.climate import ControlledClimate
from calibration.instruments.heaters import LEVELS as HEATER_LEVELS
from calibration.instruments.heaters import calibrate_heaters
from calibration.instruments.laser import RETURNS, STABILITY_READINGS, calibrate_laser
from calibration.instruments.light import LEVELS, SETTLE_S, LightPath
from calibration.instruments.photodiodes import TURNS_PER_CHANNEL, calibrate_photodiodes
from calibration.instruments.receivers import calibrate_receivers
from calibration.instruments.receivers import cost as receiver_cost
from calibration.instruments.result import Measured, Quantity
from calibration.instruments.sampling import LEAST, Sampler
from calibration.routines._routine import Move, Routine, Verdict, Workplace
from drivers.interfaces import (
    Detection,
    Laser,
    MeterCorrection,
    OpticalPowerMeter,
    PhaseShifterBank,
    PhotonicProcessor,
    TemperatureController,
)
from drivers.options import (
    LaserOptions,
    PhaseShifterBankOptions,
    PowerMeterOptions,
    TemperatureControllerOptions,
)

__all__ = [
    "ConvertersRoutine",
    "HeatersRoutine",
    "InstrumentRoutine",
    "LaserRoutine",
    "PhotodiodesRoutine",
]

WATCH_S = 0.5
"""Time that telemetry of the light may take to whoever watches it."""

OF_THE_MOMENT = {"power_drift_per_h", "power_rms"}
"""Quantities that say how it went then, and may go otherwise."""

MOVED = 5.0
"""Sigmas from which something has moved: some fifty quantities are looked at."""


class InstrumentRoutine(Routine):
    """A procedure whose result is `Measured`. It reads instruments, so it starts over."""

    needs_board = False

    @abstractmethod
    async def measure(self, place: Workplace) -> Measured:
        """Measure, and leave all as it was."""

    async def run(self, place: Workplace) -> Findings:
        findings = (await self._measured(place)).to_findings(self.name)
        await self.apply(place, findings)
        return findings

    async def _measured(self, place: Workplace, *, quickly: bool = False) -> Measured:
        """Measure; a board is told that its light is not what it was."""
        measure = self.measure_quickly if quickly else self.measure
        if place.board is None:
            return await measure(place)
        place.board.relit = True
        try:
            return await measure(place)
        finally:
            await asyncio.sleep(WATCH_S)
            place.board.relit = False

    async def apply(self, place: Workplace, findings: Findings) -> None:
        """What its instruments cannot take stays a record."""
        Measured.from_findings(findings)

    async def measure_quickly(self, place: Workplace) -> Measured:
        """Measure what takes less than a minute."""
        return await self.measure(place)

    async def check(self, place: Workplace, findings: Findings) -> Verdict | None:
        """Measure again, and compare."""
        known = Measured.from_findings(findings)
        seen = await self._measured(place, quickly=True)
        await self.apply(place, findings)
        moves = tuple(moved(known, seen))
        named = {str(fault) for fault in seen.faults} - {str(fault) for fault in known.faults}
        for fault in sorted(named):
            place.tell(fault)
        figures: dict[str, float | int | str] = {
            "quantities": len(seen.quantities),
            "largest_sigmas": max((abs(m.by) / m.sigma for m in moves), default=0.0),
            "new_faults": len(named),
        }
        return Verdict(holds=not moves and not named, moves=moves, figures=figures)

    def faults(self, findings: Findings) -> tuple[ChannelFault, ...]:
        return Measured.from_findings(findings).faults

    def figures(self, findings: Findings) -> dict[str, float | int | str]:
        return Measured.from_findings(findings).figures()


def moved(known: Measured, seen: Measured) -> list[Move]:
    """Quantities that are not what they were."""
    before = {(q.instrument, q.channel, q.name): q for q in known.quantities}
    return [
        Move(now.instrument, now.channel, now.name, now.value - then.value, sigma)
        for now in seen.quantities
        if now.name not in OF_THE_MOMENT
        and (then := before.get((now.instrument, now.channel, now.name))) is not None
        and abs(now.value - then.value) > MOVED * (sigma := float(np.hypot(now.sigma, then.sigma)))
    ]


def meters_at(place: Workplace) -> dict[str, OpticalPowerMeter]:
    """The detectors on the plant, by name."""
    return {n: one for n, one in place.instruments.items() if isinstance(one, OpticalPowerMeter)}


def banks_at(place: Workplace) -> dict[str, PhaseShifterBank]:
    """The stand-alone heater drivers on the plant, by name."""
    return {n: one for n, one in place.instruments.items() if isinstance(one, PhaseShifterBank)}


def light_path(place: Workplace) -> LightPath | None:
    """The one laser and the detectors on a plant; None where there is no laser, or several."""
    lasers = {n: one for n, one in place.instruments.items() if isinstance(one, Laser)}
    meters = meters_at(place)
    if len(lasers) != 1:
        return None
    ((name, laser),) = lasers.items()
    settings = place.options.get(name, LaserOptions())
    looks_at = {meter: place.options.get(meter, PowerMeterOptions()) for meter in meters}
    assert isinstance(settings, LaserOptions)
    return LightPath(
        laser,
        settings,
        meters,
        {m: o for m, o in looks_at.items() if isinstance(o, PowerMeterOptions)},
        # A board's receivers are set for the power that bring-up sets.
        settings.power_w if place.board is not None else laser.power_limits_w().high,
    )


def required(place: Workplace) -> LightPath:
    """The light path of a place to which the routine applies."""
    path = light_path(place)
    assert path is not None
    return path


class PhotodiodesRoutine(InstrumentRoutine):
    """Every stand-alone detector on a plant with one laser."""

    name = "photodiodes"
    finds = "detectors: dark reading, reading per watt, linearity, saturation"

    def applies(self, place: Workplace) -> bool:
        path = light_path(place)
        return path is not None and bool(path.meters)

    def cost(self, place: Workplace) -> int:
        path = required(place)
        turned = sum(m.channels for m in path.meters.values() if m.is_host_calibrated)
        return LEAST * ((LEVELS + 1) * len(path.meters) + LEVELS + TURNS_PER_CHANNEL * turned)

    async def measure(self, place: Workplace) -> Measured:
        banks = banks_at(place)
        return await calibrate_photodiodes(
            required(place), banks, rng=place.rng, progress=place.progress
        )

    async def apply(self, place: Workplace, findings: Findings) -> None:
        found = Measured.from_findings(findings)
        for name, meter in meters_at(place).items():
            if meter.is_host_calibrated:
                meter.correct(correction_of(found, name, meter.channels))


def correction_of(found: Measured, name: str, channels: int) -> MeterCorrection:
    """What a host-calibrated meter is to use: its dark readings, and its channels made equal.

    Where one of them is known against a maker-calibrated meter, all are brought to its watts.
    """
    dark = values(found.of("dark_w", name), name, channels, missing=0.0)
    relative = values(found.of("relative_responsivity", name), name, channels, missing=1.0)
    scales = found.of("scale", name)
    ratios = [q.value / relative[q.channel] for q in scales.values()]
    return MeterCorrection(dark, 1.0 / (relative * (np.mean(ratios) if ratios else 1.0)))


def values(
    found: Mapping[tuple[str, int], Quantity], name: str, channels: int, *, missing: float
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """One quantity of every channel."""
    return np.array(
        [found[name, c].value if (name, c) in found else missing for c in range(channels)]
    )


class LaserRoutine(InstrumentRoutine):
    """The one laser on a plant."""

    name = "laser"
    finds = "laser: power scale, offset, bow, stability; wavelength reading and repeatability"

    def applies(self, place: Workplace) -> bool:
        return light_path(place) is not None

    def cost(self, place: Workplace) -> int:
        rungs = LEAST * (LEVELS * (1 + len(required(place).meters)) + 1)
        return rungs + STABILITY_READINGS + 8 * RETURNS

    async def measure(self, place: Workplace) -> Measured:
        return await calibrate_laser(required(place), progress=place.progress)


class ConvertersRoutine(InstrumentRoutine):
    """The fast converters of a board, and stand-alone heater drivers."""

    name = "converters"
    finds = "converters: dark readings, offsets, scales and bows of receivers and drivers"

    def applies(self, place: Workplace) -> bool:
        return coherent_board(place) is not None or bool(banks_at(place))

    def cost(self, place: Workplace) -> int:
        board = coherent_board(place)
        ports = 0 if board is None else board.capabilities.architecture.ports
        swept = 2 * LEAST * (DRIVE_LEVELS + 1) * len(banks_at(place))
        return swept + (receiver_cost(ports) if ports else 0)

    async def measure(self, place: Workplace) -> Measured:
        sampler, board = Sampler(), coherent_board(place)
        found = Measured((), (), 0)
        if board is not None:
            found = await calibrate_receivers(
                board.name,
                place.device,
                board.capabilities.converter_bits,
                partial(set_light, place),
                rng=place.rng,
                progress=place.progress,
            )
        drives = await calibrate_banks(banks_at(place), sampler, place.progress)
        return replace(
            found,
            quantities=(*found.quantities, *drives),
            readings=found.readings + sampler.readings,
            notes={"not_told": NOT_TOLD},
        )


NOT_TOLD = (
    "scales of drive and read-back apart; gains of modulators and receivers (mesh has them); "
    "offset and bow of a board's heater converters (in mesh's drive law)"
)


def coherent_board(place: Workplace) -> PhotonicProcessor | None:
    """The board, where it reads amplitudes; None where it does not, or there is none."""
    board = None if place.board is None else place.instruments[place.name]
    if not isinstance(board, PhotonicProcessor):
        return None
    return board if board.capabilities.detection is Detection.COHERENT else None


async def set_light(place: Workplace, scale: float) -> None:
    """Set a board's attenuator, and wait until the light is there."""
    await place.device.applied(place.device.loop.set_laser_scale(scale))
    await asyncio.sleep(SETTLE_S)


class HeatersRoutine(InstrumentRoutine):
    """The heaters behind every driver that reads its currents."""

    name = "heaters"
    finds = "heaters: resistance, self-heating, tempco; open and shorted ones"

    def applies(self, place: Workplace) -> bool:
        return bool(banks_at(place))

    def cost(self, place: Workplace) -> int:
        temperatures = 1 if climate_at(place) is None else 2
        return 2 * LEAST * (2 + temperatures * HEATER_LEVELS) * len(banks_at(place))

    async def measure(self, place: Workplace) -> Measured:
        return await self._heaters(place, with_tempco=True)

    async def measure_quickly(self, place: Workplace) -> Measured:
        return await self._heaters(place, with_tempco=False)

    async def _heaters(self, place: Workplace, *, with_tempco: bool) -> Measured:
        climate = climate_at(place)
        async with nullcontext() if climate is None else climate:
            return await calibrate_heaters(
                banks_at(place),
                {name: sheet_ohm(place, name) for name in banks_at(place)},
                climate,
                with_tempco=with_tempco,
                progress=place.progress,
            )


def sheet_ohm(place: Workplace, name: str) -> float | None:
    """What the heaters on a bank should have, by the lab config."""
    options = place.options.get(name)
    return options.heater_ohm if isinstance(options, PhaseShifterBankOptions) else None


def climate_at(place: Workplace) -> ControlledClimate | None:
    """What holds the carrier of a plant without a board; None where nothing does."""
    if place.board is not None:
        return None
    for name, one in place.instruments.items():
        options = place.options.get(name)
        if isinstance(one, TemperatureController) and isinstance(
            options, TemperatureControllerOptions
        ):
            return ControlledClimate(one, options.target_c)
    return None
