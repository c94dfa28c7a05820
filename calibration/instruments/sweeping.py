"""A bank of heater drivers stepped through its voltages, read back at every step."""

import asyncio
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.instruments.sampling import Sampler
from calibration.mesh.measuring import Progress
from drivers.interfaces import PhaseShifterBank

__all__ = ["BankSweep", "Zero", "read_zero", "sweep_bank"]

FloatArray = NDArray[np.float64]

SETTLE_S, WARM_UP_S = 0.02, 1.0
"""After a change of the drives: for the heaters; before the first, for the die under them."""

SPREAD, GOLDEN = 0.01, 0.618
"""Channels go to levels that differ a little, so that they do not share a converter's rounding."""

WANTED_SHARE = 1e-4
"""Standard error of a reading that will do, relative."""


@dataclass(frozen=True)
class Zero:
    """What a bank reads at 0 V; arrays have shape (channels,).

    Attributes:
        volts: reading, V.
        volts_sigma: its standard error.
        amperes: reading, A.
        amperes_sigma: its standard error.
        amperes_rms: noise of a single reading, A.
    """

    volts: FloatArray
    volts_sigma: FloatArray
    amperes: FloatArray
    amperes_sigma: FloatArray
    amperes_rms: FloatArray


@dataclass(frozen=True)
class BankSweep:
    """Readings at a bank's settings, less those at 0 V; arrays have shape (settings, channels).

    Attributes:
        set_v: what was set, V.
        volts: what was read, V.
        volts_sigma: its standard error, that of the zero left out: it is the same for all.
        amperes: what was read, A.
        amperes_sigma: its standard error, likewise.
    """

    set_v: FloatArray
    volts: FloatArray
    volts_sigma: FloatArray
    amperes: FloatArray
    amperes_sigma: FloatArray


async def read_zero(bank: PhaseShifterBank, sampler: Sampler) -> Zero:
    """All channels at 0 V: what is read then are the offsets of its meters."""
    await bank.set_drive_v(np.zeros(bank.channels))
    await asyncio.sleep(SETTLE_S)
    volts = await sampler.mean(bank.read_drive_v, lambda mean: 0.0 * mean)
    amperes = await sampler.mean(bank.read_current_a, lambda mean: 0.0 * mean)
    return Zero(volts.mean, volts.sigma, amperes.mean, amperes.sigma, amperes.rms)


async def sweep_bank(
    bank: PhaseShifterBank,
    zero: Zero,
    levels_v: FloatArray,
    good: NDArray[np.bool_],
    sampler: Sampler,
    progress: Progress,
) -> BankSweep:
    """Step the good channels through the levels, each at another one at any time.

    So the power of all together stays nearly the same, and the die does not move with the
    steps. The bank is left at 0 V.

    Args:
        bank: the bank.
        zero: what it reads at 0 V.
        levels_v: shape (levels,), V.
        good: shape (channels,); the others stay at 0 V.
        sampler: takes the readings.
        progress: told how far it is.
    """
    count, channels = len(levels_v), np.arange(bank.channels)
    own = 1.0 - SPREAD * (GOLDEN * channels % 1.0)
    rows: list[tuple[FloatArray, ...]] = []
    try:
        for step in range(count):
            set_v = np.where(good, own * levels_v[(channels + step) % count], 0.0)
            await bank.set_drive_v(set_v)
            await asyncio.sleep(SETTLE_S if step else WARM_UP_S)
            volts = await sampler.mean(bank.read_drive_v, lambda m: WANTED_SHARE * np.abs(m))
            amperes = await sampler.mean(bank.read_current_a, lambda m: WANTED_SHARE * np.abs(m))
            rows.append(
                (
                    set_v,
                    volts.mean - zero.volts,
                    volts.sigma,
                    amperes.mean - zero.amperes,
                    amperes.sigma,
                )
            )
            progress("sweeping", (step + 1) / count)
    finally:
        await bank.set_drive_v(np.zeros(bank.channels))
    return BankSweep(*(np.stack(column) for column in zip(*rows, strict=True)))
