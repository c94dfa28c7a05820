"""A tunable laser: power and wavelength against what it was set to.

Assumptions

- The scale of the power is by the laser's own meter, that meter's scale in it: what lies between
  laser and detectors is not known, so no detector can tell. Offset and bow are told by the
  detector that knows best, a maker-calibrated one where there is one, as the way through the
  chip is straight; its own bow is in them.
- Power and chip stand while the ladder is climbed; by how much they do not is `power_rms` and
  `power_drift_per_h`, of the brightest detector, and any drift of the chip's light is in them.
- The laser reads the wavelength that it has set itself to, not that of the light. How well it
  comes back to one is told by a slope of the chip's transmission, that is by interference; where
  nothing depends on the wavelength it is not. An absolute scale would need a known line: a
  mesh's fringes and a bank's rings are not known in metres, so `wavelength_offset_m` is that of
  its reading alone.

Cost: the ladder of `calibration.instruments.light`, 40 readings for the stability, 5 wavelengths,
12 returns to one.
"""

import asyncio
from collections.abc import Awaitable, Callable

import numpy as np
from numpy.typing import NDArray

from calibration.faults import ChannelFault, Fault
from calibration.instruments.fits import fitted
from calibration.instruments.light import SETTLE_S, Ladder, LightPath, dark, ladder, laser_as_found
from calibration.instruments.light import made_ready as light_made_ready
from calibration.instruments.photodiodes import floor
from calibration.instruments.result import Measured, Quantity
from calibration.instruments.sampling import Sample, Sampler
from calibration.mesh.measuring import Progress

__all__ = ["calibrate_laser"]

FloatArray = NDArray[np.float64]

STABILITY_S, STABILITY_READINGS = 20.0, 40

STEPPED_M = 4e-9
"""Either way of the set wavelength: how far its reading is followed."""

SLOPE_M, AWAY_M, RETURNS = 2e-11, 2e-9, 12
"""Detuning by which a slope is found, and how often it is left and come back to."""

DISPLAY_M = 1e-15
"""Last digit of a wavelength reading."""

STEADY_SHARE = 2e-5
"""The light through a chip is not trusted to be steadier than that while a ladder is climbed."""

OFF_POWER = 0.25
"""A scale further than this from 1 is no calibration error."""

Read = Callable[[], Awaitable[float]]


async def calibrate_laser(path: LightPath, *, progress: Progress) -> Measured:
    """Measure the laser; it is put back as it was.

    Raises:
        CalibrationError: the laser stays dark.
        DeviceError: an instrument failed.
    """
    sampler = Sampler()
    async with laser_as_found(path):
        await light_made_ready(path)
        darkness = await dark(path, sampler)
        rungs = await ladder(path, sampler, progress)
        power = power_law(path, rungs, darkness)
        light = brightest(path, rungs, darkness, sampler)
        stability = await stability_of(path, light, progress)
        wavelength = await wavelengths(path, sampler, progress)
        returns = await returns_to(path, light, progress)
    found = [*power, *stability, *wavelength, *returns]
    own = {"laser_set_w": rungs.set_w, "laser_own_w": rungs.own_w}
    return Measured(tuple(found), faults_of(path, power), sampler.readings, notes(path), own)


def power_law(path: LightPath, rungs: Ladder, darkness: dict[str, Sample]) -> list[Quantity]:
    """Scale, offset and bow: seen = k (set + offset + bow top 4 x (1 - x)), x = set / top."""
    name, top_w = path.laser.name, path.laser.power_limits_w().high
    share = rungs.set_w / top_w
    bow_w = 4.0 * top_w * share * (1.0 - share)
    design = np.stack([rungs.set_w, np.ones_like(share), bow_w], axis=1)
    own = fitted(design, rungs.own_w, rungs.own_sigma_w)
    scale = Quantity(name, 0, "power_scale", float(own.values[0]), float(own.sigmas[0]))
    known = [relative_to_scale(own.values, own.sigmas)]
    makers = {name for name, one in path.meters.items() if not one.is_host_calibrated}
    for meter in makers or set(path.meters):
        levels = rungs.seen[meter]
        for channel in range(len(levels[0].mean)):
            seen_w = np.array([level.mean[channel] for level in levels])
            if not np.isfinite(seen_w).all() or not np.isfinite(darkness[meter].mean[channel]):
                continue
            light_w = seen_w - darkness[meter].mean[channel]
            noise_w = np.hypot(
                [level.sigma[channel] for level in levels], darkness[meter].sigma[channel]
            )
            fit = fitted(design, light_w, np.hypot(noise_w, STEADY_SHARE * light_w))
            if fit.values[0] > 10.0 * fit.sigmas[0]:
                known.append(relative_to_scale(fit.values, fit.sigmas))
    (offset, offset_sigma), (bow, bow_sigma) = (
        min((one[index] for one in known), key=lambda pair: pair[1]) for index in (0, 1)
    )
    return [
        scale,
        Quantity(name, 0, "power_offset_w", offset, offset_sigma),
        Quantity(name, 0, "power_bow", bow, bow_sigma),
    ]


