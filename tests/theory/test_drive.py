import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumina.theory.drive import (
    drive_for_power_v,
    heater_power_w,
    self_heated,
    without_self_heating,
)


@given(st.floats(0, 100), st.floats(0, 10))
def test_self_heating_is_undone_by_its_inverse(square: float, feedback: float) -> None:
    heated = self_heated(square, feedback)
    assert without_self_heating(heated, feedback) == pytest.approx(square, rel=1e-12, abs=1e-300)


def test_power_solves_the_circuit_with_the_resistance_that_it_heats() -> None:
    drive_v, cold_ohm, feedback_per_w = 8.0, 800.0, 3.34
    power_w = heater_power_w(drive_v, cold_ohm, feedback_per_w)
    warm_ohm = cold_ohm * (1.0 + feedback_per_w * power_w)
    assert power_w == pytest.approx(drive_v**2 / warm_ohm, rel=1e-12)
    assert drive_for_power_v(power_w, cold_ohm, feedback_per_w) == pytest.approx(drive_v)


def test_without_feedback_the_law_is_ohms() -> None:
    assert heater_power_w(2.0, 100.0, 0.0) == pytest.approx(0.04)
    assert heater_power_w(2.0, 100.0, 1e-12) == pytest.approx(0.04)


def test_the_textbook_form_is_the_same_law() -> None:
    drive_v, r0, f = np.linspace(0.1, 10, 50), 800.0, 3.34
    textbook = (-1 + np.sqrt(1 + 4 * f * drive_v**2 / r0)) / (2 * f)
    power_w = heater_power_w(drive_v, np.full(50, r0), np.full(50, f))
    np.testing.assert_allclose(power_w, textbook, rtol=1e-12)
