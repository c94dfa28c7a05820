"""The role of a TEC controller."""

import math
from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from drivers.interfaces.base import Instrument, Limits
from lumina.errors import DeviceStateError

__all__ = ["TecSample", "TemperatureController"]


class TecSample(NamedTuple):
    """What a TEC controller measures, taken together."""

    temperature_c: float
    """Of the controlled object, C; NaN while its thermistor is open or shorted."""
    sink_c: float
    """Of the heat sink, C; NaN as well."""
    current_a: float
    """Through the TEC, A; positive cools."""
    voltage_v: float
    """Across the TEC, V."""


class TemperatureController(Instrument):
    """A TEC controller with its own regulator, for example a Meerstetter TEC-109x."""

    role = "temperature_controller"

    @abstractmethod
    def temperature_limits_c(self) -> Limits:
        """Set points that the controller takes, in C."""

    @abstractmethod
    def current_limits_a(self) -> Limits:
        """Output currents that the controller can drive, in A; positive cools."""

    @abstractmethod
    async def set_target_c(self, target_c: float) -> None:
        """Set the temperature set point, in C."""

    @abstractmethod
    async def read_target_c(self) -> float:
        """The temperature set point in force, in C."""

    @abstractmethod
    async def set_current_a(self, current_a: float) -> None:
        """Drive a fixed current instead of regulating; positive cools."""

    @abstractmethod
    async def set_enabled(self, enabled: bool) -> None:
        """Switch the output stage."""

    @abstractmethod
    async def is_enabled(self) -> bool:
        """Whether the output stage is on."""

    @abstractmethod
    async def read_temperature_c(self) -> float:
        """Temperature of the controlled object, in C."""

    @abstractmethod
    async def read_sink_c(self) -> float:
        """Temperature of the heat sink, in C."""

    @abstractmethod
    async def read_current_a(self) -> float:
        """Current through the TEC, in A; positive cools."""

    @abstractmethod
    async def read_voltage_v(self) -> float:
        """Voltage across the TEC, in V."""

    async def read_sample(self) -> TecSample:
        """All that it measures; one request after the other where it cannot be asked at once."""
        return TecSample(
            await _or_nan(self.read_temperature_c),
            await _or_nan(self.read_sink_c),
            await self.read_current_a(),
            await self.read_voltage_v(),
        )

    async def set_watchdog_s(self, silence_s: float) -> bool:
        """Have the output switched off when nobody has spoken to it for so long; 0 for never.

        Returns:
            Whether the instrument has such a watchdog; one that has none keeps its output.
        """
        return False

    @abstractmethod
    async def is_stable(self) -> bool:
        """Whether the instrument itself judges the temperature to be settled."""


async def _or_nan(read: Callable[[], Awaitable[float]]) -> float:
    """A temperature, or NaN where its thermistor cannot be read."""
    try:
        return await read()
    except DeviceStateError:
        return math.nan
