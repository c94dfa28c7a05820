"""Detectors: what they read in the dark, per watt, how straight, and up to where.

Assumptions

- One laser lights them all, through the chip; between two rungs of the ladder nothing else moves.
- The reference of every slope is the laser's own meter, and the way from there to the detector
  (fibre, chip, tap) is in it: `reading_per_w` is no responsivity of a bare diode. A detector is
  told from its way only against another on the same port: `scale` is its reading per watt that
  a maker-calibrated meter reads there, and that meter's own scale is in it.
- Detectors of an instrument whose watts are the host's are compared with each other by turning
  the light among them: a chip that loses the same on every way keeps their sum, whatever its
  heaters do. Ways through more interferometers lose more, by a percent or so: that is in the
  stated sigma. It needs a heater bank, and detectors on all outputs.
- Linearity is against the laser's own meter: a bow that both share does not show.

Cost: at most 48 readings per detector and rung, 12 rungs and the dark, and 3 settings of the
heaters per detector. A detector is read until its mean is known to 0.04 % of the light.
"""

import asyncio
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from calibration.faults import ChannelFault, Fault
from calibration.instruments.fits import fitted
from calibration.instruments.light import (
    WANTED_SHARE,
    Ladder,
    LightPath,
    dark,
    ladder,
    laser_as_found,
    made_ready,
)
from calibration.instruments.result import Measured, Quantity
from calibration.instruments.sampling import Sample, Sampler
from calibration.mesh.measuring import Progress
from drivers.interfaces import OpticalPowerMeter, PhaseShifterBank

__all__ = ["calibrate_photodiodes"]

FloatArray = NDArray[np.float64]

SEEN_SIGMAS = 8.0
"""A slope of fewer is no light."""

TURNS_PER_CHANNEL = 3
"""Settings of the heaters for every detector that is compared with the others."""

UNEVEN = 0.01
"""Ways through the chip that lose more or less than others: what the sum cannot tell, relative."""

NOT_KEPT = 0.05
"""If the sum of all detectors still varies by more than this, they do not see all the light."""

HEAT_S = 0.02
"""After a change of the heaters."""


async def calibrate_photodiodes(
    path: LightPath,
    banks: Mapping[str, PhaseShifterBank],
    *,
    rng: Generator,
    progress: Progress,
) -> Measured:
    """Measure every detector; laser and heaters are put back.

    Args:
        path: laser and detectors. Host-calibrated ones are read without a correction.
        banks: heater drivers that may turn the light among the outputs.
        rng: for the heaters' settings.
        progress: told how far it is.

    Raises:
        CalibrationError: the laser stays dark.
        DeviceError: an instrument failed.
    """
    sampler = Sampler()
    for meter in path.meters.values():
        meter.correct(None)
    async with laser_as_found(path):
        await made_ready(path)
        darkness = await dark(path, sampler)
        progress("dark", 1.0)
        rungs = await ladder(path, sampler, progress)
        slopes = {
            name: [channel_of(name, rungs, darkness[name], c) for c in range(meter.channels)]
            for name, meter in path.meters.items()
        }
        quantities = [one for own in slopes.values() for found, _ in own for one in found]
        faults = [fault for own in slopes.values() for _, fault in own if fault is not None]
        left_out = {(fault.part, fault.channel) for fault in faults}
        for name, meter in path.meters.items():
            usable = all((name, c) not in left_out for c in range(meter.channels))
            if meter.is_host_calibrated and banks and meter.channels > 1 and usable:
                turned = await turned_light(meter, darkness[name], banks, sampler, rng, progress)
                quantities += compared(name, turned)
    quantities += scales(path, quantities)
    return Measured(
        tuple(quantities), tuple(faults), sampler.readings, notes(path), raw(rungs, darkness)
    )


def channel_of(
    name: str, rungs: Ladder, darkness: Sample, channel: int
) -> tuple[list[Quantity], ChannelFault | None]:
    """Dark reading, slope and bow of one detector, or what is wrong with it."""
    dark_w, dark_sigma_w = float(darkness.mean[channel]), float(darkness.sigma[channel])
    seen_w = np.array([float(level.mean[channel]) for level in rungs.seen[name]])
    if not np.isfinite(dark_w):
        return [], ChannelFault(name, channel, Fault.SATURATED, "over range in the dark")
    within = np.isfinite(seen_w)
    found = [Quantity(name, channel, "dark_w", dark_w, floor(dark_sigma_w, dark_w))]
    if within.sum() < 4:
        at_w = rungs.set_w[~within].min()
        text = f"over range from a laser power of {1e3 * at_w:.3g} mW on: dim it, or lower the gain"
        return found, ChannelFault(name, channel, Fault.SATURATED, text)
    sigma_w = np.array([float(level.sigma[channel]) for level in rungs.seen[name]])
    line = straightness(rungs, seen_w - dark_w, np.hypot(sigma_w, dark_sigma_w), within)
    (slope, slope_sigma), (bow, bow_sigma) = line
    if slope < SEEN_SIGMAS * slope_sigma:
        text = f"reads {seen_w[within].max():.2g} W at full light and {dark_w:.2g} W in the dark"
        return found, ChannelFault(name, channel, Fault.DARK, text)
    found.append(Quantity(name, channel, "reading_per_w", slope, slope_sigma))
    found.append(Quantity(name, channel, "nonlinearity", bow, bow_sigma))
    if not within.all():
        last, first = seen_w[within].max(), slope * rungs.own_w[~within].min()
        middle, half = 0.5 * (last + first), 0.5 * (first - last)
        found.append(Quantity(name, channel, "saturates_at_w", middle, half / np.sqrt(3.0)))
    return found, None


