import numpy as np
import pytest

from lumina.frames import OPEN_CODE
from lumina.theory.thermistor import temperature_from_code
from tests.twin.plants import build
from twin.plant import Plant
from twin.records import SENSOR_OPEN, SENSOR_SHORTED

SENSORS = ("carrier_a", "carrier_b", "die", "sink")


def read_c(plant: Plant, sensor: str = "die") -> float:
    code = int(plant.sensor.head[f"{sensor}_code"][0])
    return temperature_from_code(code, 10e3, 3435.0, 10e3)


def trace_c(plant: Plant, ticks: int, sensor: str = "die") -> np.ndarray:
    readings = np.empty(ticks)
    for tick in range(ticks):
        plant.step()
        readings[tick] = read_c(plant, sensor)
    return readings


@pytest.mark.parametrize("sensor", SENSORS)
def test_a_sample_has_one_millikelvin_of_white_noise(sensor: str) -> None:
    plant = build()
    plant.actuator.head["flags"] = 0
    readings = trace_c(plant, 4000, sensor)
    assert readings.mean() == pytest.approx(25.0, abs=4.5e-3 / np.sqrt(4000))
    assert readings.std() == pytest.approx(1e-3, rel=4.5 / np.sqrt(2 * 4000))
    assert abs(np.corrcoef(readings[1:], readings[:-1])[0, 1]) < 4.5 / np.sqrt(4000)


def test_the_sensors_have_noise_of_their_own() -> None:
    plant = build()
    readings = np.empty((1000, 4))
    for row in readings:
        plant.step()
        row[:] = [read_c(plant, sensor) for sensor in SENSORS]
    correlation = np.corrcoef(readings.T) - np.eye(4)
    assert np.abs(correlation).max() < 4.5 / np.sqrt(1000)


def test_a_sensor_lags_its_node_by_its_time_constant() -> None:
    plant = build()
    plant.actuator.head["flags"] = 0
    plant.arrays.heat.temperature_c[:] = 45.0
    plant.arrays.heat.step.advance[:] = np.eye(3)  # hold the temperatures
    plant.arrays.heat.step.heat_gain_k_per_w[:] = 0.0
    plant.arrays.heat.step.ambient_gain[:] = 0.0
    plant.step(200)
    assert read_c(plant) == pytest.approx(45.0 - 20.0 * np.exp(-1.0), abs=0.006)


def test_a_broken_sensor_reads_no_temperature() -> None:
    plant = build()
    plant.inputs["sensor_fault"][0, 2] = SENSOR_OPEN
    plant.inputs["sensor_fault"][0, 3] = SENSOR_SHORTED
    plant.step()
    assert plant.sensor.head["die_code"][0] == OPEN_CODE
    assert plant.sensor.head["sink_code"][0] == 0
    assert np.isnan(read_c(plant, "die"))
    assert np.isnan(read_c(plant, "sink"))
    assert read_c(plant, "carrier_a") == pytest.approx(25.0, abs=0.01)
    plant.inputs["sensor_fault"] = 0.0
    plant.step()
    assert read_c(plant, "die") == pytest.approx(25.0, abs=0.01)


def test_the_excitation_warms_the_bead() -> None:
    plant = build(
        sensors={"die": {"node": "die", "excitation_v": 2.5, "dissipation_w_per_k": 1.5e-3}}
    )
    plant.step()
    warmed_k = 1.25**2 / 10e3 / 1.5e-3  # half the voltage lies on 10 kohm at 25 C
    assert read_c(plant) == pytest.approx(25.0 + warmed_k, abs=0.006)


def test_a_thermistor_may_depart_from_the_law_by_which_it_is_read() -> None:
    coefficients = {"a": 1.129148e-3, "b": 2.34125e-4, "c": 8.76741e-8}
    plant = build(sensors={"die": {"node": "die", "steinhart_hart": coefficients}})
    plant.inputs["ambient_c"] = 60.0
    plant.arrays.heat.temperature_c[:] = 60.0
    plant.step(3000)
    assert read_c(plant) != pytest.approx(60.0, abs=0.5)
    assert read_c(plant, "sink") == pytest.approx(60.0, abs=0.01)


def test_the_power_meter_is_late_and_reads_too_much() -> None:
    plant = build()
    plant.inputs["compute_power_w"] = 20.0
    plant.step(10)
    assert plant.sensor.head["compute_power_w"][0] == 0.0
    plant.step()
    assert plant.sensor.head["compute_power_w"][0] == pytest.approx(21.0)


@pytest.mark.parametrize(
    ("scale", "runs_w"), [(0.5, 10.0), (7.0, 20.0), (-1.0, 0.0), (np.nan, 0.0)]
)
def test_the_board_runs_the_share_of_its_load_that_it_may(scale: float, runs_w: float) -> None:
    plant = build()
    plant.inputs["compute_power_w"], plant.actuator.head["compute_scale"] = 20.0, scale
    plant.step()
    assert plant.arrays.state["compute_power_w"][0] == runs_w


def test_the_frame_tells_tick_time_and_inlet() -> None:
    plant = build()
    plant.inputs["ambient_c"] = 31.5
    plant.step(7)
    head = plant.sensor.head[0]
    assert (head["tick"], head["time_ns"], head["inlet_c"]) == (7, 7_000_000, 31.5)
    assert plant.tick == 7
