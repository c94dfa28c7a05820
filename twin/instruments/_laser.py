"""A tunable laser before the board: what it emits for what it is set to."""

from math import nan

from twin.instruments._board import emitted_w
from twin.instruments._makers import made
from twin.instruments._noise import reading_noise
from twin.plant import Plant

__all__ = ["LaserSource"]


class LaserSource:
    """The light of one laser, and its own meter.

        emitted    = (1 + gain) set + offset + bow top 4 x (1 - x),   x = set / top
        wavelength = set + offset + how far it misses each time

    Attributes:
        wavelength_m: that it is set to, in m.
        power_w: that it is set to, in W.
        meter_gain: error of its own meter, relative.
    """

    def __init__(self, plant: Plant, name: str, *, top_w: float, meter_noise: float) -> None:
        """Put a laser before a board, as the plant's inputs say.

        Args:
            plant: whose board it lights.
            name: names what is particular to it.
            top_w: its largest power, W.
            meter_noise: relative rms of a reading of its own meter.
        """
        sheet = plant.config.instruments.laser
        gain, offset, bow, meter, wavelength = made(plant, name).standard_normal(5).tolist()
        self._plant, self._name = plant, name
        self._top_w, self._meter_noise = top_w, meter_noise
        self._gain, self._offset_w = sheet.power_spread * gain, sheet.power_offset_w * offset
        self._bow, self.meter_gain = sheet.power_bow * bow, sheet.meter_spread * meter
        self._offset_m = sheet.wavelength_offset_m * wavelength
        self._repeat_m = sheet.wavelength_repeat_m
        self.wavelength_m = nan
        self.tune(float(plant.inputs["laser_wavelength_m"][0]))
        self.power_w = float(plant.inputs["laser_power_w"][0])

    def set_power(self, power_w: float) -> None:
        """Emit this power, as well as it can."""
        self.power_w = power_w
        self._plant.inputs["laser_power_w"] = self.emitted_w(power_w)

    def emitted_w(self, power_w: float) -> float:
        """What it emits when it is set to a power, in W."""
        share = power_w / self._top_w
        bow_w = self._bow * self._top_w * 4.0 * share * (1.0 - share)
        return float(max((1.0 + self._gain) * power_w + self._offset_w + bow_w, 0.0))

    def tune(self, wavelength_m: float) -> None:
        """Go to a wavelength, as well as it can; at its present one it stays."""
        if wavelength_m == self.wavelength_m:
            return
        self.wavelength_m = wavelength_m
        miss = float(reading_noise(self._plant, f"{self._name}.tune").standard_normal())
        there_m = wavelength_m + self._offset_m + self._repeat_m * miss
        self._plant.inputs["laser_wavelength_m"] = there_m

    def metered_w(self) -> float:
        """A reading of its own meter, in W; 0 in the dark."""
        if self._plant.inputs["laser_on"][0] != 1.0:
            return 0.0
        light_w = emitted_w(self._plant, float(self._plant.inputs["laser_power_w"][0]))
        noise = self._meter_noise * float(reading_noise(self._plant, self._name).standard_normal())
        return float(light_w * (1.0 + self.meter_gain) * (1.0 + noise))
