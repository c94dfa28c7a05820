import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumina.theory.peltier import (
    PeltierParameters,
    current_for_heat,
    optimum_current_a,
    peltier_flows,
)

LAIRD = PeltierParameters.from_datasheet(current_max_a=15.4, voltage_max_v=15.8, delta_max_k=68.0)
REFERENCE = PeltierParameters(0.05, 0.8, 0.9)


def test_a_data_sheet_row_gives_the_module() -> None:
    """Laird PC-128-14-06: S 53.0 mV/K, R 0.792 ohm, K 1.381 W/K."""
    assert LAIRD.seebeck_v_per_k == pytest.approx(53.0e-3, abs=0.05e-3)
    assert LAIRD.resistance_ohm == pytest.approx(0.792, abs=0.0005)
    assert LAIRD.conductance_w_per_k == pytest.approx(1.381, abs=0.0005)


def test_the_module_meets_the_maxima_it_was_made_from() -> None:
    most_w, _, _ = peltier_flows(LAIRD, 15.4, 25.0, 25.0)
    assert most_w == pytest.approx(149.4, abs=0.05)
    none_w, _, voltage_v = peltier_flows(LAIRD, 15.4, 25.0 - 68.0, 25.0)
    assert none_w == pytest.approx(0.0, abs=1e-9)
    assert voltage_v == pytest.approx(15.8, abs=1e-9)


currents = st.floats(-20, 20)
temperatures = st.floats(-40, 150)
tempcos = st.floats(-0.003, 0.005)


@given(currents, temperatures, temperatures, tempcos, tempcos, tempcos)
def test_electrical_power_is_the_difference_of_the_heats(
    current_a: float, cold_c: float, hot_c: float, s: float, r: float, k: float
) -> None:
    tec = PeltierParameters(0.05, 0.8, 0.9, s, r, k)
    absorbed_w, released_w, voltage_v = peltier_flows(tec, current_a, cold_c, hot_c)
    assert released_w - absorbed_w == pytest.approx(voltage_v * current_a, abs=1e-10)


def test_positive_current_cools_and_negative_current_heats() -> None:
    assert peltier_flows(REFERENCE, 1.0, 25.0, 25.0)[0] > 0.0
    assert peltier_flows(REFERENCE, -1.0, 25.0, 25.0)[0] < 0.0


def test_beyond_the_optimum_current_more_current_cools_less() -> None:
    optimum_a = optimum_current_a(REFERENCE, 45.0, 45.0)
    assert optimum_a == 0.05 * (273.15 + 45.0) / 0.8
    assert optimum_a == pytest.approx(19.9, abs=0.1)
    at_optimum, _, _ = peltier_flows(REFERENCE, optimum_a, 45.0, 45.0)
    for away_a in (-2.0, 2.0):
        assert peltier_flows(REFERENCE, optimum_a + away_a, 45.0, 45.0)[0] < at_optimum


@given(st.floats(-8, 8), temperatures, temperatures)
def test_the_current_for_a_heat_absorbs_it(current_a: float, cold_c: float, hot_c: float) -> None:
    tec = PeltierParameters(0.05, 0.8, 0.9, 1.6e-3, 4.9e-3, -1.8e-3)
    if current_a >= optimum_current_a(tec, cold_c, hot_c):
        return
    absorbed_w = peltier_flows(tec, current_a, cold_c, hot_c)[0]
    assert current_for_heat(tec, absorbed_w, cold_c, hot_c) == pytest.approx(current_a, abs=1e-6)


def test_a_heat_that_no_current_absorbs_gets_the_optimum() -> None:
    most_a = optimum_current_a(REFERENCE, 45.0, 45.0)
    assert current_for_heat(REFERENCE, 500.0, 45.0, 45.0) == pytest.approx(most_a)


def test_a_warmer_module_pumps_by_its_temperature_coefficients() -> None:
    """Bismuth telluride: S grows 0.16 %/K and R 0.49 %/K, so at 50 C both matter."""
    warm = PeltierParameters(0.05, 0.8, 0.9, 1.6e-3, 4.9e-3, -1.8e-3)
    absorbed_w, _, voltage_v = peltier_flows(warm, 5.0, 50.0, 50.0)
    seebeck, resistance = 0.05 * 1.04, 0.8 * 1.1225
    assert absorbed_w == pytest.approx(seebeck * 5 * 323.15 - 12.5 * resistance)
    assert voltage_v == pytest.approx(5 * resistance)
