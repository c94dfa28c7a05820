"""The guard outranks every other command, in every tier."""

import numpy as np
import pytest

from lumina.control.records import TecMode, Tier
from lumina.frames import SAFE_STATE
from tests.control.board import Board


@pytest.fixture
def board() -> Board:
    """At work, with a TEC that is on but carries nothing: the tests move the temperatures."""
    board = Board()
    board.bring_up()
    board.loop.set_tec_current_a(0.0)
    board.tick()
    return board


def heat_to(board: Board, celsius: float) -> None:
    """Warm or cool die and carrier at 3 K/s, and hold until the estimate agrees."""
    ticks = int(abs(celsius - board.state["die_c"]) * 333) + 1
    for now_c in np.linspace(board.state["die_c"], celsius, ticks):
        for thermistor in ("die_code", "carrier_a_code", "carrier_b_code"):
            board.set_c(thermistor, now_c)
        board.tick()
    board.tick(1000)


@pytest.mark.parametrize(
    ("celsius", "tier"),
    [(74.0, Tier.NORMAL), (76.0, Tier.WARNING), (86.0, Tier.CRITICAL), (96.0, Tier.EMERGENCY)],
)
def test_each_tier_starts_at_its_threshold(board: Board, celsius: float, tier: Tier) -> None:
    heat_to(board, celsius)
    assert Tier(board.state["tier"]) is tier


def test_laser_throttles_in_proportion_between_warning_and_critical(board: Board) -> None:
    heat_to(board, 80.0)
    assert board.out["laser_scale"] == pytest.approx(0.5, abs=0.02)
    assert board.out["compute_scale"] == pytest.approx(0.5, abs=0.02)
    heat_to(board, 85.5)
    assert board.out["laser_scale"] == 0.0


def test_a_tier_is_left_only_after_cooling_by_the_hysteresis(board: Board) -> None:
    heat_to(board, 76.0)
    heat_to(board, 74.0)
    assert Tier(board.state["tier"]) is Tier.WARNING
    heat_to(board, 72.5)
    assert Tier(board.state["tier"]) is Tier.NORMAL


def test_a_crossing_reaches_the_actuators_within_two_ticks(board: Board) -> None:
    board.set_c("die_code", 96.0)
    board.tick(2)
    assert board.out["flags"] == SAFE_STATE
    assert board.out["laser_scale"] == 0.0
    assert board.out["tec_current_a"] == 0.0
    assert board.out["fan_rpm"] == 4000.0
    assert not board.actuator.heater_code.any()


def test_emergency_takes_the_rails_down_in_reverse_order(board: Board) -> None:
    board.set_c("die_code", 96.0)
    order = []
    for _ in range(600):
        board.tick()
        for index, volts in enumerate(board.out["rail_set_v"][:2]):
            if volts == 0.0 and index not in order:
                order.append(index)
    assert order == [1, 0]


def test_emergency_is_latched_against_every_command_until_reset(board: Board) -> None:
    heat_to(board, 96.0)
    board.set_all_c(40.0)
    board.tick(3000)
    board.loop.rails_up()
    board.loop.set_laser_scale(1.0)
    board.loop.set_tec_mode(TecMode.REGULATE)
    board.loop.set_heater_voltages(np.full(4, 3.0))
    board.tick(500)
    assert board.out["flags"] == SAFE_STATE
    assert not board.out["rail_set_v"].any()
    assert not board.actuator.heater_code.any()
    board.loop.reset_guard()
    board.tick()
    assert Tier(board.state["tier"]) is Tier.NORMAL


def test_reset_is_refused_while_hot(board: Board) -> None:
    heat_to(board, 96.0)
    board.loop.reset_guard()
    board.tick(2)
    assert Tier(board.state["tier"]) is Tier.EMERGENCY


def test_the_lag_corrected_estimate_trips_before_the_lagging_sensor(board: Board) -> None:
    lag_s, reading_c, ticks = 0.2, 25.0, 0
    while board.state["tier"] != Tier.EMERGENCY:
        ticks += 1
        true_c = 60.0 + 0.03 * ticks  # 30 K/s: a runaway
        reading_c += (true_c - reading_c) * 1e-3 / lag_s
        board.set_c("die_code", reading_c)
        board.set_c("carrier_a_code", true_c)
        board.set_c("carrier_b_code", true_c)
        board.tick()
    assert reading_c < 94.0
    assert true_c < 99.0


@pytest.mark.parametrize(
    ("celsius", "tier"),
    [(69.0, Tier.NORMAL), (71.0, Tier.WARNING), (81.0, Tier.CRITICAL), (91.0, Tier.EMERGENCY)],
)
def test_the_sink_has_tiers_of_its_own(board: Board, celsius: float, tier: Tier) -> None:
    board.set_c("sink_code", celsius)
    board.tick(2)
    assert Tier(board.state["tier"]) is tier


def test_a_warm_sink_throttles_laser_and_compute_too(board: Board) -> None:
    board.set_c("sink_code", 75.0)
    board.tick(2)
    assert board.out["laser_scale"] == pytest.approx(0.5, abs=0.01)
    assert board.out["compute_scale"] == pytest.approx(0.5, abs=0.01)


def test_events_are_counted_once_per_crossing(board: Board) -> None:
    heat_to(board, 76.0)
    heat_to(board, 70.0)
    heat_to(board, 76.0)
    counters = board.loop.counters()
    assert (counters["warnings"], counters["throttlings"], counters["emergencies"]) == (2, 2, 0)
    assert counters["throttled_ticks"] > 1000
