"""The estimates of die and carrier, on nodes and sensors of their own."""

import math

import numpy as np
import pytest

from lumina.control.config import ControlConfig
from lumina.control.loop import ControlLoop
from lumina.control.thermal.nodes import estimate_nodes, heat_from_die_w
from lumina.theory.thermal_model import ThermalModel

DT_S = 1e-3
MODEL = ThermalModel(
    die_resistance_k_per_w=0.15, die_capacity_j_per_k=1.0, die_lag_s=0.2, meter_delay_s=0.0
)


class Die:
    """A die on a carrier that is held at 45 C, its lagging sensor, and the estimate."""

    def __init__(self, model: ThermalModel = MODEL) -> None:
        config = ControlConfig(thermal_model=model)
        loop = ControlLoop("npu", config, heaters=1, full_scale_v=10.0, heater_bits=16)
        self.model = loop.arrays.parameters[0]["model"]
        self.state = loop.arrays.state[0]
        self.true_c = self.sensor_c = self.state["carrier_c"] = self.state["sink_c"] = 45.0
        self.rng = np.random.default_rng(1)

    def run(self, seconds: float, *, true_w: float, metered_w: float, noise_k: float = 0.0) -> None:
        for _ in range(round(seconds / DT_S)):
            outflow_w = (self.true_c - 45.0) / 0.15
            self.true_c += DT_S * (true_w - outflow_w) / 1.0
            self.sensor_c += DT_S * (self.true_c - self.sensor_c) / 0.2
            self.state["die_c"] = self.sensor_c + noise_k * self.rng.normal()
            self.state["metered_w"] = metered_w
            estimate_nodes(self.model, self.state, DT_S)
            self.hold_carrier()

    def hold_carrier(self) -> None:
        """The carrier of this test does not move, whatever flows into it."""
        self.state["carrier"]["node_c"] = self.state["carrier"]["sensor_c"] = 45.0

    @property
    def error_k(self) -> float:
        return float(self.state["die_estimate_c"]) - self.true_c


def test_metered_heat_is_followed_before_the_sensor_shows_it() -> None:
    die = Die()
    die.run(2.0, true_w=0.0, metered_w=0.0)
    die.run(0.1, true_w=30.0, metered_w=30.0)
    assert die.true_c - die.sensor_c > 1.0
    assert abs(die.error_k) < 0.03


def test_what_came_while_the_meter_was_late_is_made_up_for() -> None:
    die = Die(MODEL.model_copy(update={"meter_delay_s": 0.010}))
    die.run(2.0, true_w=0.0, metered_w=0.0)
    die.run(0.010, true_w=30.0, metered_w=0.0)
    assert die.error_k < -0.25
    die.run(0.005, true_w=30.0, metered_w=30.0)
    assert abs(die.error_k) < 0.03


def test_heat_that_no_meter_shows_is_found() -> None:
    die = Die()
    die.run(5.0, true_w=30.0, metered_w=28.5)
    assert die.error_k == pytest.approx(0.0, abs=1e-3)
    assert float(die.state["die"]["unmetered_w"]) == pytest.approx(1.5, abs=0.01)


def test_sensor_noise_is_filtered() -> None:
    die = Die()
    die.run(2.0, true_w=5.0, metered_w=5.0)
    errors = []
    for _ in range(2000):
        die.run(DT_S, true_w=5.0, metered_w=5.0, noise_k=1e-3)
        errors.append(die.error_k)
    assert np.std(errors) < 0.5e-3


def test_without_readings_the_model_runs_on() -> None:
    die = Die()
    die.run(2.0, true_w=5.0, metered_w=5.0)
    for _ in range(1000):
        die.state["die_c"] = np.nan
        estimate_nodes(die.model, die.state, DT_S)
        die.hold_carrier()
    assert die.error_k == pytest.approx(0.0, abs=1e-3)


def test_the_heat_from_the_die_is_known_as_it_flows() -> None:
    die = Die()
    die.run(2.0, true_w=0.0, metered_w=0.0)
    die.run(0.15, true_w=30.0, metered_w=30.0)  # one time constant of the die
    assert heat_from_die_w(die.model, die.state) == pytest.approx(30 * (1 - math.exp(-1)), rel=0.02)
