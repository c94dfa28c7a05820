"""Laser and power meter on the twin."""

from math import inf

import numpy as np

from drivers.interfaces import FloatArray, Laser, Limits, OpticalPowerMeter
from drivers.options import (
    PM100D_WAVELENGTH_M,
    TSL570_POWER_W,
    TSL570_WAVELENGTH_M,
    PowerMeterOptions,
)
from drivers.ranges import check_range
from drivers.registry import Mounting
from drivers.twin.base import TwinInstrument
from lumina.errors import DeviceStateError

__all__ = ["TwinLaser", "TwinPowerMeter"]


class TwinLaser(TwinInstrument, Laser):
    """A Santec TSL-570 whose light goes into the board."""

    manufacturer = "SANTEC"
    model = "TSL-570"

    METER_NOISE = 0.002
    """Relative rms of the power reading."""

    def wavelength_limits_m(self) -> Limits:
        return Limits(*TSL570_WAVELENGTH_M)

    def power_limits_w(self) -> Limits:
        return Limits(*TSL570_POWER_W)

    async def set_wavelength_m(self, wavelength_m: float) -> None:
        check_range(self.name, "wavelength", wavelength_m, self.wavelength_limits_m(), "m")
        await self._exchange()
        self._write("laser_wavelength_m", wavelength_m)

    async def read_wavelength_m(self) -> float:
        await self._exchange()
        return self._word("laser_wavelength_m")

    async def set_power_w(self, power_w: float) -> None:
        check_range(self.name, "power", power_w, self.power_limits_w(), "W")
        await self._exchange()
        self._write("laser_power_w", power_w)

    async def read_power_w(self) -> float:
        await self._exchange()
        if self._word("laser_on") != 1.0:
            return 0.0
        reading = 1.0 + self.METER_NOISE * self._noise().standard_normal()
        return self._word("laser_power_w") * reading

    async def set_emission(self, on: bool) -> None:
        await self._exchange()
        self._write("laser_on", float(on))

    async def is_emitting(self) -> bool:
        await self._exchange()
        return self._word("laser_on") == 1.0

    async def make_safe(self) -> None:
        self._write("laser_on", 0.0)


class TwinPowerMeter(TwinInstrument, OpticalPowerMeter):
    """A Thorlabs PM100D with an S154C head, on the monitor tap of one output port."""

    manufacturer = "Thorlabs"
    model = "PM100D"

    FULL_SCALE_W = 3e-3
    NOISE_W = 1e-10
    """Rms of a single sample."""
    OFFSET_W = 2e-9
    """Largest dark offset before zeroing."""
    DARK_W = 1e-8
    """More light than this is not dark."""

    def __init__(self, mounting: Mounting) -> None:
        super().__init__(mounting)
        options: PowerMeterOptions = mounting.options
        self._port = options.port
        self._averaging = 1
        self._wavelength_m = 1.55e-6
        self._zero_w = 0.0

    @property
    def channels(self) -> int:
        return 1

    async def set_wavelength_m(self, wavelength_m: float) -> None:
        check_range(self.name, "wavelength", wavelength_m, Limits(*PM100D_WAVELENGTH_M), "m")
        await self._exchange()
        self._wavelength_m = wavelength_m

    async def set_averaging(self, samples: int) -> None:
        check_range(self.name, "averaging", samples, Limits(1, 3000), "samples")
        await self._exchange()
        self._averaging = samples

    async def zero(self) -> None:
        await self._exchange()
        if self._light_w() > self.DARK_W:
            raise DeviceStateError(self.name, "cannot zero, darken the input first", "lit")
        self._zero_w = self._offset_w()

    async def read_power_w(self) -> FloatArray:
        await self._exchange()
        sigma_w = self.NOISE_W / np.sqrt(self._averaging)
        current_a = self._light_w() * responsivity_a_per_w(self._word("laser_wavelength_m"))
        power_w = current_a / responsivity_a_per_w(self._wavelength_m)
        if power_w > self.FULL_SCALE_W:
            return np.array([inf])
        noise_w = sigma_w * self._noise().standard_normal()
        return np.array([power_w + self._offset_w() - self._zero_w + noise_w])

    async def make_safe(self) -> None:
        """A meter emits nothing."""

    def _light_w(self) -> float:
        share = self._plant.config.receivers.monitor_share
        return float(self._plant.output_power_w()[self._port] * share)

    def _offset_w(self) -> float:
        """Dark offset of this head, the same as long as it lives."""
        return self.OFFSET_W * (int(self._serial()[1:], 16) / 0xFFFFFFFF)


def responsivity_a_per_w(wavelength_m: float) -> float:
    """InGaAs photodiode: quantum efficiency of 0.8, R = 0.8 q lambda / (h c)."""
    return 0.8 * wavelength_m / 1.2398e-6
