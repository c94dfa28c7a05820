"""Calibrated photodiodes on the monitor taps of the chip's output ports."""

from zlib import crc32

import numpy as np

from twin.instruments._makers import made
from twin.instruments._noise import reading_noise
from twin.plant import Plant

__all__ = ["PhotodiodeHead"]


def responsivity_a_per_w(wavelength_m: float) -> float:
    """InGaAs photodiode: quantum efficiency of 0.8, R = 0.8 q lambda / (h c)."""
    return 0.8 * wavelength_m / 1.2398e-6


class PhotodiodeHead:
    """A calibrated InGaAs photodiode on the monitor tap of one output port.

    Attributes:
        wavelength_m: for which its responsivity is corrected.
        averaging: samples averaged per reading.
    """

    NOISE_W = 1e-10
    """Rms of a single sample."""
    OFFSET_W = 2e-9
    """Largest dark offset before zeroing."""
    DARK_W = 1e-8
    """More light than this is not dark."""

    def __init__(
        self, plant: Plant, name: str, port: int, full_scale_w: float, spread: float
    ) -> None:
        """Put a head on a port.

        Args:
            plant: whose light it sees.
            name: names its noise and its dark offset, the same as long as it lives.
            port: output port of the chip; one beyond them is dark.
            full_scale_w: more light is over range.
            spread: relative sigma of the type's calibration.
        """
        self._plant, self._name, self._port = plant, name, port
        self._full_scale_w = full_scale_w
        self._offset_w = self.OFFSET_W * (crc32(name.encode()) / 0xFFFFFFFF)
        self._gain = 1.0 + spread * float(made(plant, name).standard_normal())
        self._zero_w = 0.0
        self.wavelength_m = 1.55e-6
        self.averaging = 1

    def light_w(self) -> float:
        """Light on the photodiode."""
        if self._port >= self._plant.architecture.ports:
            return 0.0
        share = self._plant.config.receivers.monitor_share
        return float(self._plant.detected_power_w()[self._port] * share)

    def is_dark(self) -> bool:
        """Whether it may be zeroed."""
        return self.light_w() <= self.DARK_W

    def zero(self) -> None:
        """Take the present offset for darkness."""
        self._zero_w = self._offset_w

    def read_w(self) -> float:
        """One reading; inf where over range."""
        power_w = self.clean_w(self.light_w())
        if power_w > self._full_scale_w:
            return np.inf
        noise_w = self.NOISE_W / np.sqrt(self.averaging)
        sample = reading_noise(self._plant, self._name).standard_normal()
        return float(power_w + self.dark_w + noise_w * sample)

    @property
    def dark_w(self) -> float:
        """What it reads in the dark, free of noise, W."""
        return self._offset_w - self._zero_w

    def clean_w(self, light_w: float) -> float:
        """What it reads for light beyond that, free of noise, W."""
        wavelength_m = float(self._plant.inputs["laser_wavelength_m"][0])
        current_a = light_w * responsivity_a_per_w(wavelength_m)
        return self._gain * current_a / responsivity_a_per_w(self.wavelength_m)
