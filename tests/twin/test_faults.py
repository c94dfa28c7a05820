"""Faults of the plant: each is physics that a healthy plant does not feel."""

import numpy as np
import pytest

from lumina.errors import UsageError
from lumina.theory.thermistor import temperature_from_code
from tests.twin.plants import build
from tests.twin.test_determinism import busy, trace
from twin.instruments import board_current_a, emitted_w, supply_voltage_v, thermistor_c
from twin.plant import Plant
from twin.records import (
    PLANT_INPUTS,
    SENSOR_STUCK,
    TEC_OPEN,
    TEC_REVERSED,
    TEC_SHORTED,
    TICK_S,
    write_input,
)

FAULT_WORDS = (PLANT_INPUTS.names or ())[(PLANT_INPUTS.names or ()).index("sensor_fault") :]
RAILS = [{"name": "laser", "voltage_v": 3.3, "powers": "laser", "idle_w": 0.66}]


def read_c(plant: Plant, sensor: str) -> float:
    code = int(plant.sensor.head[f"{sensor}_code"][0])
    return temperature_from_code(code, 10e3, 3435.0, 10e3)


@pytest.mark.parametrize("word", FAULT_WORDS)
def test_a_fault_word_that_is_no_number_is_no_fault(word: str) -> None:
    plant = busy()
    plant.inputs[word] = np.nan
    assert trace(plant, [300]) == trace(busy(), [300])


@pytest.mark.parametrize("word", FAULT_WORDS)
def test_every_fault_word_does_something(word: str) -> None:
    plant = busy()
    plant.inputs[word] = 1e-9 if word == "laser_hop_m" else 1.0
    assert trace(plant, [300]) != trace(busy(), [300])


def test_words_are_written_by_name_and_index() -> None:
    plant = build()
    write_input(plant.inputs, "sensor_fault[3]", 1.0)
    write_input(plant.inputs, "ambient_c", 31.0)
    assert plant.inputs["sensor_fault"][0].tolist() == [0.0, 0.0, 0.0, 1.0]
    assert plant.inputs["ambient_c"][0] == 31.0


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("moon_c", "known: ambient_c, compute_power_w"),
        ("sensor_fault", r"known: sensor_fault\[0\] \.\. sensor_fault\[3\]"),
        ("sensor_fault[4]", r"sensor_fault\[3\]"),
        ("ambient_c[0]", "known: ambient_c"),
        ("sensor_fault[-1]", "no input"),
        ("", "no input"),
    ],
)
def test_a_word_that_is_not_there_is_refused_with_those_that_are(name: str, allowed: str) -> None:
    with pytest.raises(UsageError, match=allowed):
        write_input(build().inputs, name, 1.0)


def test_a_stuck_sensor_repeats_itself_while_the_die_warms() -> None:
    plant = build()
    plant.inputs["compute_power_w"] = 20.0
    plant.step(500)
    plant.inputs["sensor_fault"][0, 2] = SENSOR_STUCK
    plant.step()
    stuck = int(plant.sensor.head["die_code"][0])
    plant.step(5000)
    assert plant.sensor.head["die_code"][0] == stuck
    assert thermistor_c(plant, "tec", 2) == pytest.approx(read_c(plant, "die"), abs=1e-3)
    assert plant.temperatures_c()["die"] > read_c(plant, "die") + 2.0
    plant.inputs["sensor_fault"][0, 2] = 0.0
    plant.step()
    assert read_c(plant, "die") == pytest.approx(plant.temperatures_c()["die"], abs=0.2)


def test_a_drifting_sensor_walks_off_and_comes_back_when_the_fault_is_lifted() -> None:
    plant = build()
    plant.actuator.head["flags"] = 0
    plant.inputs["sensor_drift_k_per_s"][0, 0] = -0.5
    plant.step(4000)
    assert read_c(plant, "carrier_a") == pytest.approx(23.0, abs=0.01)
    assert thermistor_c(plant, "tec", 0) == pytest.approx(23.0, abs=0.01)
    assert read_c(plant, "carrier_b") == pytest.approx(25.0, abs=0.01)
    plant.inputs["sensor_drift_k_per_s"][0, 0] = 0.0
    plant.step()
    assert read_c(plant, "carrier_a") == pytest.approx(25.0, abs=0.01)


