"""The role of a power meter."""

from abc import abstractmethod

from drivers.interfaces.base import FloatArray, Instrument

__all__ = ["OpticalPowerMeter"]


class OpticalPowerMeter(Instrument):
    """One or more calibrated photodetectors, for example a PM100D or an N7744A."""

    role = "optical_power_meter"

    @property
    @abstractmethod
    def channels(self) -> int:
        """Number of optical inputs."""

    @abstractmethod
    async def set_wavelength_m(self, wavelength_m: float) -> None:
        """Wavelength for the responsivity correction, in m."""

    @abstractmethod
    async def set_averaging(self, samples: int) -> None:
        """Samples averaged per reading, 1 or more."""

    @abstractmethod
    async def zero(self) -> None:
        """Measure and subtract the dark offset; the input must be dark."""

    @abstractmethod
    async def read_power_w(self) -> FloatArray:
        """Optical power at every input. Shape (channels,), in W; inf where over range."""
