"""Laser and power meter on the twin."""

import numpy as np

from drivers.data_sheets import (
    N7744A_FULL_SCALE_W,
    N7744A_WAVELENGTH_M,
    PM100D_FULL_SCALE_W,
    PM100D_WAVELENGTH_M,
    TSL570_METER_NOISE,
    TSL570_POWER_W,
    TSL570_WAVELENGTH_M,
)
from drivers.interfaces import FloatArray, Laser, Limits, OpticalPowerMeter
from drivers.options import KeysightN7744aOptions, PowerMeterOptions
from drivers.ranges import check_range
from drivers.registry import Mounting
from drivers.twin.base import TwinInstrument
from lumina.errors import DeviceStateError
from twin.instruments import LaserSource, PhotodiodeHead

__all__ = ["TwinLaser", "TwinMultiportMeter", "TwinPowerMeter"]


class TwinLaser(TwinInstrument, Laser):
    """A Santec TSL-570 whose light goes into the board."""

    manufacturer = "SANTEC"
    model = "TSL-570"

    def __init__(self, mounting: Mounting) -> None:
        super().__init__(mounting)
        self._source = LaserSource(
            self._plant, self.name, top_w=TSL570_POWER_W[1], meter_noise=TSL570_METER_NOISE
        )

    def wavelength_limits_m(self) -> Limits:
        return Limits(*TSL570_WAVELENGTH_M)

    def power_limits_w(self) -> Limits:
        return Limits(*TSL570_POWER_W)

    async def set_wavelength_m(self, wavelength_m: float) -> None:
        check_range(self.name, "wavelength", wavelength_m, self.wavelength_limits_m(), "m")
        await self._exchange()
        self._source.tune(wavelength_m)

    async def read_wavelength_m(self) -> float:
        await self._exchange()
        return self._source.wavelength_m

    async def set_power_w(self, power_w: float) -> None:
        check_range(self.name, "power", power_w, self.power_limits_w(), "W")
        await self._exchange()
        self._source.set_power(power_w)

    async def read_power_w(self) -> float:
        await self._exchange()
        return self._source.metered_w()

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

    wavelengths_m = Limits(*PM100D_WAVELENGTH_M)

    def __init__(self, mounting: Mounting) -> None:
        super().__init__(mounting)
        self._heads = self._mounted(mounting.options)

    def _mounted(self, options: PowerMeterOptions) -> list[PhotodiodeHead]:
        spread = self._plant.config.instruments.pm100d_spread
        head = PhotodiodeHead(self._plant, self.name, options.port, PM100D_FULL_SCALE_W, spread)
        return [head]

    @property
    def channels(self) -> int:
        return len(self._heads)

    async def set_wavelength_m(self, wavelength_m: float) -> None:
        check_range(self.name, "wavelength", wavelength_m, self.wavelengths_m, "m")
        await self._exchange()
        for head in self._heads:
            head.wavelength_m = wavelength_m

    async def set_averaging(self, samples: int) -> None:
        check_range(self.name, "averaging", samples, Limits(1, 3000), "samples")
        await self._exchange()
        for head in self._heads:
            head.averaging = samples

    async def zero(self) -> None:
        await self._exchange()
        if not all(head.is_dark() for head in self._heads):
            raise DeviceStateError(self.name, "cannot zero, darken the input first", "lit")
        for head in self._heads:
            head.zero()

    async def read_power_w(self) -> FloatArray:
        await self._exchange()
        return np.array([head.read_w() for head in self._heads])

    async def make_safe(self) -> None:
        """A meter emits nothing."""


class TwinMultiportMeter(TwinPowerMeter):
    """A Keysight N7744A or N7745A, on the taps of neighbouring output ports."""

    manufacturer = "Keysight Technologies"

    wavelengths_m = Limits(*N7744A_WAVELENGTH_M)

    def __init__(self, mounting: Mounting) -> None:
        super().__init__(mounting)
        self.model = "N7744A" if self.channels <= 4 else "N7745A"

    def _mounted(self, options: PowerMeterOptions) -> list[PhotodiodeHead]:
        assert isinstance(options, KeysightN7744aOptions)
        spread = self._plant.config.instruments.n7744a_spread
        return [
            PhotodiodeHead(
                self._plant,
                f"{self.name}.{index}",
                options.port + index,
                N7744A_FULL_SCALE_W,
                spread,
            )
            for index in range(options.channels)
        ]