def test_a_noisy_sensor_is_wider_by_what_was_added() -> None:
    plant = build()
    plant.actuator.head["flags"] = 0
    plant.inputs["sensor_noise_k"][0, 1] = 0.5
    readings = np.empty(2000)
    for tick in range(readings.size):
        plant.step()
        readings[tick] = read_c(plant, "carrier_b")
    assert readings.std() == pytest.approx(0.501, rel=0.08)


def test_an_open_tec_carries_nothing_and_its_driver_runs_into_its_compliance() -> None:
    plant = build()
    plant.actuator.head["tec_current_a"] = 3.0
    plant.inputs["tec_fault"] = TEC_OPEN
    plant.step(2000)
    assert plant.sensor.head["tec_current_a"][0] == 0.0
    assert plant.sensor.head["tec_voltage_v"][0] == 12.0
    assert plant.temperatures_c()["carrier"] == pytest.approx(25.0, abs=0.01)
    plant.inputs["tec_fault"] = 0.0
    plant.step(2000)
    assert plant.sensor.head["tec_current_a"][0] == 3.0
    assert plant.temperatures_c()["carrier"] < 24.5


def test_a_shorted_tec_leaks_heat_by_its_own_seebeck_current() -> None:
    """V = 0: I = -S dT / R, which adds S^2 T / R to the conductance of the module."""
    plant = build()
    heat = plant.arrays.heat
    heat.temperature_c[:] = [20.0, 20.0, 60.0]
    plant.actuator.head["tec_current_a"] = 3.0
    plant.inputs["tec_fault"] = TEC_SHORTED
    plant.step()
    state = plant.arrays.state[0]
    assert state["tec_voltage_v"] == 0.0
    leak_w_per_k = 0.9 + 0.05**2 * (40.0 + 273.15) / 0.8
    rise_k = float(heat.temperature_c[1]) - 20.0
    assert rise_k == pytest.approx(leak_w_per_k * 40.0 * TICK_S / 40.0, rel=2e-3)


def test_a_reversed_tec_heats_when_it_is_told_to_cool() -> None:
    plant, right = build(), build()
    plant.inputs["tec_fault"] = TEC_REVERSED
    for each in (plant, right):
        each.actuator.head["tec_current_a"] = 3.0
        each.step(3000)
    assert right.temperatures_c()["carrier"] < 24.0
    ended_c = plant.temperatures_c()
    assert ended_c["carrier"] > 26.0
    assert plant.sensor.head["tec_current_a"][0] == 3.0
    seebeck_v = 0.05 * (ended_c["sink"] - ended_c["carrier"])
    assert plant.sensor.head["tec_voltage_v"][0] == pytest.approx(2.4 - seebeck_v, rel=1e-3)


def test_a_dragging_fan_falls_short_of_its_command() -> None:
    plant = build()
    plant.actuator.head["fan_rpm"] = 3000.0
    plant.inputs["fan_drag"] = 0.6
    plant.step(8000)
    assert plant.sensor.head["fan_rpm"][0] == pytest.approx(1200.0, rel=1e-4)


@pytest.mark.parametrize(("word", "node"), [("die_heat_w", "die"), ("carrier_heat_w", "carrier")])
def test_a_pump_of_heat_warms_its_node_and_no_meter_sees_it(word: str, node: str) -> None:
    plant = build()
    plant.actuator.head["flags"] = 0
    plant.inputs[word] = 10.0
    plant.step(100)
    warmest = max(plant.temperatures_c(), key=lambda name: plant.temperatures_c()[name])
    assert warmest == node
    stored_j = sum(
        each.capacity_j_per_k * (plant.temperatures_c()[name] - 25.0)
        for name, each in plant.config.thermal.nodes.items()
    )
    assert stored_j == pytest.approx(1.0, rel=1e-3)
    assert plant.sensor.head["compute_power_w"][0] == 0.0


def test_a_step_of_the_room_comes_on_top_of_what_the_room_is() -> None:
    plant = build()
    plant.inputs["ambient_c"], plant.inputs["ambient_step_k"] = 20.0, 15.0
    plant.step()
    assert plant.sensor.head["inlet_c"][0] == 35.0


