"""Die, carrier, TEC, sink and fan together."""

import numpy as np
import pytest

from lumina.frames import SAFE_STATE
from lumina.theory.peltier import peltier_flows
from tests.twin.plants import build
from twin.plant import Plant
from twin.records import INSTRUMENT, SENSOR_OPEN, TICK_S


def balance(plant: Plant, fan_rpm: float, tec_a: float, load_w: float) -> dict[str, float]:
    """Put the plant where its heat flows balance, solved by Newton's way from the equations."""
    fan = plant.config.fan
    share = (fan_rpm / fan.full_speed_rpm) ** fan.exponent
    still, full = 1.0 / fan.still_air_k_per_w, 1.0 / fan.full_speed_k_per_w
    to_air = still + (full - still) * share
    tec = plant.config.tec.parameters()

    def missing(carrier_c: float, sink_c: float) -> np.ndarray:
        absorbed_w, released_w, _ = peltier_flows(tec, tec_a, carrier_c, sink_c)
        return np.array([load_w - absorbed_w, released_w - to_air * (sink_c - 25.0)])

    at = np.array([25.0, 25.0])
    for _ in range(5):
        here = missing(*at)
        slope = np.column_stack([missing(*(at + step)) - here for step in np.eye(2)])
        at = at - np.linalg.solve(slope, here)
    carrier_c, sink_c = at.tolist()
    return {"die": carrier_c + 0.15 * load_w, "carrier": carrier_c, "sink": sink_c}


def place(plant: Plant, temperatures_c: dict[str, float]) -> None:
    plant.arrays.heat.temperature_c[:] = list(temperatures_c.values())


@pytest.mark.parametrize(("fan_rpm", "k_per_w"), [(0.0, 1.04), (4000.0, 0.15)])
def test_the_sink_stands_above_the_room_by_its_data_sheet(fan_rpm: float, k_per_w: float) -> None:
    plant = build()
    plant.inputs["compute_power_w"] = 10.0
    plant.actuator.head["fan_rpm"] = plant.arrays.state["fan_rpm"] = fan_rpm
    settled = balance(plant, fan_rpm, 0.0, 10.0)
    place(plant, settled)
    plant.step(1000)
    assert plant.temperatures_c()["sink"] == pytest.approx(25.0 + 10.0 * k_per_w, abs=1e-9)
    assert plant.temperatures_c() == pytest.approx(settled, abs=1e-9)


def test_a_load_step_warms_the_die_above_its_carrier_in_its_own_time() -> None:
    plant = build()
    plant.inputs["compute_power_w"] = 30.0
    plant.step(150)
    warm = plant.temperatures_c()
    # 1 J/K over 0.15 K/W, against the carrier's 40 J/K: a time constant of 146 ms.
    tau_s = 0.15 * 1.0 * 40.0 / 41.0
    expected_k = 30.0 * 0.15 * 40.0 / 41.0 * (1.0 - np.exp(-0.150 / tau_s))
    assert warm["die"] - warm["carrier"] == pytest.approx(expected_k, rel=2e-3)


def test_energy_is_kept() -> None:
    plant = build(tec={"seebeck_tempco_per_k": 1.6e-3, "resistance_tempco_per_k": 4.9e-3})
    plant.inputs["compute_power_w"] = 20.0
    plant.inputs["ambient_c"] = 10.0
    head, state, heat = plant.actuator.head, plant.arrays.state, plant.arrays.heat
    head["tec_current_a"], head["fan_rpm"], plant.actuator.heater_code[:] = 4.0, 2500.0, 20_000
    capacities = np.array([n.capacity_j_per_k for n in plant.config.thermal.nodes.values()])
    before_j = capacities @ heat.temperature_c
    in_j = out_j = 0.0
    sink = [heat.temperature_c[2]]
    for _ in range(3000):
        plant.step()
        electric_w = state["tec_current_a"] * state["tec_voltage_v"]
        in_j += TICK_S * float((electric_w + state["heater_power_w"])[0] + 20.0)
        # What the fan takes beyond still air acts by the temperature at the tick's start.
        forced = (1 / 0.15 - 1 / 1.04) * float((state["fan_rpm"] / 4000.0)[0]) ** 0.8
        out_j += TICK_S * forced * (sink[-1] - 10.0)
        sink.append(heat.temperature_c[2])
    out_j += TICK_S / 1.04 * float(np.sum(np.array(sink[1:]) + sink[:-1] - 20.0)) / 2.0
    stored_j = capacities @ heat.temperature_c - before_j
    assert stored_j + out_j == pytest.approx(in_j, rel=1e-9)


def test_a_stalled_fan_lets_the_sink_run_away_while_the_die_looks_well() -> None:
    plant = build()
    plant.inputs["compute_power_w"], plant.inputs["fan_stall"] = 30.0, 1.0
    plant.inputs["laser_on"] = 0.0
    head = plant.actuator.head
    head["tec_current_a"], head["fan_rpm"], plant.actuator.heater_code[:] = 8.0, 4000.0, 30_000
    heaters_w = 64 * 0.024
    place(plant, {"die": 60.0, "carrier": 55.0, "sink": 140.0})
    plant.step(1_200_000)
    assert plant.arrays.state["heater_power_w"][0] == pytest.approx(heaters_w, rel=0.1)
    ended = plant.temperatures_c()
    assert ended["sink"] == pytest.approx(147.0, abs=1.5)
    assert ended["die"] == pytest.approx(65.0, abs=1.5)
    assert plant.sensor.head["fan_rpm"][0] == 0.0


