import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumina.frames import OPEN_CODE, THERMISTOR_FULL_SCALE
from lumina.theory.thermistor import (
    ThermistorLaw,
    code_from_resistance,
    code_from_temperature,
    temperature_from_code,
    thermistor_ohm,
)

PART = (10e3, 3435.0, 10e3)


def test_at_25_c_an_equal_divider_stands_in_the_middle() -> None:
    code = code_from_temperature(25.0, *PART)
    assert code == pytest.approx(THERMISTOR_FULL_SCALE / 2, abs=1)


@given(st.floats(-30, 140))
def test_a_temperature_survives_the_way_through_the_converter(temperature_c: float) -> None:
    code = code_from_temperature(temperature_c, *PART)
    # 24 bits are worth less than 0.1 mK up to 140 C.
    assert temperature_from_code(code, *PART) == pytest.approx(temperature_c, abs=1e-4)


@pytest.mark.parametrize("code", [0, OPEN_CODE])
def test_an_open_or_shorted_thermistor_is_no_temperature(code: int) -> None:
    assert math.isnan(temperature_from_code(code, *PART))


def test_the_beta_law_is_steinhart_hart_without_its_cubic() -> None:
    law = ThermistorLaw.from_beta(10e3, 3435.0)
    for temperature_c in (-20.0, 25.0, 45.0, 100.0):
        direct = 10e3 * math.exp(3435.0 * (1 / (temperature_c + 273.15) - 1 / 298.15))
        assert thermistor_ohm(law, temperature_c) == pytest.approx(direct, rel=1e-12)


def test_steinhart_hart_inverts_its_cubic() -> None:
    law = ThermistorLaw(1.129148e-3, 2.34125e-4, 8.76741e-8)  # a common 10 k part
    for temperature_c in (-20.0, 25.0, 60.0, 120.0):
        log_ohm = math.log(thermistor_ohm(law, temperature_c))
        inverse_k = law.a + law.b * log_ohm + law.c * log_ohm**3
        assert 1.0 / inverse_k - 273.15 == pytest.approx(temperature_c, abs=1e-9)
    assert thermistor_ohm(law, 25.0) == pytest.approx(10e3, rel=2e-3)


def test_codes_grow_with_resistance_from_short_to_open() -> None:
    assert code_from_resistance(0.0, 10e3) == 0
    assert code_from_resistance(1e15, 10e3) == OPEN_CODE
    assert code_from_temperature(0.0, *PART) > code_from_temperature(50.0, *PART)
