"""Thorlabs PM100D optical power meter. The real one hangs on USBTMC: give a VISA resource."""

import asyncio
from math import inf

import numpy as np

from drivers.data_sheets import PM100D_WAVELENGTH_M
from drivers.interfaces import FloatArray, Limits, OpticalPowerMeter
from drivers.ranges import check_range
from drivers.scpi import ScpiInstrument
from lumina.errors import DeviceTimeoutError

__all__ = ["ThorlabsPm100d"]

OVER_RANGE = 9e37
ZEROING_POLLS = 100
"""Times 0.1 s: zeroing takes a few seconds."""


class ThorlabsPm100d(ScpiInstrument, OpticalPowerMeter):
    """One photodiode head; power in W, range chosen by the meter."""

    model = r"Thorlabs.*,PM(100|400)"
    timeout_s = 2.0

    @property
    def channels(self) -> int:
        return 1

    async def prepare(self) -> None:
        await super().prepare()
        await self.write("SENS:POW:UNIT W", "SENS:POW:RANG:AUTO 1")

    async def set_wavelength_m(self, wavelength_m: float) -> None:
        check_range(self.name, "wavelength", wavelength_m, Limits(*PM100D_WAVELENGTH_M), "m")
        await self.set("SENS:CORR:WAV", round(1e9 * wavelength_m, 4))

    async def set_averaging(self, samples: int) -> None:
        check_range(self.name, "averaging", samples, Limits(1, 3000), "samples")
        await self.set("SENS:AVER:COUN", samples)

    async def zero(self) -> None:
        await self.write("SENS:CORR:COLL:ZERO")
        for _ in range(ZEROING_POLLS):
            if not await self.ask_bool("SENS:CORR:COLL:ZERO:STAT?"):
                return
            await asyncio.sleep(0.1)
        raise DeviceTimeoutError(self.name, f"{self.bus.resource}: zeroing does not end")

    async def read_power_w(self) -> FloatArray:
        power_w = await self.ask_float("MEAS:POW?")
        return np.array([inf if power_w > OVER_RANGE else power_w])

    async def make_safe(self) -> None:
        """A meter emits nothing."""
