"""What the guard finds beside heat, and what it then does: the story of each fault."""

import numpy as np
import pytest

from lumina.control.config import ControlConfig
from lumina.control.guard.reasons import REACTIONS, Reason, Tier, reasons_in
from lumina.frames import HELD_SAFE, OPEN_CODE, SAFE_STATE
from tests.control.board import RAILS, Board


@pytest.fixture
def board() -> Board:
    """At work at 25 C, with a TEC that is on but carries nothing: nothing moves by itself."""
    board = Board()
    board.bring_up()
    board.loop.set_tec_current_a(0.0)
    board.tick(100)
    assert board.state["tier"] == Tier.NORMAL
    return board


def reasons(board: Board) -> list[Reason]:
    return reasons_in(int(board.state["guard"]["active"]))


def tremble(board: Board, ticks: int, **still: float) -> None:
    """Run with the noise that sound sensors have, except where a reading stands still."""
    rng = np.random.default_rng(1)
    for _ in range(ticks):
        for name in ("carrier_a_code", "carrier_b_code", "die_code", "sink_code"):
            board.set_c(name, still.get(name, 25.0 + 1e-3 * rng.normal()))
        board.tick()


def test_every_reason_has_its_reaction() -> None:
    assert set(REACTIONS) == set(Reason)


def test_a_die_sensor_lost_for_five_ticks_is_an_emergency(board: Board) -> None:
    board.sensor.head["die_code"] = OPEN_CODE
    board.tick(4)
    assert board.state["tier"] == Tier.NORMAL
    board.tick(1)
    assert board.state["tier"] == Tier.EMERGENCY
    assert reasons(board) == [Reason.DIE_SENSOR_LOST]


def test_a_die_sensor_that_stops_trembling_is_stuck(board: Board) -> None:
    tremble(board, 1000)
    assert board.state["tier"] == Tier.NORMAL
    tremble(board, 60, die_code=25.0)
    assert Reason.DIE_SENSOR_LOST in reasons(board)


def test_sensors_without_noise_are_not_taken_for_stuck(board: Board) -> None:
    board.tick(5000)
    assert board.state["tier"] == Tier.NORMAL


def test_a_noisy_die_sensor_is_not_believed(board: Board) -> None:
    rng = np.random.default_rng(1)
    for _ in range(300):
        board.set_c("die_code", 25.0 + 0.5 * rng.normal())
        board.tick()
    assert Reason.DIE_SENSOR_LOST in reasons(board)
    assert board.state["tier"] == Tier.EMERGENCY


def test_a_die_sensor_that_shows_less_than_the_load_must_make_is_an_emergency(
    board: Board,
) -> None:
    board.sensor.head["compute_power_w"] = 40.0
    board.tick(2000)
    assert Reason.DIE_SENSOR_COLD in reasons(board)
    assert board.state["tier"] == Tier.EMERGENCY


def test_heat_that_no_meter_shows_is_a_warning(board: Board) -> None:
    board.set_c("die_code", 30.0)
    board.tick(2000)
    assert reasons(board) == [Reason.DIE_HEAT_UNKNOWN]
    assert board.state["tier"] == Tier.WARNING
    assert board.out["laser_scale"] == 1.0


def test_one_lost_carrier_sensor_is_replaced_by_the_other(board: Board) -> None:
    board.sensor.head["carrier_a_code"] = OPEN_CODE
    board.tick(10)
    assert board.state["carrier_c"] == pytest.approx(25.0, abs=1e-3)
    assert reasons(board) == [Reason.CARRIER_SENSOR_DOUBTED]
    assert board.state["tier"] == Tier.WARNING


def test_without_any_carrier_sensor_the_tec_gets_no_current(board: Board) -> None:
    board.sensor.head["carrier_a_code"] = 0
    board.sensor.head["carrier_b_code"] = OPEN_CODE
    board.tick(1)
    assert board.out["tec_current_a"] == 0.0
    board.tick(5)
    assert Reason.CARRIER_SENSORS_LOST in reasons(board)
    assert board.out["flags"] == SAFE_STATE


def test_a_lost_sink_sensor_gives_full_fan_and_a_warning(board: Board) -> None:
    board.sensor.head["sink_code"] = OPEN_CODE
    board.tick(6)
    assert board.out["fan_rpm"] == 4000.0
    assert reasons(board) == [Reason.SINK_SENSOR_LOST]


