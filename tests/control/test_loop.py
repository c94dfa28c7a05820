"""Mailbox and telemetry: what is commanded is applied in order, what is told is whole."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumina.control.config import ControlConfig, GuardConfig, PidConfig
from lumina.control.records import MAILBOX_SLOTS, TELEMETRY_SLOTS, RailState, TecMode
from lumina.errors import DeviceRangeError, DeviceStateError
from lumina.frames import LOCKED_OUT
from lumina.theory.thermal_model import ThermalModel
from tests.control.board import Board


def test_commands_are_applied_in_order_and_acknowledged() -> None:
    board = Board()
    first = board.loop.set_setpoint_c(30.0)
    second = board.loop.set_setpoint_c(40.0)
    assert (first, second, board.loop.acknowledged) == (1, 2, 0)
    board.tick()
    assert board.loop.acknowledged == 2
    assert board.loop.arrays.parameters["setpoint_c"][0] == 40.0


def test_a_loop_that_does_not_run_refuses_commands_instead_of_losing_them() -> None:
    board = Board()
    for _ in range(MAILBOX_SLOTS - 1):
        board.loop.rails_down()
    with pytest.raises(DeviceStateError, match="is it running"):
        board.loop.rails_down()
    board.tick()
    assert board.loop.rails_down() == MAILBOX_SLOTS


def test_a_command_finds_nothing_of_the_one_whose_place_it_takes() -> None:
    board = Board()
    for _ in range(MAILBOX_SLOTS):
        board.loop.start_dither(0.05, 3)
        board.tick()
    board.loop.stop_dither()
    board.tick()
    assert board.loop.arrays.dither.control["length"][0] == 0


def test_telemetry_comes_at_the_configured_rate() -> None:
    board = Board()
    board.tick(1000)
    rows, cursor, lost = board.loop.rows_since(0)
    assert (rows.size, cursor, lost) == (100, 100, 0)
    assert np.diff(rows["tick"]).tolist() == [10] * 99


def test_a_slow_reader_is_told_how_many_rows_it_lost() -> None:
    board = Board()
    board.tick(10 * (TELEMETRY_SLOTS + 50))
    rows, cursor, lost = board.loop.rows_since(0)
    assert lost + rows.size == cursor == TELEMETRY_SLOTS + 50
    assert np.diff(rows["tick"]).tolist() == [10] * (rows.size - 1)


def test_before_the_first_tick_there_is_no_telemetry() -> None:
    assert Board().loop.latest() is None


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_a_set_point_is_either_in_the_safe_band_or_refused(setpoint_c: float) -> None:
    loop = Board().loop
    if 0.0 <= setpoint_c <= 65.0:
        assert loop.set_setpoint_c(setpoint_c) == 1
    else:
        with pytest.raises(DeviceRangeError, match=r"0 \.\. 65 C"):
            loop.set_setpoint_c(setpoint_c)


def test_new_tec_gains_do_not_bump_the_current() -> None:
    board = Board()
    board.set_all_c(45.2)
    board.bring_up()
    board.tick(500)
    before = float(board.out["tec_current_a"])
    board.loop.set_tec_gains(PidConfig(kp=2.0, ki=1.0, kd=0.1))
    board.tick()
    assert float(board.out["tec_current_a"]) == pytest.approx(before, abs=0.01)


def test_a_frozen_tec_keeps_its_current_and_takes_over_smoothly() -> None:
    board = Board()
    board.set_all_c(44.0)
    board.bring_up()
    board.tick(1000)
    held = float(board.out["tec_current_a"])
    board.loop.set_tec_mode(TecMode.HOLD)
    board.set_all_c(44.3)
    board.tick(1000)
    assert float(board.out["tec_current_a"]) == pytest.approx(held)
    board.loop.set_tec_mode(TecMode.REGULATE)
    board.tick()
    assert float(board.out["tec_current_a"]) == pytest.approx(held, abs=0.1)


def test_a_commanded_current_is_driven_until_the_tec_regulates_again() -> None:
    board = Board()
    board.set_all_c(44.0)
    board.bring_up()
    board.loop.set_tec_current_a(-1.5)
    board.loop.set_fan_rpm(1200.0)
    board.tick(500)
    assert (float(board.out["tec_current_a"]), float(board.out["fan_rpm"])) == (-1.5, 1200.0)
    board.loop.set_tec_mode(TecMode.REGULATE)
    board.tick()
    assert float(board.out["tec_current_a"]) == pytest.approx(-1.5, abs=0.05)


def test_a_current_beyond_the_limit_is_refused() -> None:
    with pytest.raises(DeviceRangeError, match=r"-8 \.\. 8 A"):
        Board().loop.set_tec_current_a(8.5)
    with pytest.raises(DeviceRangeError, match=r"0 \.\. 4000 RPM"):
        Board().loop.set_fan_rpm(-1.0)


def test_an_identified_model_takes_over_without_a_bump() -> None:
    board = Board()
    board.set_all_c(44.9)
    board.bring_up()
    board.tick(1000)
    before_a, before_rpm = float(board.out["tec_current_a"]), float(board.out["fan_rpm"])
    model = ThermalModel(tec_seebeck_v_per_k=0.03, carrier_capacity_j_per_k=20.0)
    board.loop.set_thermal_model(
        model, PidConfig(kp=70.0, ki=50.0, kd=15.0), PidConfig(kp=100.0, ki=1.0)
    )
    board.tick()
    assert board.loop.thermal_model is model
    assert board.loop.arrays.parameters[0]["model"]["tec_seebeck_v_per_k"] == 0.03
    assert float(board.out["tec_current_a"]) == pytest.approx(before_a, abs=0.01)
    assert float(board.out["fan_rpm"]) == pytest.approx(before_rpm, abs=1.0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"guard": {"warning_c": 90.0}},
        {"setpoint_c": 70.0},
        {"tec": {"pid": {"kp": -1.0, "ki": 0.0}}},
        {"tec": {"pid": {"kp": float("nan"), "ki": 0.0}}},
        {"rails": [{"name": "a", "voltage_v": 5, "current_limit_a": 1, "over_voltage_v": 4}]},
        {"unknown": 1},
    ],
)
def test_a_config_that_cannot_be_safe_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        ControlConfig.model_validate(wrong)


def test_photonic_thresholds_are_a_choice() -> None:
    guard = GuardConfig(warning_c=70.0, critical_c=80.0, emergency_c=90.0)
    assert ControlConfig(guard=guard).guard.warning_c == 70.0


def test_the_tick_in_which_a_command_was_applied_is_known() -> None:
    board = Board()
    board.tick(5)
    board.loop.set_laser_scale(0.5)
    board.tick()
    applied = int(board.sensor.head["tick"][0])
    board.sensor.head["acted_tick"] = applied - 1
    board.tick(3)
    assert board.state["commanded_tick"] == applied
    assert board.state["acted_tick"] == applied - 1


def test_a_board_that_was_powered_down_is_not_powered_again_by_old_commands() -> None:
    board = Board()
    board.bring_up()
    board.tick(500)
    assert (board.loop.arrays.rails["state"] == RailState.ON).all()
    board.follows.remove("rail_voltage_v")
    board.sensor.head["flags"], board.sensor.head["rail_voltage_v"] = LOCKED_OUT, 0.0
    board.tick()
    head = board.actuator.head[0]
    assert not head["rail_set_v"].any()
    assert (head["flags"], head["laser_scale"], head["fan_rpm"]) == (0, 0.0, 0.0)
    assert board.state["lockouts"] == 1
    board.tick(10)
    board.sensor.head["flags"] = 0
    board.tick(10)
    assert (board.loop.arrays.rails["state"] == RailState.OFF).all()
    assert board.state["rail_faults"] == 0
    assert board.state["lockouts"] == 1


def test_a_board_that_is_locked_out_at_first_is_no_surprise() -> None:
    board = Board()
    board.sensor.head["flags"] = LOCKED_OUT
    board.tick(3)
    assert board.state["lockouts"] == 0


def test_a_told_inlet_temperature_counts_for_its_time_and_the_boards_own_after_it() -> None:
    board = Board()
    board.sensor.head["inlet_c"] = 22.0
    board.loop.set_inlet_c(28.0, 0.05)
    board.tick(2)
    state = board.loop.arrays.state[0]
    assert state["inlet_c"] == 28.0
    board.tick(49)
    assert state["inlet_c"] == 28.0
    board.tick()
    assert state["inlet_c"] == 22.0


@pytest.mark.parametrize(("inlet_c", "valid_s"), [(99.0, 1.0), (np.nan, 1.0), (25.0, -1.0)])
def test_an_inlet_temperature_that_cannot_be_is_refused(inlet_c: float, valid_s: float) -> None:
    with pytest.raises(DeviceRangeError):
        Board().loop.set_inlet_c(inlet_c, valid_s)
