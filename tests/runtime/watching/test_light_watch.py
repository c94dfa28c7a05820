"""Light that is not what it should be is told once, and once more when it is right again."""

from typing import Any

import numpy as np

from lumina.control.records import TELEMETRY
from lumina.runtime.watching.light_watch import LightWatch


def rows_of(power_mw: list[float], scale: float | list[float] = 1.0) -> Any:
    rows = np.zeros(len(power_mw), TELEMETRY)
    rows["laser_power_w"], rows["laser_scale"] = 1e-3 * np.array(power_mw), scale
    rows["tick"] = np.arange(len(power_mw))
    return rows


def told(watch: LightWatch, rows: Any) -> list[tuple[int, bool]]:
    return [(int(change.row["tick"]), change.wrong) for change in watch.changes(rows)]


def test_a_dip_is_told_once_it_lasts_and_its_end_at_once() -> None:
    watch = LightWatch(0.010)
    assert told(watch, rows_of([10.0] * 3 + [8.0] * 6 + [10.0] * 3)) == [(7, True), (9, False)]


def test_a_dip_is_followed_across_two_looks() -> None:
    watch = LightWatch(0.010)
    assert told(watch, rows_of([8.0] * 3)) == []
    assert told(watch, rows_of([8.0] * 3)) == [(1, True)]


def test_what_is_due_follows_the_attenuator() -> None:
    watch = LightWatch(0.010)
    assert told(watch, rows_of([5.0] * 20, 0.5)) == []
    assert told(watch, rows_of([5.0] * 20, 1.0)) == [(4, True)]


def test_a_dark_board_and_one_without_a_laser_of_ours_are_not_judged() -> None:
    assert told(LightWatch(0.010), rows_of([0.0] * 20, 0.0)) == []
    assert told(LightWatch(0.0), rows_of([7.0] * 20)) == []


def test_the_words_say_how_much() -> None:
    (change,) = LightWatch(0.010).changes(rows_of([8.0] * 5))
    assert change.message == "light: the board sees 8 mW where 10 mW are due"
