"""Routines `photodiodes`, `laser`, `converters` and `heaters`: the instruments around a chip."""

import asyncio
from abc import abstractmethod
from collections.abc import Mapping

import numpy as np

from calibration.findings import Findings
from calibration.instruments.laser import RETURNS, STABILITY_READINGS, calibrate_laser
from calibration.instruments.light import LEVELS, LightPath
from calibration.instruments.photodiodes import TURNS_PER_CHANNEL, calibrate_photodiodes
from calibration.instruments.result import Measured, Quantity
from calibration.instruments.sampling import LEAST
from calibration.result import ChannelFault
from calibration.routines._routine import Move, Routine, Verdict, Workplace
from drivers.interfaces import (
    Laser,
    MeterCorrection,
    OpticalPowerMeter,
    PhaseShifterBank,
)
from drivers.options import LaserOptions, PowerMeterOptions

__all__ = ["InstrumentRoutine", "LaserRoutine", "PhotodiodesRoutine"]

WATCH_S = 0.5
"""Time that telemetry of the light may take to whoever watches it."""

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

    async def _measured(self, place: Workplace) -> Measured:
        """Measure; a board is told that its light is not what it was."""
        if place.board is None:
            return await self.measure(place)
        place.board.relit = True
        try:
            return await self.measure(place)
        finally:
            await asyncio.sleep(WATCH_S)
            place.board.relit = False

    async def apply(self, place: Workplace, findings: Findings) -> None:
        """What its instruments cannot take stays a record."""
        Measured.from_findings(findings)

    async def check(self, place: Workplace, findings: Findings) -> Verdict | None:
        """Measure again, and compare."""
        known = Measured.from_findings(findings)
        seen = await self._measured(place)
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
        if (then := before.get((now.instrument, now.channel, now.name))) is not None
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
