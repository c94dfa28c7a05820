"""What stand-alone instruments see of a plant, and do to it.

The twin-backed drivers and the simulated firmware share it: there is one physics.
"""

from zlib import crc32

import numpy as np

from lumina.frames import HEATERS_ENABLED, TEC_ENABLED
from twin.plant import Plant
from twin.rails import BROWN_OUT_SHARE
from twin.records import INSTRUMENT, SENSOR_OPEN, SENSOR_SHORTED, SENSOR_STUCK

__all__ = [
    "CARRIER",
    "SINK",
    "PhotodiodeHead",
    "board_current_a",
    "emitted_w",
    "feed_board",
    "reading_noise",
    "responsivity_a_per_w",
    "stand_by",
    "supply_voltage_v",
    "take_over_tec",
    "thermistor_c",
]

CARRIER, SINK = 0, 3
"""Thermistors of the board that a stand-alone temperature controller reads."""

CONVERTER_EFFICIENCY = 0.9

OWN_MAINS = ("tec", "heaters")
"""Rails that the board feeds from a mains adaptor; the supply's channel enables them."""


def reading_noise(plant: Plant, name: str) -> np.random.Generator:
    """Noise of one reading, named by seed, instrument and tick."""
    seed = int(plant.arrays.state["seed"][0])
    return np.random.default_rng([seed, crc32(name.encode()), plant.tick])


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

    def __init__(self, plant: Plant, name: str, port: int, full_scale_w: float) -> None:
        """Put a head on a port.

        Args:
            plant: whose light it sees.
            name: names its noise and its dark offset, the same as long as it lives.
            port: output port of the chip; one beyond them is dark.
            full_scale_w: more light is over range.
        """
        self._plant, self._name, self._port = plant, name, port
        self._full_scale_w = full_scale_w
        self._offset_w = self.OFFSET_W * (crc32(name.encode()) / 0xFFFFFFFF)
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
        wavelength_m = float(self._plant.inputs["laser_wavelength_m"][0])
        current_a = self.light_w() * responsivity_a_per_w(wavelength_m)
        power_w = current_a / responsivity_a_per_w(self.wavelength_m)
        if power_w > self._full_scale_w:
            return np.inf
        noise_w = self.NOISE_W / np.sqrt(self.averaging)
        sample = reading_noise(self._plant, self._name).standard_normal()
        return float(power_w + self._offset_w - self._zero_w + noise_w * sample)


def feed_board(plant: Plant, voltage_v: float, nominal_v: float) -> None:
    """Let the supply's channel feed the board; 0 V where it is off."""
    plant.inputs["supply_on"] = float(voltage_v >= BROWN_OUT_SHARE * nominal_v)


def emitted_w(plant: Plant, power_w: float) -> float:
    """Light of a laser that is set to `power_w`."""
    return power_w * (1.0 - float(plant.inputs["laser_dip"][0]))


def supply_voltage_v(plant: Plant, voltage_v: float) -> float:
    """Voltage of the supply's channel that is set to `voltage_v`."""
    return voltage_v * (1.0 - float(plant.inputs["supply_sag"][0]))


def board_current_a(plant: Plant, voltage_v: float) -> float:
    """Current that the board draws from the supply's channel; nothing once its rails are down."""
    voltage_v = supply_voltage_v(plant, voltage_v)
    if plant.inputs["supply_on"][0] != 1.0 or voltage_v <= 0.0:
        return 0.0
    head = plant.sensor.head[0]
    power_w = sum(
        float(head["rail_voltage_v"][index] * head["rail_current_a"][index])
        for index, rail in enumerate(plant.config.rails)
        if rail.powers not in OWN_MAINS
    )
    return power_w / (CONVERTER_EFFICIENCY * voltage_v)


def stand_by(plant: Plant) -> None:
    """Have the board pass light and feed its parts while no loop commands it.

    Stand-alone instruments then see each other through the chip; the first actuator frame
    replaces it.
    """
    head = plant.actuator.head
    head["flags"] = HEATERS_ENABLED | TEC_ENABLED
    head["laser_scale"] = 1.0
    head["compute_scale"] = 1.0
    for index, rail in enumerate(plant.config.rails):
        head["rail_set_v"][0, index] = rail.voltage_v


def take_over_tec(plant: Plant, limit_a: float) -> float:
    """Put a stand-alone controller in the place of the board's own; the limit it then has."""
    limit_a = min(limit_a, plant.config.tec.limit_a)
    plant.inputs["tec_source"] = INSTRUMENT
    plant.inputs["regulator_limit_a"] = limit_a
    return limit_a


def thermistor_c(plant: Plant, name: str, sensor: int) -> float:
    """One sample of a thermistor; NaN where it is open or shorted.

    Args:
        plant: whose board carries it.
        name: the instrument that reads it, which names the noise.
        sensor: `CARRIER` or `SINK`.
    """
    fault = plant.inputs["sensor_fault"][0, sensor]
    if fault in (SENSOR_OPEN, SENSOR_SHORTED):
        return np.nan
    thermistor = plant.arrays.sensors.thermistor[sensor]
    seen_c = float(thermistor["seen_c"])
    if fault == SENSOR_STUCK:
        return seen_c
    noise_k = float(thermistor["noise_k"] + plant.inputs["sensor_noise_k"][0, sensor])
    return seen_c + noise_k * float(reading_noise(plant, name).standard_normal(sensor + 1)[-1])
