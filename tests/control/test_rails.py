"""Rails: up in order, down in reverse, off on a fault."""

import pytest

from lumina.control.records import RailState
from tests.control.board import Board


def states(board: Board) -> list[RailState]:
    return [RailState(state) for state in board.loop.arrays.rails["state"]]


def test_rails_come_up_one_after_the_other_with_ramps() -> None:
    board = Board()
    board.loop.rails_up()
    board.tick(50)
    assert states(board) == [RailState.RAMPING_UP, RailState.OFF]
    assert board.out["rail_set_v"][0] == pytest.approx(3.3 * 0.5, rel=0.05)
    board.tick(200)
    assert states(board) == [RailState.ON, RailState.ON]
    assert board.out["rail_set_v"][:2] == pytest.approx([3.3, 1.8])


def test_rails_go_down_in_reverse_order() -> None:
    board = Board()
    board.bring_up()
    board.loop.rails_down()
    board.tick(50)
    assert states(board) == [RailState.ON, RailState.RAMPING_DOWN]
    board.tick(300)
    assert states(board) == [RailState.OFF, RailState.OFF]


@pytest.mark.parametrize(
    ("field", "value", "fault"), [("rail_current_a", 2.0, 1), ("rail_voltage_v", 4.5, 2)]
)
def test_a_fault_trips_its_rail_and_takes_the_others_down(
    field: str, value: float, fault: int
) -> None:
    board = Board()
    board.bring_up()
    board.follows.remove("rail_voltage_v")
    board.sensor.head[field][0, 0] = value
    board.tick(3)
    assert states(board)[0] is RailState.FAULT
    assert board.loop.arrays.rails["fault"][0] == fault
    assert board.out["rail_set_v"][0] == 0.0
    board.sensor.head["rail_voltage_v"] = 0.0
    board.tick(300)
    assert states(board) == [RailState.FAULT, RailState.OFF]
    assert board.loop.counters()["rail_faults"] == 1


def test_two_bad_samples_are_no_fault() -> None:
    board = Board()
    board.bring_up()
    board.sensor.head["rail_current_a"][0, 0] = 2.0
    board.tick(2)
    board.sensor.head["rail_current_a"][0, 0] = 0.2
    board.tick(5)
    assert states(board) == [RailState.ON, RailState.ON]


def test_a_rail_that_does_not_follow_its_ramp_trips() -> None:
    board = Board()
    board.follows.remove("rail_voltage_v")
    board.loop.rails_up()
    board.tick(500)
    assert states(board)[0] is RailState.FAULT
    assert board.loop.arrays.rails["fault"][0] == 3


def test_asking_up_again_clears_a_trip() -> None:
    board = Board()
    board.follows.remove("rail_voltage_v")
    board.loop.rails_up()
    board.tick(500)
    board.follows.add("rail_voltage_v")
    board.loop.rails_up()
    board.tick(400)
    assert states(board) == [RailState.ON, RailState.ON]


def test_heaters_and_light_wait_for_the_rails() -> None:
    board = Board()
    board.loop.set_laser_scale(1.0)
    board.loop.rails_up()
    board.tick(20)
    assert board.out["flags"] == 0
    assert board.out["laser_scale"] == 0.0
    board.tick(300)
    assert board.out["laser_scale"] == 1.0
