"""`lumina runs`, `show` and `report`: what earlier runs left behind."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lumina.cli.common import print_json
from lumina.errors import StoreError
from lumina.store import EventLog, RunRecord, list_runs, open_run

__all__ = ["report", "runs", "show"]

Root = Annotated[Path, typer.Option("--root", help="Folder that holds the runs.")]
Run = Annotated[
    str,
    typer.Argument(help="A run's id or the beginning of one, `last`, or the path of its folder."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]

_RUNS = Path("runs")
_LATEST_EVENTS = 12
_STYLES = {"done": "green", "running": "cyan"}
_LEVEL_STYLES = {"warning": "yellow", "error": "red", "critical": "red"}


def runs(root: Root = _RUNS, as_json: AsJson = False) -> None:
    """List the runs, newest first."""
    records = list_runs(root)[::-1]
    if as_json:
        _print_json({"runs": [_summary(record) for record in records]})
    elif records:
        _print_runs(records)
    else:
        Console().print(Text(f"no runs in {root}; `lumina run CONFIG` makes one"))


def show(run: Run, root: Root = _RUNS, as_json: AsJson = False) -> None:
    """Show one run: what was run, its figures, its latest events."""
    record = open_run(root, run)
    record.require_manifest()
    log = record.events()
    if as_json:
        _print_json(_document(record, log))
        return
    console = Console()
    for part in (_facts_table(record, log), _results_table(record), _events_table(log)):
        console.print(part)
        console.print()


def report(run: Run, root: Root = _RUNS) -> None:
    """Make a run's report.html, or make it again, and print where it is."""
    typer.echo(report_of(open_run(root, run)))


def report_of(record: RunRecord) -> Path:
    """Make a run's report, with what every room adds to it; returns its path."""
    from calibration.report import calibration_addition
    from lumina.store.report import write_report

    return write_report(record, calibration_addition)


def _print_json(document: Mapping[str, Any]) -> None:
    print_json(document)


def _summary(record: RunRecord) -> dict[str, Any]:
    """One run of the list, as plain values."""
    summary: dict[str, Any] = {"id": record.id, "path": str(record.path), "state": record.state}
    manifest = record.manifest
    if manifest is None:
        return summary | {"problem": record.problem}
    return summary | {
        "name": manifest.config.get("name"),
        "started": manifest.started.isoformat(),
        "ended": None if manifest.ended is None else manifest.ended.isoformat(),
        "seed": manifest.seed,
        "chip_seed": manifest.chip_seed,
        "accuracy": manifest.results.get("accuracy"),
        "trace_hash": manifest.trace_hash,
        "error": manifest.error,
    }


def _document(record: RunRecord, log: EventLog) -> dict[str, Any]:
    """One run in full, but for its rows and events, as plain values."""
    manifest = record.require_manifest()
    return manifest.model_dump(mode="json") | {
        "path": str(record.path),
        "state": record.state,
        "rows": _row_counts(record),
        "events": Counter(event.level for event in log.events),
        "problems": list(log.problems),
    }


def _row_counts(record: RunRecord) -> dict[str, int]:
    """Rows of every recorded table; empty where nothing can be read."""
    try:
        with record.frames() as frames:
            return {name: frames.count(name) for name in frames.tables}
    except StoreError:
        return {}


def _print_runs(records: Sequence[RunRecord]) -> None:
    """The list as a table, and below it why the corrupt ones cannot be read."""
    console = Console()
    table = Table("run", "config", "state", "took", "seed", "calibrated", "disturbed", box=None)
    for record in records:
        table.add_row(*_run_row(record))
    console.print(table)
    for record in records:
        if record.problem is not None:
            console.print(_text(f"{record.id} cannot be read: {record.problem}", "red"))


def _run_row(record: RunRecord) -> list[Text]:
    manifest = record.manifest
    if manifest is None:
        return [_text(record.id), Text(), _text(record.state, "red")]
    accuracy = manifest.results.get("accuracy")
    shown = accuracy if isinstance(accuracy, Mapping) else {}
    return [
        _text(record.id),
        _text(manifest.config.get("name", "")),
        _text(record.state, _STYLES.get(record.state, "red")),
        _text(_took(record)),
        _text("" if manifest.seed is None else manifest.seed),
        _text(_percent(shown.get("calibrated"))),
        _text(_percent(shown.get("disturbed_compensated"))),
    ]


def _took(record: RunRecord) -> str:
    manifest = record.manifest
    if manifest is None or manifest.ended is None:
        return ""
    return f"{(manifest.ended - manifest.started).total_seconds():.1f} s"


def _percent(fraction: object) -> str:
    return f"{100 * fraction:.1f} %" if isinstance(fraction, int | float) else ""


def _facts_table(record: RunRecord, log: EventLog) -> Table:
    manifest = record.require_manifest()
    facts = {
        "run": record.id,
        "folder": record.path,
        "config": manifest.config.get("name", ""),
        "state": record.state,
        "error": manifest.error or "",
        "started": manifest.started.isoformat(sep=" ", timespec="seconds"),
        "took": _took(record),
        "seeds": f"noise {manifest.seed}, chip {manifest.chip_seed}",
        "command": " ".join(manifest.command),
        "git": _git_text(record),
        "trace hash": manifest.trace_hash or "",
        "rows": ", ".join(f"{name} {count:,}" for name, count in _row_counts(record).items()),
        "incomplete": "; ".join(log.problems),
    }
    table = Table.grid(padding=(0, 2))
    for name, value in facts.items():
        if value:
            table.add_row(_text(name, "dim"), _text(value))
    return table


def _git_text(record: RunRecord) -> str:
    git = record.require_manifest().git
    return "" if git is None else git.revision[:12] + (", modified" if git.dirty else "")


def _results_table(record: RunRecord) -> Table:
    table = Table("result", "value", box=None)
    for name, value in _flat(record.require_manifest().results):
        table.add_row(_text(name), _text(value))
    return table


def _flat(results: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    for name, value in results.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list) and len(value) > 12:
            yield f"{prefix}{name}", f"{len(value)} values"
        else:
            yield f"{prefix}{name}", f"{value:.6g}" if isinstance(value, float) else str(value)


def _events_table(log: EventLog) -> Table:
    told = [event for event in log.events if event.level != "debug"]
    table = Table("bench time", "level", "from", "event", "", box=None)
    for event in told[-_LATEST_EVENTS:]:
        table.add_row(
            _text(f"{event.t_s:.3f} s"),
            _text(event.level, _LEVEL_STYLES.get(event.level, "")),
            _text(event.source),
            _text(event.event),
            _text(event.message),
        )
    return table


def _text(value: object, style: str = "") -> Text:
    """A cell that is no markup, and that cannot steer the terminal."""
    return Text("".join(c if c.isprintable() else " " for c in str(value)), style=style)