def straightness(
    rungs: Ladder, light_w: FloatArray, sigma_w: FloatArray, within: NDArray[np.bool_]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Slope, and deviation at the top of the ladder relative to it, each with its sigma."""
    own_w, own_sigma_w = rungs.own_w[within], rungs.own_sigma_w[within]
    light_w, sigma_w = light_w[within], sigma_w[within]
    top = int(np.argmax(own_w))
    sigma_w = np.hypot(sigma_w, light_w[top] / own_w[top] * own_sigma_w)
    top_w = own_w[top]
    line = fitted(own_w[:, None], light_w, sigma_w)
    both = fitted(np.stack([own_w, own_w * (own_w / top_w)], axis=1), light_w, sigma_w)
    bow = both.values[1] / line.values[0]
    return (
        (float(line.values[0]), float(line.sigmas[0])),
        (float(bow), float(both.sigmas[1] / line.values[0])),
    )


async def turned_light(
    meter: OpticalPowerMeter,
    darkness: Sample,
    banks: Mapping[str, PhaseShifterBank],
    sampler: Sampler,
    rng: Generator,
    progress: Progress,
) -> FloatArray:
    """Light on every detector at settings of the heaters at random, shape (settings, channels)."""
    settings, seen = TURNS_PER_CHANNEL * meter.channels, []
    try:
        for number in range(settings):
            for bank in banks.values():
                highest_v = bank.drive_limits_v().high
                await bank.set_drive_v(0.7 * highest_v * np.sqrt(rng.uniform(size=bank.channels)))
            await asyncio.sleep(HEAT_S)
            level = await sampler.mean(meter.read_power_w, lambda m: WANTED_SHARE * np.abs(m))
            seen.append(level.mean - darkness.mean)
            progress("turning the light", (number + 1) / settings)
    finally:
        for bank in banks.values():
            await bank.set_drive_v(np.zeros(bank.channels))
    return np.stack(seen)


def compared(name: str, turned_w: FloatArray) -> list[Quantity]:
    """Responsivities relative to their mean, from light whose sum stays.

    sum_k c_k y_k = 1 at every setting gives c_k, and responsivities go as 1 / c_k.
    """
    if not np.isfinite(turned_w).all():
        return []
    unit_w = turned_w.sum(axis=1).mean()
    shares, ones = turned_w / unit_w, np.ones(len(turned_w))
    first = fitted(shares, ones, ones)
    rms = float(np.std(first.residual, ddof=shares.shape[1]))
    if rms > NOT_KEPT or np.any(first.values <= 0.0):
        return []
    fit = fitted(shares, ones, np.full(len(ones), rms))
    relative = 1.0 / fit.values
    mean = float(relative.mean())
    sigma = np.hypot(fit.sigmas / fit.values**2 / mean, UNEVEN)
    return [
        Quantity(name, channel, "relative_responsivity", float(value), float(its))
        for channel, (value, its) in enumerate(zip(relative / mean, sigma, strict=True))
    ]


def scales(path: LightPath, found: list[Quantity]) -> Iterator[Quantity]:
    """Reading per watt of a maker-calibrated meter on the same port, where there is one."""
    slopes = {(q.instrument, q.channel): q for q in found if q.name == "reading_per_w"}
    at = {port_of(path, *key): q for key, q in slopes.items() if is_reference(path, key[0])}
    for (name, channel), own in slopes.items():
        reference = at.get(port_of(path, name, channel))
        if reference is None or reference.instrument == name:
            continue
        scale = own.value / reference.value
        relative = np.hypot(own.sigma / own.value, reference.sigma / reference.value)
        yield Quantity(name, channel, "scale", scale, scale * float(relative))


def is_reference(path: LightPath, name: str) -> bool:
    """Whether a meter's watts are its maker's, not the host's."""
    return not path.meters[name].is_host_calibrated


def port_of(path: LightPath, name: str, channel: int) -> int:
    """The output port that a detector looks at, by the lab config."""
    return path.looks_at[name].port + channel


def notes(path: LightPath) -> dict[str, str]:
    """What was the reference."""
    return {
        "reference": f"{path.laser.name}'s own meter; fibre, chip and tap are in reading_per_w",
        "scale_reference": ", ".join(n for n in path.meters if is_reference(path, n)) or "none",
    }


def raw(rungs: Ladder, darkness: Mapping[str, Sample]) -> dict[str, FloatArray]:
    """The ladder, for the record."""
    seen = {
        f"{name}_w": np.stack([darkness[name].mean, *(level.mean for level in levels)])
        for name, levels in rungs.seen.items()
    }
    return {"laser_set_w": rungs.set_w, "laser_own_w": rungs.own_w, **seen}


def floor(sigma: float, value: float) -> float:
    """A standard error that is not smaller than the last digits of a reading."""
    return max(sigma, 1e-6 * abs(value), 1e-15)