def test_a_freed_fan_spins_up_again() -> None:
    plant = build(fan={"spin_up_s": 0.5})
    plant.actuator.head["fan_rpm"] = 3000.0
    plant.step(500)
    assert plant.sensor.head["fan_rpm"][0] == pytest.approx(3000.0 * (1 - np.exp(-1)), rel=1e-5)
    plant.inputs["fan_stall"] = 1.0
    plant.step()
    assert plant.sensor.head["fan_rpm"][0] == 0.0
    plant.inputs["fan_stall"] = 0.0
    plant.step(5000)
    assert plant.sensor.head["fan_rpm"][0] == pytest.approx(3000.0, rel=1e-3)


@pytest.mark.parametrize(
    ("asked_a", "driven_a"), [(50.0, 8.0), (-50.0, -8.0), (np.nan, 0.0), (np.inf, 8.0), (3.0, 3.0)]
)
def test_the_tec_driver_holds_its_own_limit(asked_a: float, driven_a: float) -> None:
    plant = build()
    plant.actuator.head["tec_current_a"] = asked_a
    plant.step(20)
    assert plant.sensor.head["tec_current_a"][0] == driven_a


def test_the_tec_current_slews() -> None:
    plant = build(tec={"slew_a_per_s": 100.0})
    plant.actuator.head["tec_current_a"] = 5.0
    plant.step(20)
    assert plant.sensor.head["tec_current_a"][0] == pytest.approx(2.0)
    plant.step(40)
    assert plant.sensor.head["tec_current_a"][0] == 5.0


def test_the_safe_state_outranks_every_other_command() -> None:
    plant = build()
    head = plant.actuator.head
    head["tec_current_a"], plant.actuator.heater_code[:] = 5.0, 40_000
    plant.step(10)
    assert plant.arrays.heaters.power_w.min() > 0.0
    head["flags"] |= SAFE_STATE
    plant.step()
    assert plant.sensor.head["tec_current_a"][0] == 0.0
    assert plant.arrays.heaters.power_w.max() == 0.0
    assert plant.sensor.head["laser_power_w"][0] == 0.0
    assert plant.output_power_w().max() == 0.0


def test_the_fresh_actuator_frame_is_safe() -> None:
    plant = build()
    plant.actuator.head[:] = np.zeros(1, plant.actuator.head.dtype)
    plant.inputs["compute_power_w"] = 30.0
    plant.step(1000)
    assert plant.temperatures_c() == pytest.approx(dict.fromkeys(("die", "carrier", "sink"), 25.0))


def test_open_tec_leads_still_show_the_seebeck_voltage() -> None:
    plant = build()
    place(plant, {"die": 20.0, "carrier": 20.0, "sink": 40.0})
    plant.step()
    assert plant.sensor.head["tec_voltage_v"][0] == pytest.approx(0.05 * 20.0)


def test_a_stand_alone_controller_regulates_on_its_own() -> None:
    plant = build()
    plant.inputs["tec_source"], plant.inputs["regulator_on"] = INSTRUMENT, 1.0
    plant.inputs["regulator_target_c"], plant.inputs["regulator_limit_a"] = 35.0, 4.0
    plant.step(100)
    assert plant.sensor.head["tec_current_a"][0] == 0.0  # its output is not enabled yet
    plant.inputs["instrument_tec_on"] = 1.0
    plant.step(1000)
    assert plant.sensor.head["tec_current_a"][0] == -4.0
    plant.step(59_000)
    assert plant.temperatures_c()["carrier"] == pytest.approx(35.0, abs=0.02)
    plant.inputs["sensor_fault"][0, 0] = SENSOR_OPEN
    plant.step()
    assert plant.sensor.head["tec_current_a"][0] == 0.0


def test_a_stand_alone_controller_drives_a_fixed_current() -> None:
    plant = build()
    plant.inputs["tec_source"] = plant.inputs["instrument_tec_on"] = 1.0
    plant.inputs["instrument_tec_a"] = 1.5
    plant.actuator.head["flags"] = SAFE_STATE  # the board's own driver is not in use
    plant.step(20)
    assert plant.sensor.head["tec_current_a"][0] == 1.5


def test_a_stand_alone_fan_takes_over() -> None:
    plant = build()
    plant.inputs["fan_source"], plant.inputs["instrument_fan_rpm"] = INSTRUMENT, 9000.0
    plant.step(10_000)
    assert plant.sensor.head["fan_rpm"][0] == pytest.approx(4000.0)


def test_an_ambient_that_is_not_a_number_does_not_poison_the_plant() -> None:
    plant = build()
    plant.inputs["ambient_c"] = np.nan
    plant.step(10)
    assert all(np.isfinite(value) for value in plant.temperatures_c().values())


def test_any_graph_of_nodes_can_be_the_plant() -> None:
    """With a film without capacity, and a lid that loses heat of its own."""
    capacities = {"die": 1.0, "film": 0.0, "lid": 5.0, "carrier": 40.0, "sink": 140.0}
    links = [("die", "film", 0.05), ("film", "carrier", 0.1), ("die", "lid", 2.0)]
    thermal = {
        "nodes": {name: {"capacity_j_per_k": value} for name, value in capacities.items()},
        "links": [{"between": (a, b), "resistance_k_per_w": r} for a, b, r in links]
        + [{"between": ("lid", "ambient"), "resistance_k_per_w": 50.0}],
    }
    plant = build(thermal=thermal)
    plant.inputs["compute_power_w"] = 20.0
    plant.step(2000)
    now = plant.temperatures_c()
    assert [*now] == [*capacities]
    flow_w = (now["die"] - now["film"]) / 0.05
    assert (now["film"] - now["carrier"]) / 0.1 == pytest.approx(flow_w, rel=1e-9)
    assert now["die"] > now["lid"] > 25.0
