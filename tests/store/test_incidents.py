"""What an engineer reads the morning after: faults, what followed, and what it led to."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lumina.store import TELEMETRY, Event, find_faults, find_incidents, open_run
from lumina.store.report import render_report
from lumina.store.report._aftermath import consequences
from tests.store.synthetic_run import STARTED, new_run, stage, telemetry

STALL = "fan_stall@30..40"


def fault(t_s: float, phase: str, spec: str = STALL) -> Event:
    level = "warning" if phase == "struck" else "info"
    data = {"spec": spec, "phase": phase}
    return Event(t_s, level, "faults", "fault", f"fault {spec} {phase}", data)


def rail(t_s: float, state: str) -> Event:
    return Event(t_s, "info", "npu", "rail", f"rail laser {state}", {"state": state})


def tier(t_s: float, name: str) -> Event:
    return Event(t_s, "error", "npu", "tier", f"guard: {name}")


LOG = (
    stage(0.0, "bring_up", "start"),
    rail(0.2, "on"),
    fault(30.0, "struck"),
    rail(33.5, "off"),
    tier(33.4, "emergency"),
    fault(40.0, "lifted"),
    stage(50.0, "shut_down", "start"),
    rail(50.5, "off"),
)


def test_a_fault_has_a_beginning_and_perhaps_an_end() -> None:
    (span,) = find_faults(LOG)
    assert (span.spec, span.struck_s, span.lifted_s) == (STALL, 30.0, 40.0)
    (span,) = find_faults(LOG[:4])
    assert span.lifted_s is None


def test_what_followed_is_told_in_the_order_of_its_time_and_counted_from_the_fault() -> None:
    told = [(i.event.t_s, i.event.event, i.after, i.after_s) for i in find_incidents(LOG)]
    assert told == [
        (30.0, "fault", None, None),
        (33.4, "tier", STALL, pytest.approx(3.4)),
        (33.5, "rail", STALL, pytest.approx(3.5)),
        (40.0, "fault", None, None),
        (50.0, "stage", STALL, pytest.approx(20.0)),
    ]


def test_without_a_fault_only_what_is_loud_is_told() -> None:
    log = [rail(0.2, "on"), tier(5.0, "warning"), rail(50.5, "off")]
    assert [(i.event.event, i.after) for i in find_incidents(log)] == [("tier", None)]
    assert find_incidents([rail(0.2, "on")]) == ()


def test_the_next_fault_takes_over_the_count() -> None:
    log = [fault(30.0, "struck"), fault(31.0, "struck", "tec_open@31"), tier(31.5, "warning")]
    assert find_incidents(log)[-1].after == "tec_open@31"
    assert find_incidents(log)[-1].after_s == pytest.approx(0.5)


def rows_of(**columns: Any) -> np.ndarray:
    """A second of telemetry from 30 s on, at 10 Hz, in peace but for `columns`."""
    rows = np.zeros(10, TELEMETRY)
    rows["t_s"] = 30.0 + 0.1 * np.arange(10)
    rows["laser_scale"], rows["carrier_c"], rows["setpoint_c"] = 1.0, 45.0, 45.0
    rows["true_die_c"] = np.nan
    for name, values in columns.items():
        rows[name] = values
    return rows


def test_peace_is_told_as_peace() -> None:
    told = consequences(rows_of(), 30.0)
    assert told["guard"] == "stayed normal"
    assert told["light"] == "full throughout"
    assert told["carrier"] == "off its set point by up to 0 K"
    assert "hottest die, twin" not in told


def test_the_worst_and_the_end_are_told() -> None:
    told = consequences(
        rows_of(
            tier=[0, 0, 1, 2, 2, 3, 3, 3, 3, 3],
            laser_scale=[1, 1, 0.5, 0, 0, 0, 0, 0, 0, 0],
            sink_c=[40, 50, 60, 70, 80, 91, 90, 89, 88, 87],
            carrier_c=[45, 45.2, 46, 47, 45, 45, 45, 45, 45, 45],
            true_die_c=[np.nan, 60, *[np.nan] * 8],
        ),
        30.0,
    )
    assert told["guard"] == "emergency +500 ms; emergency in the end"
    assert told["hottest sink"] == "91.0 °C +500 ms"
    assert told["hottest die, twin"] == "60.0 °C +100 ms"
    assert told["light"] == "dark +300 ms; 0% in the end"
    assert told["carrier"] == "off its set point by up to 2 K; not back in the end"


def test_a_carrier_that_came_back_says_when() -> None:
    carrier_c = [45, 47, 46, 45.2, 45, 45, 45, 45, 45, 45]
    told = consequences(rows_of(carrier_c=carrier_c, laser_scale=[1, 1, 0.7, *[1] * 7]), 29.0)
    assert told["carrier"].endswith("within 50 mK again +1.400 s")
    assert told["light"] == "throttled +1.200 s, down to 70%; 100% in the end"
    assert consequences(rows_of(carrier_c=np.nan), 30.0)["carrier"] == "unreadable"


def test_the_report_tells_the_story_and_marks_the_fault_in_the_timeline(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    run.open_frames({"telemetry": TELEMETRY}).table("telemetry").extend(telemetry(60.0))
    for event in LOG:
        run.write_event(event)
    run.finish("done", ended=STARTED)
    page = render_report(open_run(tmp_path, "last"))
    assert "What happened" in page
    assert "What it led to" in page
    assert "+3.400 s" in page
    assert page.count(STALL) >= 3  # its line, its end, its name in the timeline
