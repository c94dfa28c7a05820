"""A relay keeps a temperature in its band with two currents, or two speeds, and the guard above."""

import math

import numpy as np
import pytest

from lumina.control.records import FanMode, TecMode, Tier
from lumina.control.thermal.records import Relay
from lumina.errors import DeviceRangeError
from tests.control.board import Board

TEC = Relay(centre_c=45.0, half_band_k=0.5, below=-2.0, above=3.0)


def current_at(board: Board, carrier_c: float) -> float:
    board.set_c("carrier_a_code", carrier_c)
    board.set_c("carrier_b_code", carrier_c)
    board.tick()
    return float(board.out["tec_current_a"])


def test_the_tec_switches_when_the_carrier_leaves_the_band_and_not_inside_it() -> None:
    board = Board()
    board.loop.set_tec_relay(TEC)
    assert current_at(board, 25.0) == -2.0
    assert current_at(board, 45.4) == -2.0
    assert current_at(board, 45.6) == 3.0
    assert current_at(board, 44.6) == 3.0
    assert current_at(board, 44.4) == -2.0


def test_a_relay_starts_towards_its_centre() -> None:
    board = Board()
    current_at(board, 45.2)
    board.loop.set_tec_relay(TEC)
    assert current_at(board, 45.2) == 3.0


def test_the_fan_switches_by_the_sink() -> None:
    board = Board()
    board.loop.set_fan_relay(Relay(30.0, 0.1, 500.0, 4000.0))
    speeds = []
    for sink_c in (25.0, 30.2, 29.95, 29.8):
        board.set_c("sink_code", sink_c)
        board.tick()
        speeds.append(float(board.out["fan_rpm"]))
    assert speeds == [500.0, 4000.0, 4000.0, 500.0]


def test_the_guard_outranks_a_relay() -> None:
    board = Board()
    board.loop.set_tec_relay(TEC)
    board.loop.set_fan_relay(Relay(30.0, 0.1, 0.0, 1000.0))
    board.tick()
    board.set_c("die_code", 110.0)
    board.tick(5)
    assert board.state["tier"] == Tier.EMERGENCY
    assert board.out["tec_current_a"] == 0.0
    assert board.out["fan_rpm"] == 4000.0


def test_a_regulator_takes_over_from_a_relay_without_a_bump() -> None:
    board = Board()
    board.loop.set_tec_relay(TEC)
    current_at(board, 44.9)
    board.loop.set_tec_mode(TecMode.REGULATE)
    assert current_at(board, 44.9) == pytest.approx(-2.0, abs=0.05)
    board.loop.set_fan_relay(Relay(30.0, 0.1, 0.0, 1000.0))
    board.loop.set_fan_mode(FanMode.OFF)
    board.tick()
    assert board.out["fan_rpm"] == 0.0


@pytest.mark.parametrize(
    "relay",
    [
        TEC._replace(centre_c=70.0),
        TEC._replace(half_band_k=0.0),
        TEC._replace(below=-9.0),
        TEC._replace(above=math.nan),
    ],
)
def test_a_relay_outside_the_limits_is_refused(relay: Relay) -> None:
    with pytest.raises(DeviceRangeError, match="allowed"):
        Board().loop.set_tec_relay(relay)


def test_a_fan_relay_beyond_the_fan_is_refused() -> None:
    with pytest.raises(DeviceRangeError, match="fan speed 5000 RPM"):
        Board().loop.set_fan_relay(Relay(30.0, 0.1, 0.0, 5000.0))


def test_the_telemetry_rate_can_be_changed_while_the_loop_runs() -> None:
    board = Board()
    board.loop.set_telemetry_hz(1000.0)
    board.tick(100)
    rows, cursor, _ = board.loop.rows_since(0)
    assert np.diff(rows["tick"]).tolist() == [1] * 99
    assert board.loop.telemetry_hz == 1000.0
    board.loop.set_telemetry_hz(10.0)
    board.tick(300)
    rows, _, _ = board.loop.rows_since(cursor)
    assert np.diff(rows["tick"])[-1] == 100
    with pytest.raises(DeviceRangeError, match="telemetry rate"):
        board.loop.set_telemetry_hz(2000.0)
