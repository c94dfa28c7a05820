import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumina.theory.peltier import (
    PeltierParameters,
    coupled_optimum_a,
    current_for_heat,
    current_for_heat_on_sink,
    optimum_current_a,
    peltier_flows,
    settled_hot_side_c,
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


STILL, BLOWN = 1.04, 0.15
"""The reference plant's sink, K/W, in still air and at full fan speed."""


def test_with_the_fan_stalled_full_current_boils_the_sink() -> None:
    """30 W and 8 A: 147 C while the carrier, 4.5 K below the die, sits at 60 C."""
    assert settled_hot_side_c(REFERENCE, 8.0, 60.5, 25.0, STILL) == pytest.approx(147.0, abs=1.5)


def test_the_optimum_current_falls_with_the_sink_s_air() -> None:
    assert coupled_optimum_a(REFERENCE, 45.0, 25.0, 1e-6) == pytest.approx(19.9, abs=0.1)
    assert coupled_optimum_a(REFERENCE, 45.0, 25.0, STILL) == pytest.approx(4.8, abs=0.1)


@given(st.floats(0.05, 2.0), st.floats(0, 80), st.floats(-10, 50))
def test_no_current_absorbs_more_on_a_sink_than_the_coupled_optimum(
    air_k_per_w: float, cold_c: float, air_c: float
) -> None:
    def absorbed_w(current_a: float) -> float:
        hot_c = settled_hot_side_c(REFERENCE, current_a, cold_c, air_c, air_k_per_w)
        return peltier_flows(REFERENCE, current_a, cold_c, hot_c)[0]

    best_a = coupled_optimum_a(REFERENCE, cold_c, air_c, air_k_per_w)
    for share in (0.5, 0.9, 1.1, 1.5):
        assert absorbed_w(share * best_a) <= absorbed_w(best_a) + 1e-6


@given(st.floats(0.05, 2.0), st.floats(0.05, 0.95))
def test_the_current_for_a_heat_on_a_sink_absorbs_it(air_k_per_w: float, share: float) -> None:
    best_a = coupled_optimum_a(REFERENCE, 45.0, 25.0, air_k_per_w)
    hot_c = settled_hot_side_c(REFERENCE, share * best_a, 45.0, 25.0, air_k_per_w)
    heat_w = peltier_flows(REFERENCE, share * best_a, 45.0, hot_c)[0]
    found_a = current_for_heat_on_sink(REFERENCE, heat_w, 45.0, 25.0, air_k_per_w, -8.0, best_a)
    assert found_a == pytest.approx(share * best_a, abs=1e-3)


def test_a_warmer_module_pumps_by_its_temperature_coefficients() -> None:
    """Bismuth telluride: S grows 0.16 %/K and R 0.49 %/K, so at 50 C both matter."""
    warm = PeltierParameters(0.05, 0.8, 0.9, 1.6e-3, 4.9e-3, -1.8e-3)
    absorbed_w, _, voltage_v = peltier_flows(warm, 5.0, 50.0, 50.0)
    seebeck, resistance = 0.05 * 1.04, 0.8 * 1.1225
    assert absorbed_w == pytest.approx(seebeck * 5 * 323.15 - 12.5 * resistance)
    assert voltage_v == pytest.approx(5 * resistance)
