"""Keysight N7744A (4 inputs) and N7745A (8 inputs) multi-port optical power meter."""

from math import inf

import numpy as np

from drivers.data_sheets import N7744A_WAVELENGTH_M
from drivers.interfaces import FloatArray, Limits, OpticalPowerMeter
from drivers.options import KeysightN7744aOptions
from drivers.ranges import check_range
from drivers.registry import Mounting
from drivers.scpi import ScpiInstrument

__all__ = ["KeysightN7744a"]

OVER_RANGE = 3e38
SAMPLE_S = 1e-4
"""Averaging time that stands for one sample."""
WATT = 1
"""Of `:POW:UNIT`: 0 is dBm."""


class KeysightN7744a(ScpiInstrument, OpticalPowerMeter):
    """Each input is a slot of its own: ``:SENS1``, ``:SENS2``, ..."""

    model = r"(Keysight|Agilent).*,N774[45]A"
    timeout_s = 2.0

    def __init__(self, mounting: Mounting) -> None:
        super().__init__(mounting)
        options: KeysightN7744aOptions = mounting.options
        self._channels = options.channels

    @property
    def channels(self) -> int:
        return self._channels

    async def prepare(self) -> None:
        await super().prepare()
        for slot in self._slots():
            await self.write(f":SENS{slot}:POW:UNIT {WATT}", f":SENS{slot}:POW:RANG:AUTO 1")

    async def set_wavelength_m(self, wavelength_m: float) -> None:
        check_range(self.name, "wavelength", wavelength_m, Limits(*N7744A_WAVELENGTH_M), "m")
        for slot in self._slots():
            await self.set(f":SENS{slot}:POW:WAV", wavelength_m)

    async def set_averaging(self, samples: int) -> None:
        check_range(self.name, "averaging", samples, Limits(1, 3000), "samples")
        for slot in self._slots():
            await self.set(f":SENS{slot}:POW:ATIM", SAMPLE_S * samples)

    async def zero(self) -> None:
        await self.write(":SENS:CORR:COLL:ZERO:ALL")
        await self.query("*OPC?", timeout_s=30.0)

    async def read_power_w(self) -> FloatArray:
        async with self.bus.sequence():
            power_w = [await self.ask_float(f":READ{slot}:POW?") for slot in self._slots()]
        return np.array([inf if value_w > OVER_RANGE else value_w for value_w in power_w])

    async def make_safe(self) -> None:
        """A meter emits nothing."""

    def _slots(self) -> range:
        return range(1, self._channels + 1)
