"""The PID law, on an integrating plant with one lag, as the carrier is."""

import numpy as np
import pytest
from numpy.typing import NDArray

from lumina.control.thermal.pid import pid_follow, pid_step
from lumina.control.thermal.records import PID_GAINS, PID_STATE

DT_S = 1e-3


def gains(kp: float = 8.5, ki: float = 7.0, kd: float = 1.7, weight: float = 0.6) -> np.void:
    record: np.void = np.array([(kp, ki, kd, 0.05, weight, 0.5)], PID_GAINS)[0]
    return record


def state() -> np.void:
    record: np.void = np.zeros(1, PID_STATE)[0]
    return record


def run(
    pid: np.void, setpoint_c: float, ticks: int, *, limit_a: float = 8.0, start_c: float = 25.0
) -> NDArray[np.float64]:
    """Temperature of a carrier of 41 J/K that 16 W/A cool, against time."""
    memory, carrier_c, sensor_c = state(), start_c, start_c
    trace = np.empty(ticks)
    for k in range(ticks):
        current_a = pid_step(pid, memory, setpoint_c, sensor_c, 0.0, -limit_a, limit_a, DT_S)
        carrier_c += DT_S * (-16.0 * current_a + 5.0) / 41.0
        sensor_c += DT_S * (carrier_c - sensor_c) / 0.2
        trace[k] = carrier_c
    return trace


def test_reaches_the_set_point_without_offset() -> None:
    trace = run(gains(), 30.0, 30_000)
    assert trace[-1] == pytest.approx(30.0, abs=1e-3)


def test_anti_windup_keeps_a_saturated_step_from_overshooting() -> None:
    overshoot_k = run(gains(), 65.0, 60_000).max() - 65.0
    wound_up = gains()
    wound_up["tracking_s"] = 1e9
    assert overshoot_k < 1.0
    assert run(wound_up, 65.0, 60_000).max() - 65.0 > 3 * overshoot_k


def test_output_never_leaves_its_limits() -> None:
    memory = state()
    outputs = [
        pid_step(gains(), memory, 0.0, measured, 0.0, -2.0, 3.0, DT_S)
        for measured in (1e6, -1e6, 1e6, 0.0)
    ]
    assert max(outputs) <= 3.0
    assert min(outputs) >= -2.0


def test_a_set_point_step_does_not_kick_the_derivative() -> None:
    memory, pid = state(), gains(weight=0.0)
    for _ in range(100):
        before = pid_step(pid, memory, 25.0, 25.0, 0.0, -8.0, 8.0, DT_S)
    after = pid_step(pid, memory, 35.0, 25.0, 0.0, -8.0, 8.0, DT_S)
    assert abs(after - before) < 0.1


def test_new_gains_take_over_without_a_bump() -> None:
    memory, pid = state(), gains()
    for k in range(500):
        before = pid_step(pid, memory, 25.0, 25.2 + 1e-5 * k, 0.0, -8.0, 8.0, DT_S)
    pid["kp"], pid["kd"], pid["setpoint_weight"] = 3.0, 0.4, 1.0
    pid_follow(pid, memory, 25.0, 25.205, 0.0, before, 0.0)
    after = pid_step(pid, memory, 25.0, 25.205, 0.0, -8.0, 8.0, DT_S)
    assert after == pytest.approx(before, abs=0.02)


def test_taking_over_from_a_held_output_is_bumpless() -> None:
    memory, pid = state(), gains()
    pid_follow(pid, memory, 30.0, 30.4, 0.5, 1.25, DT_S)
    assert pid_step(pid, memory, 30.0, 30.4, 0.5, -8.0, 8.0, DT_S) == pytest.approx(1.25, abs=1e-9)


def test_what_is_known_beforehand_acts_at_once_and_does_not_wind_the_integral() -> None:
    memory, pid = state(), gains()
    pid_follow(pid, memory, 25.0, 25.0, 0.0, 1.0, DT_S)
    assert pid_step(pid, memory, 25.0, 25.0, 2.5, -8.0, 8.0, DT_S) == pytest.approx(3.5)
    assert pid_step(pid, memory, 25.0, 25.0, 0.0, -8.0, 8.0, DT_S) == pytest.approx(1.0)