@pytest.mark.parametrize(("word", "current_a"), [("heater_open", 0.0), ("heater_short", 0.03)])
def test_a_broken_heater_makes_no_phase_and_shows_in_its_current(
    word: str, current_a: float
) -> None:
    plant = build()
    plant.actuator.heater_code[:] = 30_000
    plant.step()
    sound_w = plant.arrays.heaters.power_w.copy()
    plant.inputs[word] = 1 + 5
    plant.step()
    heaters = plant.arrays.heaters
    assert heaters.power_w[5] == heaters.own_rad[5] == 0.0
    assert np.array_equal(np.delete(heaters.power_w, 5), np.delete(sound_w, 5))
    total_w = float(plant.arrays.state["heater_power_w"][0])
    assert total_w == pytest.approx(sound_w.sum() - sound_w[5])
    assert plant.heater_current_a()[5] == current_a
    assert plant.heater_current_a()[4] > 0.0


def test_a_mode_hop_turns_the_phases_and_dips_the_power() -> None:
    plant, tuned = build(), build()
    plant.inputs["laser_hop_m"], plant.inputs["laser_dip"] = 0.1e-9, 0.2
    tuned.inputs["laser_wavelength_m"] = 1.5501e-6
    for each in (plant, tuned):
        each.step(5)
    hopped_rad, tuned_rad = plant.arrays.heaters.phase_rad, tuned.arrays.heaters.phase_rad
    np.testing.assert_allclose(hopped_rad, tuned_rad, atol=1e-9)
    assert np.abs(tuned_rad - plant.chip.phi0_rad).max() > 0.01
    assert plant.sensor.head["laser_power_w"][0] == pytest.approx(0.008, rel=1e-3)
    assert emitted_w(plant, 0.01) == pytest.approx(0.008)


@pytest.mark.parametrize("detection", ["coherent", "direct"])
def test_stray_light_saturates_monitors_and_receivers(detection: str) -> None:
    plant = build(receivers={"detection": detection})
    plant.step()
    fields = np.full((8, 4), 0.3, np.complex128)
    fair = np.abs(plant.multiply(fields)).max()
    plant.inputs["stray_light_w"] = 0.05
    plant.step()
    assert (plant.sensor.detector_code == plant.arrays.optics.top_code).all()
    assert fair < 0.5
    assert plant.multiply(fields).real.min() > 0.99
    assert (plant.detected_power_w() >= 0.05).all()


def test_a_sagging_supply_takes_the_rails_down_below_nine_tenths() -> None:
    plant = build(rails=RAILS)
    plant.actuator.head["rail_set_v"][0, 0] = 3.3
    plant.inputs["supply_sag"] = 0.05
    plant.step(50)
    assert plant.output_power_w().max() > 0.0
    assert supply_voltage_v(plant, 5.0) == pytest.approx(4.75)
    assert board_current_a(plant, 5.0) == pytest.approx(0.66 / (0.9 * 4.75), rel=1e-3)
    plant.inputs["supply_sag"] = 0.2
    plant.step(50)
    assert plant.output_power_w().max() == 0.0
    assert plant.sensor.head["rail_voltage_v"][0, 0] < 0.01


def test_a_dead_meter_reads_nothing_of_what_is_burnt() -> None:
    plant = build()
    plant.inputs["compute_power_w"], plant.inputs["meter_loss"] = 20.0, 1.0
    plant.step(50)
    assert plant.sensor.head["compute_power_w"][0] == 0.0
    assert plant.arrays.state["compute_power_w"][0] == 20.0


def test_a_leak_on_the_die_ends_with_the_power_and_a_hot_neighbour_does_not() -> None:
    plant = build()
    plant.actuator.head["flags"] = 0
    plant.inputs["die_heat_w"] = plant.inputs["carrier_heat_w"] = 10.0
    plant.inputs["supply_on"] = 0.0
    plant.step(100)
    assert plant.temperatures_c()["die"] < plant.temperatures_c()["carrier"]
    assert plant.temperatures_c()["carrier"] > 25.02
