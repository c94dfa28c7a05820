import numpy as np
import pytest

from tests.twin.plants import build
from twin.plant import Plant

RAILS = [
    {"name": "heater_5v", "voltage_v": 5.0, "powers": "heaters", "idle_w": 1.0},
    {"name": "laser_3v3", "voltage_v": 3.3, "powers": "laser", "idle_w": 0.66},
    {"name": "detector_1v8", "voltage_v": 1.8, "powers": "detectors", "idle_w": 0.18},
    {"name": "tec_12v", "voltage_v": 12.0, "powers": "tec", "idle_w": 0.12},
]


def powered(up: str = "all") -> Plant:
    plant = build(rails=RAILS)
    for index, rail in enumerate(RAILS):
        if up in ("all", rail["powers"]):
            plant.actuator.head["rail_set_v"][0, index] = rail["voltage_v"]
    plant.actuator.heater_code[:] = 30_000
    plant.actuator.head["tec_current_a"] = 1.0
    plant.step(100)
    return plant


def works(plant: Plant) -> dict[str, bool]:
    return {
        "heaters": plant.arrays.heaters.power_w.min() > 0,
        "laser": plant.output_power_w().max() > 0,
        "detectors": plant.sensor.detector_code.max() > 0,
        "tec": plant.sensor.head["tec_current_a"][0] > 0,
    }


def test_with_all_rails_up_everything_works() -> None:
    assert all(works(powered()).values())


@pytest.mark.parametrize("down", ["heaters", "laser", "detectors", "tec"])
def test_a_part_whose_rail_sags_below_90_percent_does_not_work(down: str) -> None:
    plant = powered()
    index = [rail["powers"] for rail in RAILS].index(down)
    plant.actuator.head["rail_set_v"][0, index] *= 0.92
    plant.step(100)
    assert works(plant)[down]
    plant.actuator.head["rail_set_v"][0, index] *= 0.95
    plant.step(100)
    assert not works(plant)[down]
    others = [part for part in works(plant) if part != down]
    if down != "laser":  # without light the detectors see only their dark current
        assert all(works(plant)[part] for part in others)


def test_a_rail_follows_its_set_point_with_its_time_constant() -> None:
    plant = build(rails=[{"name": "dac", "voltage_v": 1.8, "time_constant_s": 0.01}])
    plant.actuator.head["rail_set_v"][0, 0] = 1.8
    plant.step(10)
    assert plant.sensor.head["rail_voltage_v"][0, 0] == pytest.approx(1.8 * (1 - np.exp(-1)))


def test_the_ramp_charges_the_capacitor() -> None:
    """1 mF at 100 V/s draws 0.1 A above the load."""
    rail = {"name": "dac", "voltage_v": 10.0, "capacitance_f": 1e-3, "idle_w": 0.0}
    plant = build(rails=[rail | {"time_constant_s": 0.001}])
    for tick in range(60):
        plant.actuator.head["rail_set_v"][0, 0] = 0.1 * tick
        plant.step()
    assert plant.sensor.head["rail_current_a"][0, 0] == pytest.approx(0.1, rel=1e-3)


def test_rails_carry_the_power_of_what_they_feed() -> None:
    plant = powered()
    heater_w = float(plant.arrays.state["heater_power_w"][0])
    current_a = plant.sensor.head["rail_current_a"][0]
    assert current_a[0] == pytest.approx((heater_w + 1.0) / 5.0, rel=1e-4)
    assert current_a[1] == pytest.approx(0.2, rel=1e-4)
    tec_w = float(plant.arrays.state["tec_voltage_v"][0] * 1.0)
    assert current_a[3] == pytest.approx((tec_w + 0.12) / 12.0, rel=1e-3)


def test_a_short_draws_over_current_and_takes_the_voltage_away() -> None:
    plant = powered()
    plant.inputs["rail_short"][0, 1] = 1.0
    plant.step(20)
    assert plant.sensor.head["rail_current_a"][0, 1] > 100.0
    assert plant.sensor.head["rail_voltage_v"][0, 1] < 0.1
    assert not works(plant)["laser"]


def test_a_faulty_regulator_runs_above_its_set_point() -> None:
    plant = powered()
    plant.inputs["rail_offset_v"][0, 1] = 0.7
    plant.step(50)
    assert plant.sensor.head["rail_voltage_v"][0, 1] == pytest.approx(4.0)


def test_without_the_bench_supply_the_board_has_no_power() -> None:
    plant = powered()
    plant.inputs["supply_on"] = 0.0
    plant.step(100)
    assert not any(works(plant).values())
    assert plant.sensor.head["rail_voltage_v"][0].max() < 0.01


def test_a_board_without_rails_runs_from_the_bench_supply() -> None:
    plant = build()
    plant.actuator.heater_code[:] = 30_000
    plant.step()
    assert plant.arrays.heaters.power_w.min() > 0.0
    plant.inputs["supply_on"] = 0.0
    plant.step()
    assert plant.arrays.heaters.power_w.max() == 0.0
