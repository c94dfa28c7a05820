"""The role of a bench supply."""

from abc import abstractmethod

from drivers.interfaces.base import Instrument, Limits

__all__ = ["PowerSupply"]


class PowerSupply(Instrument):
    """A multi-channel bench supply, for example a Keysight E36312A. Channels count from 1."""

    role = "power_supply"

    @property
    @abstractmethod
    def channels(self) -> int:
        """Number of outputs."""

    @abstractmethod
    def voltage_limits_v(self, channel: int) -> Limits:
        """Voltages that a channel takes, in V."""

    @abstractmethod
    async def set_voltage_v(self, channel: int, voltage_v: float) -> None:
        """Set an output's voltage, in V."""

    @abstractmethod
    async def set_current_limit_a(self, channel: int, current_a: float) -> None:
        """Set an output's current limit, in A."""

    @abstractmethod
    async def set_over_voltage_v(self, channel: int, voltage_v: float) -> None:
        """Set an output's over-voltage trip level, in V."""

    @abstractmethod
    async def set_output(self, channel: int, on: bool) -> None:
        """Switch one output."""

    @abstractmethod
    async def is_on(self, channel: int) -> bool:
        """Whether an output is on."""

    @abstractmethod
    async def read_voltage_v(self, channel: int) -> float:
        """Measured voltage of an output, in V."""

    @abstractmethod
    async def read_current_a(self, channel: int) -> float:
        """Measured current of an output, in A."""

    @abstractmethod
    async def is_tripped(self, channel: int) -> bool:
        """Whether a protection (over-voltage, over-current) has switched the output off."""

    @abstractmethod
    async def clear_trip(self, channel: int) -> None:
        """Clear a tripped protection; the output stays off."""
