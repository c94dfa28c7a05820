"""The role of a power meter."""

from abc import abstractmethod
from dataclasses import dataclass

from drivers.interfaces.base import FloatArray, Instrument

__all__ = ["MeterCorrection", "OpticalPowerMeter"]


@dataclass(frozen=True, eq=False)
class MeterCorrection:
    """What a calibration found of a meter whose watts are the host's.

        power = (reading - dark_w) * gain

    Attributes:
        dark_w: readings in the dark, shape (channels,), in W.
        gain: shape (channels,).
    """

    dark_w: FloatArray
    gain: FloatArray


class OpticalPowerMeter(Instrument):
    """One or more calibrated photodetectors, for example a PM100D or an N7744A."""

    role = "optical_power_meter"

    @property
    @abstractmethod
    def channels(self) -> int:
        """Number of optical inputs."""

    @property
    def is_host_calibrated(self) -> bool:
        """Whether its watts are worked out by the host, and `correct` betters them."""
        return False

    def correct(self, correction: MeterCorrection | None) -> None:
        """Use a calibration from now on, or none; the meter of a maker keeps to its own."""

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
