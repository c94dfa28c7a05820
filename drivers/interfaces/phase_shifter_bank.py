"""The role of a heater drive."""

from abc import abstractmethod

from drivers.interfaces.base import FloatArray, Instrument, Limits

__all__ = ["PhaseShifterBank"]


class PhaseShifterBank(Instrument):
    """A multi-channel voltage source on heaters, for example a Qontrol Q8iv chain."""

    role = "phase_shifter_bank"

    @property
    @abstractmethod
    def channels(self) -> int:
        """Number of heater channels."""

    @abstractmethod
    def drive_limits_v(self) -> Limits:
        """Drive voltages that a channel takes, in V."""

    @abstractmethod
    async def set_drive_v(self, drive_v: FloatArray) -> None:
        """Set every channel. Shape (channels,), in V."""

    @abstractmethod
    async def read_drive_v(self) -> FloatArray:
        """Measured voltages. Shape (channels,), in V."""

    @abstractmethod
    async def read_current_a(self) -> FloatArray:
        """Measured currents. Shape (channels,), in A."""
