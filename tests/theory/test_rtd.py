"""Platinum resistance thermometers against the tables of IEC 60751."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumina.theory.rtd import rtd_c, rtd_ohm


@pytest.mark.parametrize(
    ("temperature_c", "pt100_ohm"),
    [(-200, 18.520), (-100, 60.256), (0, 100.0), (25, 109.735), (100, 138.506), (850, 390.481)],
)
def test_a_pt100_has_the_resistance_of_the_standard(temperature_c: float, pt100_ohm: float) -> None:
    assert rtd_ohm(100.0, temperature_c) == pytest.approx(pt100_ohm, abs=0.001)


@given(st.floats(-200, 850), st.sampled_from([100.0, 1000.0]))
def test_the_temperature_comes_back_from_the_resistance(
    temperature_c: float, nominal_ohm: float
) -> None:
    resistance_ohm = rtd_ohm(nominal_ohm, temperature_c)
    assert rtd_c(nominal_ohm, resistance_ohm) == pytest.approx(temperature_c, abs=1e-3)


def test_a_resistance_that_no_rtd_has_is_no_temperature() -> None:
    assert math.isnan(rtd_c(100.0, 1e4))
