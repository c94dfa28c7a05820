"""``report.html``: a run on one page, made from its run folder alone.

The page is one file without scripts, and its content policy forbids every request. It
shows what the folder holds; a run that was killed has a report too. Of `results` it knows

- ``accuracy``: fractions of the held-out set; ``per_seed``: the same of each noise seed;
- ``disturbance``: what the accuracies under disturbance were measured under;
- ``devices``: state, loop health and ``counters`` of each photonic processor;
- ``calibration``: figures, and arrays that are drawn as those of ``*calibration*.npz`` are.

What went wrong, and what followed, comes from the event log.

Everything else in `results` is listed at the end.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lumina.errors import StoreError
from lumina.store._catalogue import RunRecord
from lumina.store._events import Event
from lumina.store._files import write_atomic
from lumina.store._manifest import Manifest
from lumina.store._run_folder import REPORT_FILE
from lumina.store.report import _sections as parts
from lumina.store.report._aftermath import aftermath_section
from lumina.store.report._charts import calibration_charts, rails_chart
from lumina.store.report._figure import plotting
from lumina.store.report._html import Html, join, tag
from lumina.store.report._text import duration, percent
from lumina.store.report._timeline import Stage, find_stages, find_tiers, timeline

__all__ = ["Addition", "render_report", "write_report"]


@dataclass(frozen=True)
class Addition:
    """What another room adds to a report, made by what `lumina.store.report.kit` offers.

    Attributes:
        tiles: figures to see first: (value, what it is, a remark).
        sections: shown below them.
        tells: results, by their key, that the sections show: nothing else repeats them.
    """

    tiles: Sequence[tuple[str, str, str]] = ()
    sections: Sequence[Html | None] = ()
    tells: frozenset[str] = frozenset()


Adder = Callable[[RunRecord], Addition]


def nothing(record: RunRecord) -> Addition:
    """A report as it is."""
    return Addition()


_SHOWN_APART = frozenset(
    {"accuracy", "per_seed", "disturbance", "devices", "calibration", "seed", "run", "bench_time_s"}
    | {"error", "faults", "reactions"}
)
_HEADLINE = {
    "calibrated": ("accuracy, calibrated", "of the held-out digits"),
    "disturbed_compensated": ("accuracy, disturbed", "with phase compensation"),
}
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


@dataclass
class _Run:
    """Everything that the report needs, read once."""

    manifest: Manifest
    events: tuple[Event, ...]
    tables: dict[str, NDArray[Any]]
    arrays: dict[str, dict[str, NDArray[Any]]]
    problems: list[str] = field(default_factory=list)

    @property
    def end_s(self) -> float:
        """The latest bench time on record, in s."""
        ends = [float(rows["t_s"][-1]) for rows in self.tables.values() if rows.size]
        return max([*ends, *(event.t_s for event in self.events[-1:])], default=0.0)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The parts of the run."""
        return find_stages(self.events, self.end_s)

    def named(self, kind: str) -> dict[str, NDArray[Any]]:
        """Tables of a kind by device: ``telemetry``, or ``<device>_telemetry`` of several."""
        return {
            name.removesuffix(kind).removesuffix("_"): rows
            for name, rows in self.tables.items()
            if name.endswith(kind) and rows.size
        }


def write_report(record: RunRecord, add: Adder = nothing) -> Path:
    """Make, or make again, the report of a run.

    Args:
        record: the run.
        add: makes what another room adds; called with plots set up.

    Returns:
        The path of ``report.html`` in the run folder.

    Raises:
        StoreError: the run's ``run.json`` is corrupt, or the report cannot be written.
        UsageError: Matplotlib is not installed.
    """
    path = record.path / REPORT_FILE
    write_atomic(path, render_report(record, add).encode("utf-8", "replace"))
    return path


