"""Gains that cannot work on the believed plant are refused before they are tried."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumina.control.config import ControlConfig, PidConfig
from lumina.control.thermal.stability import why_unstable
from lumina.errors import DeviceRangeError
from lumina.theory.thermal_model import ThermalModel
from tests.control.board import Board

MODEL, CONTROL = ThermalModel(), ControlConfig()
WILD = PidConfig(kp=CONTROL.tec.pid.kp * 1000, ki=0.0)
RESTLESS = PidConfig(kp=CONTROL.tec.pid.kp, ki=CONTROL.tec.pid.ki * 100)


def test_the_defaults_are_stable() -> None:
    assert why_unstable(MODEL, CONTROL.tec.pid, CONTROL.fan.pid) == ""


@pytest.mark.parametrize("pid", [WILD, RESTLESS])
def test_too_much_gain_or_too_much_integral_is_unstable(pid: PidConfig) -> None:
    assert "TEC's gains are unstable" in why_unstable(MODEL, pid, CONTROL.fan.pid)
    reluctant = PidConfig(kp=1e6, ki=0.0)
    assert "fan's gains are unstable" in why_unstable(MODEL, CONTROL.tec.pid, reluctant)


def test_the_border_is_where_the_lag_and_the_delay_put_it() -> None:
    # Proportional gain on an integrator with a lag of 0.21 s, 2 ms of delay and two holds:
    # 90 degrees are spent where atan(w lag) + w delay = 90 degrees.
    omega = np.linspace(1.0, 200.0, 200_000)
    spent = np.arctan(omega * MODEL.carrier_lag_s) + omega * 3e-3
    at = float(omega[np.argmin(np.abs(spent - np.pi / 2))])
    border = MODEL.carrier_capacity_j_per_k * at * np.hypot(1.0, at * MODEL.carrier_lag_s)
    for share, stable in ((0.9, True), (1.1, False)):
        pid = PidConfig(kp=share * border, ki=0.0)
        assert (why_unstable(MODEL, pid, CONTROL.fan.pid) == "") is stable


def test_a_loop_refuses_gains_and_models_that_do_not_go_together() -> None:
    loop = Board().loop
    with pytest.raises(DeviceRangeError, match="npu: the TEC's gains are unstable"):
        loop.set_tec_gains(WILD)
    light = MODEL.model_copy(update={"carrier_capacity_j_per_k": 0.05})
    with pytest.raises(DeviceRangeError, match="unstable on the plant of thermal_model"):
        loop.set_thermal_model(light, CONTROL.tec.pid, CONTROL.fan.pid)
    assert loop.thermal_model == loop.config.thermal_model
    assert int(loop.arrays.mailbox.posted[0]) == 0


@given(st.floats(1e-12, 1e5), st.floats(0.0, 60.0), st.floats(1e-6, 1e6), st.floats(0.0, 1e6))
def test_any_numbers_get_a_verdict(capacity: float, lag_s: float, kp: float, ki: float) -> None:
    model = MODEL.model_copy(update={"carrier_capacity_j_per_k": capacity, "carrier_lag_s": lag_s})
    assert isinstance(why_unstable(model, PidConfig(kp=kp, ki=ki), CONTROL.fan.pid), str)
