"""A laser stepped through its powers, while its own meter and all detectors look."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from calibration.instruments.sampling import Sample, Sampler
from calibration.mesh.measuring import Progress
from drivers.interfaces import Laser, OpticalPowerMeter
from drivers.options import LaserOptions, PowerMeterOptions
from lumina.errors import CalibrationError

__all__ = ["Ladder", "LightPath", "dark", "ladder", "laser_as_found", "made_ready"]

FloatArray = NDArray[np.float64]

SETTLE_S = 0.05
"""After a change of the light."""

LEVELS = 12
"""Rungs of a ladder, up and down."""

WANTED_SHARE, DARK_SHARE = 4e-4, 1e-4
"""Standard errors that will do: of the light at hand; in the dark, of the light there was."""

OWN_SHARE = 5e-4
"""The same of the laser's own meter, relative."""


@dataclass(frozen=True)
class LightPath:
    """One laser and all that sees its light, through whatever lies between.

    Attributes:
        laser: the one laser.
        settings: what the lab config says of it.
        meters: detectors by name.
        looks_at: what the lab config says of each.
        top_w: power that the laser may be set to, W.
    """

    laser: Laser
    settings: LaserOptions
    meters: Mapping[str, OpticalPowerMeter]
    looks_at: Mapping[str, PowerMeterOptions]
    top_w: float

    def rungs_w(self) -> FloatArray:
        """Powers of a ladder, W, shape (LEVELS,): up, and down again, so that drift cancels."""
        lowest_w = max(self.laser.power_limits_w().low, 0.02 * self.top_w)
        up_w = np.linspace(lowest_w, self.top_w, LEVELS // 2)
        return np.concatenate([up_w, up_w[::-1]])


@dataclass(frozen=True)
class Ladder:
    """What was seen at each of the powers.

    Attributes:
        set_w: what the laser was set to, shape (levels,).
        own: its own meter, (1,) each.
        seen: every detector, (channels,) each.
    """

    set_w: FloatArray
    own: tuple[Sample, ...]
    seen: Mapping[str, tuple[Sample, ...]]

    @property
    def own_w(self) -> FloatArray:
        """Readings of the laser's own meter, W, shape (levels,)."""
        return np.array([float(one.mean[0]) for one in self.own])

    @property
    def own_sigma_w(self) -> FloatArray:
        """Their standard errors, W, shape (levels,)."""
        return np.array([float(one.sigma[0]) for one in self.own])


@asynccontextmanager
async def laser_as_found(path: LightPath) -> AsyncIterator[None]:
    """Wavelength, power and emission inside the block are the caller's; then they are put back."""
    emitting = await path.laser.is_emitting()
    try:
        yield
    finally:
        await path.laser.set_wavelength_m(path.settings.wavelength_m)
        await path.laser.set_power_w(path.settings.power_w)
        await path.laser.set_emission(emitting)
        await asyncio.sleep(SETTLE_S)


async def made_ready(path: LightPath) -> None:
    """Light at the wavelength and power of the lab config; meters set for it.

    Raises:
        CalibrationError: the laser stays dark.
    """
    laser, settings = path.laser, path.settings
    for name, meter in path.meters.items():
        await meter.set_wavelength_m(settings.wavelength_m)
        await meter.set_averaging(path.looks_at[name].averaging)
    await laser.set_wavelength_m(settings.wavelength_m)
    await laser.set_power_w(settings.power_w)
    await laser.set_emission(True)
    await asyncio.sleep(SETTLE_S)
    if not await laser.is_emitting() or await laser.read_power_w() < 0.1 * settings.power_w:
        raise CalibrationError(
            f"{laser.name}: laser off: it is switched on and its own meter sees less than a "
            f"tenth of the {1e3 * settings.power_w:.3g} mW that are set; interlock, key, shutter?"
        )


async def dark(path: LightPath, sampler: Sampler) -> dict[str, Sample]:
    """Every detector with the laser off; it is left off.

    What will do is judged by the light that each saw before.
    """
    lit = {name: await meter.read_power_w() for name, meter in path.meters.items()}
    await path.laser.set_emission(False)
    await asyncio.sleep(SETTLE_S)
    seen = {}
    for name, meter in path.meters.items():
        will_do = DARK_SHARE * np.abs(np.where(np.isfinite(lit[name]), lit[name], 1.0))
        seen[name] = await sampler.mean(meter.read_power_w, partial(_always, will_do))
    return seen


def _always(will_do: FloatArray, mean: FloatArray) -> FloatArray:
    """The same standard error, whatever the mean."""
    del mean
    return will_do


async def ladder(path: LightPath, sampler: Sampler, progress: Progress) -> Ladder:
    """Step the laser up and down; it is left at the lab config's power."""
    rungs_w, own = path.rungs_w(), []
    seen: dict[str, list[Sample]] = {name: [] for name in path.meters}
    await path.laser.set_emission(True)
    for number, power_w in enumerate(rungs_w.tolist()):
        await path.laser.set_power_w(power_w)
        await asyncio.sleep(SETTLE_S)
        for name, meter in path.meters.items():
            level = await sampler.mean(meter.read_power_w, lambda m: WANTED_SHARE * np.abs(m))
            seen[name].append(level)
        own.append(await sampler.mean(path.laser.read_power_w, lambda m: OWN_SHARE * np.abs(m)))
        progress("power", (number + 1) / len(rungs_w))
    await path.laser.set_power_w(path.settings.power_w)
    await asyncio.sleep(SETTLE_S)
    return Ladder(rungs_w, tuple(own), {name: tuple(levels) for name, levels in seen.items()})
