"""Stand-alone heater drivers: what they make of a voltage, by their own reading of it.

Assumptions

- Nothing else on the bench reads these voltages, so the scale of what is made and that of what
  is read come as their product, `drive_scale`; likewise the bow. At 0 V the output is off, and
  what is read then is the meters' own offset: `read_offset_v`, `current_offset_a`.
- `drive_offset_v` is where the line through the other voltages meets 0.

Cost: 8 voltages, two readings each of 6 to 48.
"""

from collections.abc import Mapping

import numpy as np

from calibration.instruments.fits import fitted
from calibration.instruments.result import Quantity
from calibration.instruments.sampling import Sampler
from calibration.instruments.sweeping import BankSweep, Zero, read_zero, sweep_bank
from calibration.mesh.measuring import Progress
from drivers.interfaces import PhaseShifterBank

__all__ = ["LEVELS", "calibrate_banks"]

LEVELS = 8

LOWEST, HIGHEST = 0.05, 0.9
"""Voltages of a sweep, of the bank's highest."""


async def calibrate_banks(
    banks: Mapping[str, PhaseShifterBank], sampler: Sampler, progress: Progress
) -> list[Quantity]:
    """Measure every channel of every bank; they are left at 0 V.

    Raises:
        DeviceError: an instrument failed.
    """
    found: list[Quantity] = []
    for name, bank in banks.items():
        zero = await read_zero(bank, sampler)
        levels_v = bank.drive_limits_v().high * np.linspace(LOWEST, HIGHEST, LEVELS)
        every = np.ones(bank.channels, bool)
        sweep = await sweep_bank(bank, zero, levels_v, every, sampler, progress)
        for channel in range(bank.channels):
            found += of_channel(name, channel, zero, sweep)
    return found


def of_channel(name: str, channel: int, zero: Zero, sweep: BankSweep) -> list[Quantity]:
    """Line and bow of one channel: read = scale set + offset + bow 4 x (1 - x)."""
    set_v, sigma_v = sweep.set_v[:, channel], sweep.volts_sigma[:, channel]
    share = set_v / set_v.max()
    sigma_v = np.maximum(sigma_v, 1e-9)
    line = fitted(np.stack([set_v, np.ones_like(set_v)], axis=1), sweep.volts[:, channel], sigma_v)
    bow = fitted(
        np.stack([set_v, np.ones_like(set_v), 4.0 * share * (1.0 - share)], axis=1),
        sweep.volts[:, channel],
        sigma_v,
    )
    zero_sigma_v = float(zero.volts_sigma[channel])
    return [
        Quantity(name, channel, "drive_scale", float(line.values[0]), float(line.sigmas[0])),
        Quantity(
            name,
            channel,
            "drive_offset_v",
            float(line.values[1]),
            float(np.hypot(line.sigmas[1], zero_sigma_v)),
        ),
        Quantity(name, channel, "drive_bow_v", float(bow.values[2]), float(bow.sigmas[2])),
        Quantity(name, channel, "read_offset_v", float(zero.volts[channel]), zero_sigma_v),
        Quantity(
            name,
            channel,
            "current_offset_a",
            float(zero.amperes[channel]),
            float(zero.amperes_sigma[channel]),
        ),
    ]
