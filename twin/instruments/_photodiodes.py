"""Photodiodes with amplifiers on the analog inputs of a data acquisition unit."""

from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from twin.instruments._makers import made
from twin.instruments._noise import reading_noise
from twin.plant import Plant

__all__ = ["PhotodiodeAmplifiers"]

FloatArray = NDArray[np.float64]

NOISE_V = 2e-5
"""Rms of one conversion of a 10 V input."""

OFFSET_V = 5e-4
"""Largest dark offset of an amplifier."""

RAIL_V = 10.6
"""Where an input saturates."""


@dataclass(frozen=True)
class PhotodiodeAmplifiers:
    """One on the monitor tap of every port from `port` on.

    Attributes:
        plant: whose light they see.
        name: names their noise and their offsets.
        port: output port of the first; beyond the chip's last port it is dark.
        channels: how many.
        responsivity_a_per_w: of the photodiodes at 1.55 um.
        transimpedance_v_per_a: gain of the amplifiers.
    """

    plant: Plant
    name: str
    port: int
    channels: int
    responsivity_a_per_w: float
    transimpedance_v_per_a: float

    def voltages_v(self, averaged: int = 1) -> FloatArray:
        """Voltages as converted, shape (channels,).

        Args:
            averaged: conversions that the reading averages.
        """
        noise = reading_noise(self.plant, self.name).standard_normal(self.channels)
        noise_v = NOISE_V / np.sqrt(averaged) * noise
        voltage_v = self.clean_v(self.light_w()) + noise_v
        return np.asarray(np.clip(voltage_v, -RAIL_V, RAIL_V))

    def clean_v(self, light_w: FloatArray) -> FloatArray:
        """Voltages for light on the photodiodes, free of noise, shape (channels,)."""
        wavelength_m = float(self.plant.inputs["laser_wavelength_m"][0])
        # Constant quantum efficiency: the current grows with the wavelength.
        responsivity_a_per_w = self.responsivity_a_per_w * wavelength_m / 1.55e-6
        gain, dark_a, bow = self._particulars()
        voltage_v = (light_w * responsivity_a_per_w * gain + dark_a) * self.transimpedance_v_per_a
        voltage_v *= 1.0 - bow * np.minimum(voltage_v / RAIL_V, 1.0)
        own = np.random.default_rng(crc32(self.name.encode()))
        return np.asarray(voltage_v + OFFSET_V * own.uniform(-1.0, 1.0, self.channels))

    def _particulars(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Gain, dark current (A) and bow of each, shape (channels,)."""
        sheet, own = self.plant.config.instruments.photodiodes, made(self.plant, self.name)
        gain = 1.0 + sheet.spread * own.standard_normal(self.channels)
        dark_a = sheet.dark_current_a * own.uniform(0.0, 1.0, self.channels)
        return gain, dark_a, sheet.bow * np.abs(own.standard_normal(self.channels))

    def light_w(self) -> FloatArray:
        """Light on the photodiodes, W, shape (channels,)."""
        share = self.plant.config.receivers.monitor_share
        lit_w = self.plant.detected_power_w()[self.port : self.port + self.channels] * share
        light_w = np.zeros(self.channels)
        light_w[: lit_w.size] = lit_w
        return light_w
