"""Thermistors and the metered compute power: what the board can know of its heat."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lumina.compiled import compiled_tick
from lumina.frames import OPEN_CODE
from lumina.theory.thermistor import ThermistorLaw, code_from_resistance, thermistor_ohm
from twin.config import PlantConfig, SensorConfig
from twin.records import SENSOR_OPEN, SENSOR_SHORTED, SENSOR_STUCK, TICK_S, clamp

__all__ = ["Sensors", "build_sensors", "follow_temperatures", "metered_power_w", "thermistor_code"]

FASTEST_DRIFT_K_PER_S, LARGEST_DRIFT_K = 1e3, 100.0
MOST_NOISE_K = 100.0
"""Faults beyond these act as these."""

SENSOR = np.dtype(
    [
        ("node", "i8"),
        ("share", "f8"),  # of the way to the node's temperature, in one tick
        ("bead_c", "f8"),  # state: temperature of the bead, without self-heating
        ("drift_k", "f8"),  # state
        ("seen_c", "f8"),  # state: what it shows, without noise and self-heating
        ("noise_k", "f8"),
        ("heating_k_ohm", "f8"),  # self-heating times (R + R_ref)^2 / R
        ("a", "f8"),
        ("b", "f8"),
        ("c", "f8"),
        ("reference_ohm", "f8"),
    ]
)


class Sensors(NamedTuple):
    """Sensors and their state."""

    thermistor: NDArray[Any]
    """Shape (SENSORS,), dtype SENSOR."""
    delayed_w: NDArray[np.float64]
    """Shape (delay + 1,): compute power of the last ticks, a ring indexed by the tick."""
    meter_gain: float


def build_sensors(config: PlantConfig) -> Sensors:
    """The sensors of a plant, all at ambient temperature."""
    nodes = [*config.thermal.nodes]
    rows = [_sensor(sensor, nodes, config) for sensor in config.sensors.in_frame_order()]
    delay = round(config.compute.meter_delay_s / TICK_S)
    gain = 1.0 + config.compute.meter_gain_error
    return Sensors(np.array(rows, SENSOR), np.zeros(delay + 1), gain)


def _sensor(sensor: SensorConfig, nodes: list[str], config: PlantConfig) -> tuple[Any, ...]:
    share = 1.0 if sensor.lag_s == 0.0 else -np.expm1(-TICK_S / sensor.lag_s)
    # The bead takes V^2 R / (R + R_ref)^2 of the divider's voltage.
    heating = sensor.excitation_v**2 / sensor.dissipation_w_per_k
    bead_c = config.environment.ambient_c
    return (
        nodes.index(sensor.node), share, bead_c, 0.0, bead_c, sensor.noise_k, heating,
        *sensor.law(), sensor.reference_ohm,
    )  # fmt: skip


@compiled_tick
def follow_temperatures(sensors: Sensors, inputs: Any, temperature_c: Any) -> None:
    """Let every bead follow its node for one tick, and its reading the bead unless it is stuck."""
    for i in range(sensors.thermistor.size):
        sensor = sensors.thermistor[i]
        sensor.bead_c += sensor.share * (temperature_c[sensor.node] - sensor.bead_c)
        rate = clamp(inputs.sensor_drift_k_per_s[i], -FASTEST_DRIFT_K_PER_S, FASTEST_DRIFT_K_PER_S)
        drifted_k = clamp(sensor.drift_k + rate * TICK_S, -LARGEST_DRIFT_K, LARGEST_DRIFT_K)
        sensor.drift_k = drifted_k if rate != 0.0 else 0.0
        if inputs.sensor_fault[i] != SENSOR_STUCK:
            sensor.seen_c = sensor.bead_c + sensor.drift_k


@compiled_tick
def thermistor_code(sensor: Any, fault: float, added_noise_k: float, noise: float) -> int:
    """Converter code of one sample; `noise` is a standard normal number."""
    if fault == SENSOR_OPEN:
        return OPEN_CODE
    if fault == SENSOR_SHORTED:
        return 0
    if fault == SENSOR_STUCK:
        noise = 0.0
    law = ThermistorLaw(sensor.a, sensor.b, sensor.c)
    noise_k = sensor.noise_k + clamp(added_noise_k, 0.0, MOST_NOISE_K)
    seen_c = sensor.seen_c + noise_k * noise
    if sensor.heating_k_ohm > 0.0:
        cold_ohm = thermistor_ohm(law, seen_c)
        loop_ohm = cold_ohm + sensor.reference_ohm
        seen_c += sensor.heating_k_ohm * cold_ohm / (loop_ohm * loop_ohm)
    return code_from_resistance(thermistor_ohm(law, seen_c), sensor.reference_ohm)


@compiled_tick
def metered_power_w(sensors: Sensors, inputs: Any, tick: int, power_w: float) -> float:
    """Compute power as metered: with a gain error, some ticks ago."""
    ring = sensors.delayed_w
    ring[tick % ring.size] = power_w
    gain = sensors.meter_gain * (1.0 - clamp(inputs.meter_loss, 0.0, 1.0))
    return ring[(tick + 1) % ring.size] * gain  # type: ignore[no-any-return]
