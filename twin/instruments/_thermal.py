"""What a stand-alone temperature controller reads and drives."""

import numpy as np

from twin.instruments._noise import reading_noise
from twin.plant import Plant
from twin.records import INSTRUMENT, SENSOR_OPEN, SENSOR_SHORTED, SENSOR_STUCK

__all__ = ["CARRIER", "SINK", "take_over_tec", "thermistor_c"]

CARRIER, SINK = 0, 3
"""Thermistors of the board that a stand-alone temperature controller reads."""


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