def render_report(record: RunRecord, add: Adder = nothing) -> str:
    """The report as a page.

    Raises:
        StoreError: the run's ``run.json`` is corrupt.
        UsageError: Matplotlib is not installed.
    """
    run = _read(record)
    results = run.manifest.results
    with plotting():
        addition = add(record)
        body = join(
            parts.header(record, run.manifest),
            parts.problems_section(run.problems),
            parts.tiles([*addition.tiles, *_headline(run)]),
            aftermath_section(run.events, run.named("telemetry"), run.stages),
            *addition.sections,
            parts.accuracy_section(results),
            *_timelines(run),
            *_rails(run),
            _calibration(run),
            parts.columns(
                parts.stages_section(run.stages),
                *_devices(results.get("devices")),
                parts.figures_section(
                    "Other results",
                    {
                        name: value
                        for name, value in results.items()
                        if name not in _SHOWN_APART | addition.tells
                    },
                ),
            ),
            parts.events_section(run.events),
            parts.config_section(record.config_text()),
        )
    return _page(f"{run.manifest.id} {run.manifest.config.get('name', '')}", body)


def _read(record: RunRecord) -> _Run:
    manifest = record.require_manifest()
    log = record.events()
    run = _Run(manifest, log.events, {}, {}, list(log.problems))
    if record.state.startswith("interrupted ("):
        run.problems.append("the run has no end record: its process was stopped or killed")
    try:
        with record.frames() as frames:
            run.tables.update({name: frames.rows(name) for name in frames.tables})
    except StoreError as error:
        run.problems.append(str(error))
    for path in sorted(record.path.glob("*calibration*.npz")):
        try:
            run.arrays[path.stem] = record.arrays(path.stem)
        except StoreError as error:
            run.problems.append(str(error))
    return run


def _headline(run: _Run) -> list[tuple[str, str, str]]:
    results = run.manifest.results
    accuracy = results.get("accuracy")
    figures = []
    if isinstance(accuracy, Mapping):
        figures += [
            (percent(accuracy[name]), *words)
            for name, words in _HEADLINE.items()
            if isinstance(accuracy.get(name), float)
        ]
    peaks = [
        float(np.nanmax(rows["die_estimate_c"]))
        for rows in run.named("telemetry").values()
        if np.isfinite(rows["die_estimate_c"]).any()
    ]
    if peaks:
        figures.append((f"{max(peaks):.1f} °C", "hottest die", "estimate of the control step"))
        missed = sum(int(rows["missed_ticks"][-1]) for rows in run.named("telemetry").values())
        figures.append((f"{missed:,}", "missed ticks", "of the 1 kHz loop"))
    if run.end_s:
        figures.append((duration(run.end_s), "bench time", "from bring-up to shutdown"))
    return figures


def _timelines(run: _Run) -> list[Html]:
    tiers = find_tiers(run.manifest.config)
    return [
        parts.section(
            f"Timeline of {device}" if device else "Timeline",
            timeline(rows, run.stages, run.events, tiers),
        )
        for device, rows in run.named("telemetry").items()
    ]


def _rails(run: _Run) -> list[Html]:
    charts = ((device, rails_chart(rows)) for device, rows in run.named("rails").items())
    return [
        parts.section(f"Power rails of {device}" if device else "Power rails", chart)
        for device, chart in charts
        if chart is not None
    ]


def _devices(devices: object) -> list[Html | None]:
    """Loop health and counters of every photonic processor."""
    if not isinstance(devices, Mapping):
        return []
    sections = []
    for name, figures in devices.items():
        if isinstance(figures, Mapping):
            loop = {key: value for key, value in figures.items() if key != "counters"}
            sections.append(parts.figures_section(f"1 kHz loop of {name}", loop))
            sections.append(parts.figures_section(f"Counters of {name}", figures.get("counters")))
    return sections


def _calibration(run: _Run) -> Html | None:
    figures = run.manifest.results.get("calibration")
    figures = figures if isinstance(figures, Mapping) else {}
    charts = [
        chart for arrays in (figures, *run.arrays.values()) for chart in calibration_charts(arrays)
    ]
    table = parts.figures_table(figures)
    if not charts and table is None:
        return None
    return parts.section("Calibration", tag("div", *charts, class_="grid"), table)


def _page(title: str, body: Html) -> str:
    style = files(__package__).joinpath("style.css").read_text("utf-8")
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", Html(style)),
    )
    return f"<!doctype html>\n{tag('html', head, tag('body', tag('main', body)), lang='en')}\n"
