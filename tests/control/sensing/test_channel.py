"""One thermometer: its law, and what its readings tell of its health."""

import math

import numpy as np
import pytest

from lumina.control.arrays import channels_of
from lumina.control.config import ControlConfig
from lumina.control.pace import TICK_S
from lumina.control.sensing.channel import read_channel
from lumina.control.sensing.records import Trouble
from lumina.frames import OPEN_CODE
from lumina.theory.rtd import rtd_ohm
from lumina.theory.thermistor import ThermistorLaw, code_from_resistance, thermistor_ohm

RNG = np.random.default_rng(1)
COMMON_10K = {"a": 1.129148e-3, "b": 2.34125e-4, "c": 8.76741e-8}


def channel(**sensor: object) -> np.void:
    config = ControlConfig.model_validate({"sensors": {"die": sensor}})
    record: np.void = channels_of(config)[2]
    return record


def code(celsius: float) -> int:
    law = ThermistorLaw.from_beta(10e3, 3435.0)
    return code_from_resistance(thermistor_ohm(law, celsius), 10e3)


def feed(sensor: np.void, readings_c: list[float]) -> None:
    for reading_c in readings_c:
        read_channel(sensor, code(reading_c), TICK_S)


def trembling(ticks: int, noise_k: float = 1e-3) -> list[float]:
    return [45.0 + noise_k * float(RNG.normal()) for _ in range(ticks)]


def test_a_thermistor_by_steinhart_hart() -> None:
    sensor = channel(steinhart_hart=COMMON_10K)
    ohm = thermistor_ohm(ThermistorLaw(**COMMON_10K), 60.0)
    read_channel(sensor, code_from_resistance(ohm, 10e3), TICK_S)
    assert sensor["reading_c"] == pytest.approx(60.0, abs=1e-4)


@pytest.mark.parametrize("nominal_ohm", [100.0, 1000.0])
def test_a_platinum_thermometer(nominal_ohm: float) -> None:
    sensor = channel(rtd={"resistance_0c_ohm": nominal_ohm}, reference_ohm=2e3)
    read_channel(sensor, code_from_resistance(rtd_ohm(nominal_ohm, 45.0), 2e3), TICK_S)
    assert sensor["reading_c"] == pytest.approx(45.0, abs=2e-3)


def test_two_laws_for_one_sensor_are_refused() -> None:
    with pytest.raises(ValueError, match="not both"):
        channel(steinhart_hart=COMMON_10K, rtd={})


@pytest.mark.parametrize("wrong", [0, OPEN_CODE])
def test_an_open_or_shorted_sensor_reads_nothing(wrong: int) -> None:
    sensor = channel()
    read_channel(sensor, wrong, TICK_S)
    assert math.isnan(sensor["reading_c"])
    assert sensor["trouble"] == Trouble.UNREADABLE


def test_a_stuck_sensor_is_noticed_within_a_tenth_of_a_second_and_its_recovery_at_once() -> None:
    sensor = channel()
    feed(sensor, trembling(2000))
    assert sensor["trouble"] == Trouble.NONE
    feed(sensor, [45.0] * 100)
    assert sensor["trouble"] == Trouble.STUCK
    feed(sensor, trembling(3))
    assert sensor["trouble"] == Trouble.NONE


def test_a_sensor_that_hardly_trembles_is_given_more_time() -> None:
    """Noise of a tenth of the last bit: the code turns once in a while."""
    sensor = channel()
    last_bit_k = 45.0 - code_step_c()
    feed(sensor, trembling(20_000, 0.1 * last_bit_k))
    assert sensor["trouble"] == Trouble.NONE


def code_step_c() -> float:
    """Temperature one code away from 45 C."""
    sensor = channel()
    read_channel(sensor, code(45.0) + 1, TICK_S)
    return float(sensor["raw_c"])


def test_a_ramp_or_a_jump_is_no_noise() -> None:
    sensor = channel()
    feed(sensor, [25.0 + 0.01 * k for k in range(2000)])
    feed(sensor, [90.0] * 10)
    assert sensor["trouble"] == Trouble.NONE


def test_a_noisy_sensor_is_not_believed() -> None:
    sensor = channel()
    feed(sensor, trembling(2000))
    feed(sensor, trembling(300, 0.5))
    assert sensor["trouble"] == Trouble.NOISY
    assert math.isnan(sensor["reading_c"])
    assert not math.isnan(sensor["raw_c"])
