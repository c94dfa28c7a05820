"""A power meter made of amplified photodiodes: what the host works out from voltages."""

from abc import abstractmethod
from math import inf

import numpy as np

from drivers.interfaces import FloatArray, Limits, MeterCorrection, OpticalPowerMeter
from drivers.options import LabjackT7Options
from drivers.protocols.modbus_maps import AIN_FULL_SCALE_V
from drivers.ranges import check_range
from lumina.errors import DeviceStateError, UsageError

__all__ = ["PhotodiodeMeter"]


class PhotodiodeMeter(OpticalPowerMeter):
    """Wavelength, averaging and zero are the host's; a reading is a row of voltages."""

    WAVELENGTHS_M = (0.9e-6, 1.7e-6)
    """InGaAs."""
    DARK_V = 0.02
    """More is not dark: amplifiers have offsets of a few millivolts."""

    def wire_up(self, options: LabjackT7Options) -> None:
        """Take the amplifiers as they are."""
        self._options = options
        self._wavelength_m = options.wavelength_m
        self._averaging = 1
        self._dark_v: FloatArray = np.zeros(options.channels)
        self._correction: MeterCorrection | None = None

    @abstractmethod
    async def voltages_v(self, averaged: int) -> FloatArray:
        """The mean of so many conversions of every input. Shape (channels,), in V."""

    @property
    def channels(self) -> int:
        return self._options.channels

    @property
    def is_host_calibrated(self) -> bool:
        return True

    def correct(self, correction: MeterCorrection | None) -> None:
        """Use a calibration from now on, or none.

        Raises:
            UsageError: it is of another number of channels.
        """
        if correction is not None and correction.gain.shape != (self.channels,):
            has = correction.gain.size
            raise UsageError(f"{self.name}: a correction of {has} channels (has: {self.channels})")
        self._correction, self._dark_v = correction, np.zeros(self.channels)

    async def set_wavelength_m(self, wavelength_m: float) -> None:
        check_range(self.name, "wavelength", wavelength_m, Limits(*self.WAVELENGTHS_M), "m")
        self._wavelength_m = wavelength_m

    async def set_averaging(self, samples: int) -> None:
        check_range(self.name, "averaging", samples, Limits(1, 3000), "samples")
        self._averaging = samples

    async def zero(self) -> None:
        voltage_v = await self.voltages_v(self._averaging)
        if np.abs(voltage_v).max() > self.DARK_V:
            raise DeviceStateError(self.name, "cannot zero, darken the inputs first", "lit")
        self._dark_v = voltage_v
        if (known := self._correction) is not None:
            self._correction = MeterCorrection(np.zeros(self.channels), known.gain)

    async def read_power_w(self) -> FloatArray:
        voltage_v = await self.voltages_v(self._averaging)
        power_w = (voltage_v - self._dark_v) / self._options.volt_per_watt(self._wavelength_m)
        if (known := self._correction) is not None:
            power_w = (power_w - known.dark_w) * known.gain
        return np.where(voltage_v < AIN_FULL_SCALE_V, power_w, inf)

    async def make_safe(self) -> None:
        """A meter emits nothing."""
