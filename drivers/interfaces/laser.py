"""The role of a tunable laser."""

from abc import abstractmethod

from drivers.interfaces.base import Instrument, Limits

__all__ = ["Laser"]


class Laser(Instrument):
    """A tunable laser, for example a Santec TSL-570."""

    role = "laser"

    @abstractmethod
    def wavelength_limits_m(self) -> Limits:
        """Tuning range, in m."""

    @abstractmethod
    def power_limits_w(self) -> Limits:
        """Output power range, in W."""

    @abstractmethod
    async def set_wavelength_m(self, wavelength_m: float) -> None:
        """Tune to a wavelength, in m."""

    @abstractmethod
    async def read_wavelength_m(self) -> float:
        """The wavelength in force, in m."""

    @abstractmethod
    async def set_power_w(self, power_w: float) -> None:
        """Set the output power, in W."""

    @abstractmethod
    async def read_power_w(self) -> float:
        """Measured output power, in W; 0 while emission is off."""

    @abstractmethod
    async def set_emission(self, on: bool) -> None:
        """Switch the emission."""

    @abstractmethod
    async def is_emitting(self) -> bool:
        """Whether the laser emits."""
