"""The role of a TEC controller."""

from abc import abstractmethod

from drivers.interfaces.base import Instrument, Limits

__all__ = ["TemperatureController"]


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

    @abstractmethod
    async def is_stable(self) -> bool:
        """Whether the instrument itself judges the temperature to be settled."""