def relative_to_scale(
    values: FloatArray, sigmas: FloatArray
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Offset and bow of a fit in units of what is set, each with its sigma."""
    offset, bow = values[1:] / values[0]
    offset_sigma, bow_sigma = sigmas[1:] / values[0]
    return (float(offset), float(offset_sigma)), (float(bow), float(bow_sigma))


def brightest(
    path: LightPath, rungs: Ladder, darkness: dict[str, Sample], sampler: Sampler
) -> Read:
    """Reads the detector with the least relative noise; the laser's own meter where none sees."""
    at = int(np.argmin(np.abs(rungs.set_w - path.settings.power_w)))
    noise = {
        (name, channel): levels[at].rms[channel] / levels[at].mean[channel]
        for name, levels in rungs.seen.items()
        for channel in range(len(levels[at].mean))
        if np.isfinite(levels[at].mean[channel])
        and levels[at].mean[channel] > 20.0 * abs(darkness[name].mean[channel])
    }
    best = min(noise, key=lambda key: noise[key]) if noise else None

    async def read() -> float:
        sampler.readings += 1
        if best is None:
            return await path.laser.read_power_w()
        seen_w = await path.meters[best[0]].read_power_w()
        return float(seen_w[best[1]])

    return read


async def stability_of(path: LightPath, light: Read, progress: Progress) -> list[Quantity]:
    """How the light moves while nothing is set: rms about a line, and the line's slope."""
    loop = asyncio.get_running_loop()
    t_s, seen_w = [], []
    for number in range(STABILITY_READINGS):
        t_s.append(loop.time())
        seen_w.append(await light())
        await asyncio.sleep(STABILITY_S / STABILITY_READINGS)
        progress("stability", (number + 1) / STABILITY_READINGS)
    hours = (np.array(t_s) - np.mean(t_s)) / 3600.0
    share = np.array(seen_w) / np.mean(seen_w)
    fit = fitted(np.stack([np.ones_like(hours), hours], axis=1), share, np.full(len(hours), 1e-9))
    rms = float(np.std(fit.residual, ddof=2))
    name = path.laser.name
    return [
        Quantity(name, 0, "power_rms", rms, rms / np.sqrt(2.0 * (len(hours) - 2))),
        Quantity(name, 0, "power_drift_per_h", float(fit.values[1]), float(fit.sigmas[1])),
    ]


async def wavelengths(path: LightPath, sampler: Sampler, progress: Progress) -> list[Quantity]:
    """What the laser reads for wavelengths that it is set to: offset and scale."""
    limits, centre_m = path.laser.wavelength_limits_m(), path.settings.wavelength_m
    wanted_m = np.clip(centre_m + np.linspace(-STEPPED_M, STEPPED_M, 5), limits.low, limits.high)
    off_m = []
    for number, wavelength_m in enumerate(wanted_m.tolist()):
        await path.laser.set_wavelength_m(wavelength_m)
        await asyncio.sleep(SETTLE_S)
        off_m.append(await path.laser.read_wavelength_m() - wavelength_m)
        sampler.readings += 1
        progress("wavelength", (number + 1) / len(wanted_m))
    design = np.stack([np.ones(5), (wanted_m - centre_m) / STEPPED_M], axis=1)
    fit = fitted(design, np.array(off_m), np.full(5, DISPLAY_M))
    sigmas = np.maximum(fit.sigmas, DISPLAY_M)
    name = path.laser.name
    return [
        Quantity(name, 0, "wavelength_offset_m", float(fit.values[0]), float(sigmas[0])),
        Quantity(
            name,
            0,
            "wavelength_scale",
            1.0 + float(fit.values[1]) / STEPPED_M,
            float(sigmas[1]) / STEPPED_M,
        ),
    ]


async def returns_to(path: LightPath, light: Read, progress: Progress) -> list[Quantity]:
    """How well the laser comes back to a wavelength, by a slope of the chip's transmission."""
    laser, centre_m = path.laser, path.settings.wavelength_m

    async def at(wavelength_m: float) -> tuple[float, float]:
        await laser.set_wavelength_m(wavelength_m)
        await asyncio.sleep(SETTLE_S)
        seen = []
        for _ in range(4):
            seen.append(await light())
            await asyncio.sleep(2e-3)
        return float(np.mean(seen)), float(np.std(seen, ddof=1)) / 2.0

    (low_w, low_sigma_w), (high_w, high_sigma_w) = [
        await at(centre_m + sign * SLOPE_M) for sign in (-1, 1)
    ]
    slope = (high_w - low_w) / (2.0 * SLOPE_M)
    slope_sigma = float(np.hypot(low_sigma_w, high_sigma_w)) / (2.0 * SLOPE_M)
    seen_w, noise_w = [], []
    for number in range(RETURNS):
        await at(centre_m + (AWAY_M if number % 2 else -AWAY_M))
        back_w, sigma_w = await at(centre_m)
        seen_w.append(back_w)
        noise_w.append(sigma_w)
        progress("returning", (number + 1) / RETURNS)
    if abs(slope) < 10.0 * slope_sigma:
        return []
    variance = float(np.var(seen_w, ddof=1)) - float(np.mean(np.square(noise_w)))
    repeat_m = np.sqrt(max(variance, 0.0)) / abs(slope)
    blur_m = float(np.std(seen_w, ddof=1)) / abs(slope) / np.sqrt(2.0 * (RETURNS - 1))
    sigma_m = float(np.hypot(blur_m, repeat_m * slope_sigma / abs(slope)))
    return [
        Quantity(laser.name, 0, "wavelength_repeat_m", float(repeat_m), floor(sigma_m, DISPLAY_M))
    ]


def faults_of(path: LightPath, power: list[Quantity]) -> tuple[ChannelFault, ...]:
    """A laser that emits something else than what is asked of it."""
    scale = power[0]
    if abs(scale.value - 1.0) < OFF_POWER:
        return ()
    text = f"its own meter reads {scale.value:.3g} of what is set"
    return (ChannelFault(path.laser.name, 0, Fault.OFF_SHEET, text),)


def notes(path: LightPath) -> dict[str, str]:
    """What was the reference."""
    seen_by = ", ".join(path.meters) or "nothing else"
    return {
        "reference": f"{path.laser.name}'s own meter for power_scale; beside it {seen_by}",
        "not_told": "the wavelength of the light itself: nothing here is known in metres",
    }
