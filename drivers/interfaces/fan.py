"""The role of a fan."""

from abc import abstractmethod

from drivers.interfaces.base import Instrument

__all__ = ["Fan"]


class Fan(Instrument):
    """A speed-controlled fan, for example an ebm-papst EC fan."""

    role = "fan"

    @property
    @abstractmethod
    def max_rpm(self) -> float:
        """Highest speed, in RPM."""

    @abstractmethod
    async def set_speed_rpm(self, speed_rpm: float) -> None:
        """Command a speed, 0 .. max_rpm."""

    @abstractmethod
    async def read_speed_rpm(self) -> float:
        """Tachometer speed, in RPM."""

    @abstractmethod
    async def is_stalled(self) -> bool:
        """Whether the motor reports that it is blocked."""