def test_the_same_sample_again_and_again_is_an_emergency(board: Board) -> None:
    for _ in range(6):
        board.sensor.head["time_ns"] -= 1_000_000
        board.tick()
    assert Reason.FRAME_STALE in reasons(board)
    assert board.out["flags"] == SAFE_STATE


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tec_current_a", float("nan")),
        ("fan_rpm", -5.0),
        ("compute_power_w", float("inf")),
        ("inlet_c", 400.0),
        ("tec_voltage_v", float("nan")),
    ],
)
def test_impossible_numbers_are_not_acted_on_and_end_in_an_emergency(
    board: Board, field: str, value: float
) -> None:
    board.follows -= {field}
    for _ in range(25):
        board.follow_commands()
        board.sensor.head[field] = value
        board.sensor.head["tick"] += 1
        board.sensor.head["time_ns"] += 1_000_000
        board.step()
    assert Reason.FRAME_WRONG in reasons(board)
    assert np.isfinite(float(board.out["tec_current_a"]))


def test_more_current_than_the_limit_is_an_emergency_in_three_ticks(board: Board) -> None:
    board.follows.remove("tec_current_a")
    board.sensor.head["tec_current_a"] = 9.0
    board.tick(3)
    assert Reason.TEC_OVER_CURRENT in reasons(board)
    assert board.state["tier"] == Tier.EMERGENCY


def test_a_tec_that_carries_nothing_makes_the_guard_refuse_work(board: Board) -> None:
    board.loop.set_tec_current_a(2.0)
    board.follows.remove("tec_current_a")
    board.tick(60)
    assert reasons(board) == [Reason.TEC_NOT_FOLLOWING]
    assert board.state["tier"] == Tier.CRITICAL
    assert board.out["compute_scale"] == 0.0


def test_a_tec_without_the_voltage_that_its_current_needs_makes_the_guard_refuse_work(
    board: Board,
) -> None:
    board.loop.set_tec_current_a(4.0)
    board.tick(60)
    assert board.state["tier"] == Tier.NORMAL
    board.shorted = True
    board.tick(60)
    assert reasons(board) == [Reason.TEC_VOLTAGE]
    assert board.state["tier"] == Tier.CRITICAL


def test_a_board_that_holds_itself_safe_is_not_told_off_for_it(board: Board) -> None:
    board.loop.set_tec_current_a(2.0)
    board.follows.remove("tec_current_a")
    board.sensor.head["flags"] = HELD_SAFE
    board.tick(60)
    assert board.state["tier"] == Tier.NORMAL


def test_work_goes_on_a_second_after_the_trouble_has_gone(board: Board) -> None:
    board.loop.set_tec_current_a(2.0)
    board.follows.remove("tec_current_a")
    board.tick(60)
    board.follows.add("tec_current_a")
    board.tick(900)
    assert board.state["tier"] == Tier.CRITICAL
    board.tick(200)
    assert board.state["tier"] == Tier.NORMAL


def test_a_fan_that_stands_is_a_warning(board: Board) -> None:
    board.loop.set_fan_rpm(2000.0)
    board.follows.remove("fan_rpm")
    board.sensor.head["fan_rpm"] = 0.0
    board.tick(2000)
    assert reasons(board) == [Reason.FAN_STALLED]
    assert board.state["tier"] == Tier.WARNING


def test_a_host_that_falls_silent_is_an_emergency_but_only_once_it_was_heard() -> None:
    config = ControlConfig.model_validate({"guard": {"heartbeat_s": 0.5}, "rails": RAILS})
    board = Board(config=config)
    board.bring_up()
    board.loop.set_tec_current_a(0.0)
    board.tick(1000)
    assert board.state["tier"] == Tier.NORMAL
    for _ in range(10):
        board.loop.beat()
        board.tick(100)
    board.tick(380)
    assert board.state["tier"] == Tier.NORMAL
    board.tick(30)
    assert reasons(board) == [Reason.HOST_SILENT]
    assert board.out["flags"] == SAFE_STATE


def test_a_latched_emergency_remembers_its_cause_until_it_is_reset(board: Board) -> None:
    board.sensor.head["die_code"] = OPEN_CODE
    board.tick(10)
    board.loop.reset_guard()
    board.tick(5)
    assert board.state["tier"] == Tier.EMERGENCY
    board.set_c("die_code", 25.0)
    board.tick(5)
    assert reasons_in(int(board.state["guard"]["cause"])) == [Reason.DIE_SENSOR_LOST]
    board.loop.reset_guard()
    board.tick()
    assert board.state["tier"] == Tier.NORMAL
    assert board.state["guard"]["cause"] == 0
