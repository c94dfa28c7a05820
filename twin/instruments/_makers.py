"""How one instrument differs from its data sheet: drawn once, by the chip seed and its name."""

from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from twin.config_instruments import HeaterDriverConfig
from twin.instruments._noise import reading_noise
from twin.plant import Plant

__all__ = ["DriverErrors", "made"]

STREAM = 20
"""Stream of instruments under a chip seed; a chip's own are `twin.chip.STREAMS`."""

FloatArray = NDArray[np.float64]


def made(plant: Plant, name: str) -> np.random.Generator:
    """Draws what is particular to the instrument of that name."""
    return np.random.default_rng([plant.chip_seed, STREAM, crc32(name.encode())])


@dataclass(frozen=True)
class DriverErrors:
    """What a bank of heater outputs makes and reads, beside what it is told.

        made     = (1 + drive_gain) set + drive_offset, 0 where set is 0: the output is off
        reading  = (1 + gain) value + offset + noise

    Shapes are (outputs,).
    """

    plant: Plant
    name: str
    sheet: HeaterDriverConfig
    drive_gain: FloatArray
    drive_offset_v: FloatArray
    read_gain: FloatArray
    read_offset_v: FloatArray
    current_gain: FloatArray
    current_offset_a: FloatArray

    @classmethod
    def of(cls, plant: Plant, name: str, outputs: int, sheet: HeaterDriverConfig) -> "DriverErrors":
        """Those of the instrument of that name."""
        drawn = made(plant, name).standard_normal((outputs, 6)).T
        sigmas = (
            sheet.drive_spread,
            sheet.drive_offset_v,
            sheet.read_spread,
            sheet.read_offset_v,
            sheet.current_spread,
            sheet.current_offset_a,
        )
        return cls(plant, name, sheet, *(s * d for s, d in zip(sigmas, drawn, strict=True)))

    def made_v(self, set_v: FloatArray) -> FloatArray:
        """Voltages at the outputs for those that are set."""
        on_v = (1.0 + self.drive_gain) * set_v + self.drive_offset_v
        return np.where(set_v > 0.0, np.maximum(on_v, 0.0), 0.0)

    def read_v(self, volts: FloatArray) -> FloatArray:
        """A reading of the voltages at the outputs."""
        noise = self._noise("volts", self.sheet.read_noise_v)
        return (1.0 + self.read_gain) * volts + self.read_offset_v + noise

    def read_a(self, amperes: FloatArray) -> FloatArray:
        """A reading of the currents out of the outputs."""
        noise = self._noise("amperes", self.sheet.current_noise_a)
        return (1.0 + self.current_gain) * amperes + self.current_offset_a + noise

    def _noise(self, of: str, rms: float) -> FloatArray:
        count = self.drive_gain.size
        sample = reading_noise(self.plant, f"{self.name}.{of}").standard_normal(count)
        return np.asarray(rms * sample)
