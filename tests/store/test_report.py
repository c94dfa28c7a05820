"""The report shows a run on one page, asks nobody for anything, and trusts no text."""

from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lumina.errors import StoreError
from lumina.store import TELEMETRY, Event, open_run, rail_columns
from lumina.store.report import render_report, write_report
from lumina.store.report._figure import thin
from lumina.store.report._text import duration, label, quantity
from lumina.store.report._timeline import Stage, Tiers, find_stages, find_tiers
from tests.store.synthetic_run import (
    CONFIG,
    STARTED,
    calibration,
    cut_run,
    finished_run,
    new_run,
    stage,
    telemetry,
)

HOSTILE = "</style></svg><script>alert(1)</script><img src=x onerror=alert(2)>\"'&$x^2$ \x00\u6f22"


class Page(HTMLParser):
    """What a browser would make of a page: elements, attributes and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.words)

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)

    def assert_harmless(self) -> None:
        """No scripts, no handlers, and nothing that a browser would fetch."""
        names = {name for name, _ in self.elements}
        assert not names & {"script", "img", "iframe", "link", "object", "embed", "base", "form"}
        for _, attributes in self.elements:
            assert not any(name.startswith("on") for name in attributes)
            for name in ("src", "href", "xlink:href", "action"):
                value = attributes.get(name) or "#"
                assert value.startswith(("#", "data:image/png")), value
            assert "url(" not in (attributes.get("style") or "").replace("url(#", "")


def page_of(root: Path, name: str = "last") -> Page:
    page = Page(render_report(open_run(root, name)))
    page.assert_harmless()
    return page


def test_a_whole_run_shows_all_its_parts(tmp_path: Path) -> None:
    folder = finished_run(tmp_path)
    path = write_report(open_run(tmp_path, "last"))
    assert path == folder / "report.html"
    text = path.read_text("utf-8")
    assert len(text) < 3_000_000
    page = Page(text)
    page.assert_harmless()
    for heading in ("Accuracy", "Timeline", "Power rails", "Calibration", "1 kHz loop of main"):
        assert heading in page.words
    assert "96.4 %" in page.words
    assert "\N{MINUS SIGN}6.4 points" in page.words
    assert "3 ticks late" in page.words
    assert "75.2 µs" in page.words
    assert sum(name == "i" for name, _ in page.elements) == 6 * 5  # a mark per seed
    assert "emergency 95 °C" in page.text
    assert page.count("svg") == 2 + len([name for name in calibration() if name != "gain"])


def test_a_report_made_again_is_the_same(tmp_path: Path) -> None:
    finished_run(tmp_path)
    record = open_run(tmp_path, "last")
    assert render_report(record) == render_report(record)


def test_hostile_texts_stay_texts(tmp_path: Path) -> None:
    run = new_run(
        tmp_path,
        config={"name": HOSTILE, "description": HOSTILE},
        config_text=HOSTILE,
        command=[HOSTILE],
    )
    frames = run.open_frames({"telemetry": TELEMETRY, "rails": rail_columns(["<b>$"])})
    frames.table("telemetry").extend(telemetry(2.0))
    voltages = np.zeros(3, rail_columns(["<b>$"]))
    voltages["t_s"], voltages["rail_<b>$_v"] = [0, 1, 2], [0, 3, 3]
    frames.table("rails").extend(voltages)
    run.write_event(Event(0.0, HOSTILE, HOSTILE, HOSTILE, HOSTILE, {HOSTILE: HOSTILE}))
    run.write_event(Event(0.0, "info", "bench", "stage", "", {"stage": HOSTILE, "phase": "start"}))
    planted = {"spec": HOSTILE, "phase": "struck"}
    run.write_event(Event(0.5, "warning", HOSTILE, "fault", HOSTILE, planted))
    results = {
        HOSTILE: {HOSTILE: [HOSTILE]},
        "accuracy": {"digital": 0.5, HOSTILE: HOSTILE},
        "per_seed": [HOSTILE, {"accuracy": {"digital": HOSTILE}}, {"accuracy": HOSTILE}],
        "devices": {HOSTILE: {"counters": {HOSTILE: HOSTILE}}, "other": HOSTILE},
        "disturbance": HOSTILE,
        "calibration": {"residual_rad": HOSTILE, "crosstalk": [[HOSTILE]], HOSTILE: 1},
    }
    run.finish("failed", ended=STARTED, results=results, error=HOSTILE)
    page = page_of(tmp_path)
    assert page.text.count("alert(1)") >= 10


@pytest.mark.parametrize("cut", ["nothing recorded", "frames damaged", "killed", "one row"])
def test_a_run_that_was_cut_short_has_a_report_too(tmp_path: Path, cut: str) -> None:
    run = new_run(tmp_path)
    run.write_event(stage(0.0, "bring-up", "start"))
    if cut == "frames damaged":
        (run.path / "frames.h5").write_bytes(b"\x00" * 5000)
        run.finish("interrupted", ended=STARTED)
    if cut == "one row":
        rows = telemetry(0.01)
        for name in TELEMETRY.names or ():
            rows[name] = 0 if name in {"t_s", "tier", "missed_ticks"} else np.nan
        run.open_frames({"telemetry": TELEMETRY}).table("telemetry").extend(rows)
        run.finish("interrupted", ended=STARTED)
    if cut == "killed":
        with (run.path / "events.jsonl").open("ab") as log:
            log.write(b'{"t_s": 1.0, "level": "in')
    run.close()
    page = page_of(tmp_path)
    assert ("has no end record" in page.text) == (cut in {"killed", "nothing recorded"})
    assert ("is torn" in page.text) == (cut == "killed")
    assert ("cannot be read" in page.text) == (cut == "frames damaged")
    assert ("nothing was recorded" in page.text) == (cut in {"killed", "nothing recorded"})
    assert ", cut short" in page.text


def test_each_of_several_processors_has_its_timeline(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    frames = run.open_frames({"left_telemetry": TELEMETRY, "right_telemetry": TELEMETRY})
    frames.table("left_telemetry").extend(telemetry(1.0))
    frames.table("right_telemetry").extend(telemetry(1.0))
    run.finish("done", ended=STARTED)
    page = page_of(tmp_path)
    assert "Timeline of left" in page.words
    assert "Timeline of right" in page.words


def test_a_long_event_log_keeps_every_warning(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    for number in range(3000):
        level = "warning" if number % 100 == 0 else "info"
        run.write_event(Event(float(number), level, "main", "tick", f"number {number}."))
    run.finish("done", ended=STARTED)
    page = page_of(tmp_path)
    assert all(f"number {number}." in page.words for number in range(0, 3000, 100))
    assert "number 2999." in page.words
    assert "number 1." not in page.words
    assert "2,600 more, of little weight, are in events.jsonl." in page.words


def test_a_run_without_a_manifest_has_no_report(tmp_path: Path) -> None:
    (cut_run(tmp_path) / "run.json").write_text("{}")
    with pytest.raises(StoreError, match="corrupt: id: Field required"):
        write_report(open_run(tmp_path, "last"))


def test_stages_are_paired_by_name_and_an_open_one_lasts_to_the_end() -> None:
    events = [
        stage(0.0, "bring-up", "start"),
        stage(2.0, "bring-up", "end"),
        stage(2.0, "calibrate", "end"),  # never began
        stage(3.0, "classify", "start"),
        Event(4.0, "info", "bench", "other", data={"stage": "x", "phase": "start"}),
    ]
    assert find_stages(events, 9.0) == (
        Stage("bring-up", 0.0, 2.0),
        Stage("classify", 3.0, 9.0, ended=False),
    )


def test_the_guards_thresholds_come_from_the_config_wherever_they_are() -> None:
    photonic = {"warning_c": 70, "critical_c": 80, "emergency_c": 90.5}
    assert find_tiers({"control": {"main": {"guard": photonic}}}) == Tiers(70, 80, 90.5)
    assert find_tiers(CONFIG) == find_tiers({}) == find_tiers({"warning_c": "hot"}) == Tiers()


def test_thinning_a_trace_keeps_its_spikes_and_its_gaps() -> None:
    t_s = np.arange(100_000) / 100
    values = np.zeros(t_s.size)
    values[51_234], values[70_000] = 9.0, -7.0
    values[:10_000] = np.nan
    times, thinned = thin(t_s, values, bins=500)
    assert times.size == thinned.size == 1000
    assert (np.nanmax(thinned), np.nanmin(thinned)) == (9.0, -7.0)
    assert np.isnan(thinned[:100]).all()
    assert np.isfinite(thinned[100:]).all()


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("lateness_p99_us", 75.23, "75.23 µs"),
        ("ticks", 120000, "120,000"),
        ("tempco_rad_per_k", 0.0741, "0.0741 rad/K"),
        ("error_k", 2e-5, "2e-05 K"),
        ("error_k", None, "not measured"),
        ("latched", True, "yes"),
        ("tier", "SCHED_FIFO", "SCHED_FIFO"),
    ],
)
def test_figures_carry_the_unit_of_their_name(name: str, value: Any, shown: str) -> None:
    assert quantity(name, value) == shown


def test_names_and_times_read_well() -> None:
    assert label("tempco_rad_per_k", with_unit=True) == "Tempco (rad/K)"
    assert label("lateness_p99_us") == "Lateness p99"
    lengths = [timedelta(seconds=3.21), timedelta(minutes=2), timedelta(hours=5, minutes=7)]
    shown = [duration(length.total_seconds()) for length in lengths]
    assert shown == ["3.2 s", "2 min 0 s", "5 h 7 min"]
