"""The believed plant's equations against heat balances that hold whatever the numbers."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lumina.theory.thermal_model import ThermalModel
from lumina.theory.thermal_rates import air_conductance_w_per_k, thermal_rates

MODEL = ThermalModel()


def record(model: ThermalModel) -> Any:
    names = [(name, "f8") for name in ThermalModel.model_fields]
    return np.array([tuple(model.model_dump().values())], names)[0]


@settings(deadline=None)  # the first example compiles
@given(
    *(st.floats(-10.0, 90.0) for _ in range(4)),
    st.floats(-8.0, 8.0),
    st.floats(0.0, 30.0),
    st.floats(0.0, 4000.0),
)
def test_all_heat_and_work_that_comes_in_is_stored_or_leaves_by_the_air(
    die_c: float, carrier_c: float, sink_c: float, air_c: float, current_a: float, heat_w: float,
    fan_rpm: float,
) -> None:  # fmt: skip
    model = record(MODEL)
    to_air = air_conductance_w_per_k(model, fan_rpm)
    rates = thermal_rates(model, die_c, carrier_c, sink_c, current_a, to_air, heat_w, air_c)
    capacities = (
        MODEL.die_capacity_j_per_k,
        MODEL.carrier_capacity_j_per_k,
        MODEL.sink_capacity_j_per_k,
    )
    stored_w = sum(c * r for c, r in zip(capacities, rates, strict=True))
    voltage_v = MODEL.tec_seebeck_v_per_k * (sink_c - carrier_c)
    voltage_v += MODEL.tec_resistance_ohm * current_a
    expected_w = heat_w + voltage_v * current_a - to_air * (sink_c - air_c)
    assert stored_w == pytest.approx(expected_w, abs=1e-6)


def test_the_fan_takes_the_sink_from_still_air_to_full_speed() -> None:
    model = record(MODEL)
    assert air_conductance_w_per_k(model, 0.0) == pytest.approx(1 / MODEL.still_air_k_per_w)
    full = air_conductance_w_per_k(model, MODEL.full_speed_rpm)
    assert full == pytest.approx(1 / MODEL.full_speed_k_per_w)
    half = air_conductance_w_per_k(model, MODEL.full_speed_rpm / 2)
    share = (half - 1 / MODEL.still_air_k_per_w) / (full - 1 / MODEL.still_air_k_per_w)
    assert share == pytest.approx(0.5**MODEL.fan_exponent)


def test_nothing_moves_where_all_is_at_the_temperature_of_the_air() -> None:
    rates = thermal_rates(record(MODEL), 25.0, 25.0, 25.0, 0.0, 1.0, 0.0, 25.0)
    assert rates == (0.0, 0.0, 0.0)
