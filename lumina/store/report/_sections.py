"""The parts of a report, from top to bottom."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lumina.store._catalogue import RunRecord
from lumina.store._events import Event
from lumina.store._manifest import Manifest
from lumina.store.report._html import Html, join, tag
from lumina.store.report._text import duration, label, percent, quantity, wall_time
from lumina.store.report._timeline import Stage

__all__ = [
    "accuracy_section",
    "columns",
    "config_section",
    "events_section",
    "figures_section",
    "figures_table",
    "header",
    "heading",
    "problems_section",
    "section",
    "stages_section",
    "tiles",
]

_ACCURACIES = {
    "digital": "Digital reference",
    "uncalibrated": "In the light, before calibration",
    "calibrated": "In the light, calibrated",
    "disturbed_no_control": "Disturbed, no control",
    "disturbed_tec_only": "Disturbed, TEC and fan alone",
    "disturbed_compensated": "Disturbed, with phase compensation",
}
_GOOD_STATES = frozenset({"done", "running"})
_LOUD = frozenset({"warning", "error", "critical"})
_MOST_EVENTS = 400
_MOST_TEXT = 600
_MOST_CONFIG = 200_000


def section(title: str, *children: object, note: str | None = None) -> Html:
    """A titled part of the page."""
    return tag(
        "section", tag("h2", title), tag("p", note, class_="note") if note else None, *children
    )


def header(record: RunRecord, manifest: Manifest) -> Html:
    """What was run, how it ended, and all that is needed to run it again."""
    state = tag(
        "span", record.state, class_="state good" if record.state in _GOOD_STATES else "state bad"
    )
    title = tag("h1", str(manifest.config.get("name") or "Run"), state)
    about = manifest.config.get("description")
    return tag(
        "header",
        tag("p", "Lumina run ", tag("code", manifest.id), class_="kicker"),
        title,
        tag("p", about, class_="about") if about else None,
        tag("p", manifest.error, class_="failure") if manifest.error else None,
        _facts(_origin(manifest)),
    )


def _origin(manifest: Manifest) -> dict[str, str]:
    facts = {"Started": wall_time(manifest.started)}
    if manifest.ended is not None:
        wall_s = (manifest.ended - manifest.started).total_seconds()
        facts["Took"] = f"{duration(wall_s)} of wall time"
    facts["Seed"] = _seed(manifest.seed)
    facts["Chip seed"] = _seed(manifest.chip_seed)
    if manifest.git is not None:
        facts["Git"] = manifest.git.revision[:12] + (", modified" if manifest.git.dirty else "")
    facts["Config SHA-256"] = manifest.config_sha256[:16]
    if manifest.trace_hash is not None:
        facts["Trace hash"] = manifest.trace_hash[:16]
    facts["Command"] = " ".join(manifest.command)
    facts["Versions"] = ", ".join(f"{name} {text}" for name, text in manifest.versions.items())
    facts["Machine"] = ", ".join(
        f"{value} cores" if name == "cores" else str(value)
        for name, value in manifest.machine.items()
    )
    return {name: text for name, text in facts.items() if text}


def _seed(seed: int | None) -> str:
    return "" if seed is None else str(seed)


def _facts(facts: Mapping[str, str]) -> Html:
    pairs = (
        tag("div", tag("dt", name), tag("dd", text), class_="wide" if len(text) > 40 else None)
        for name, text in facts.items()
    )
    return tag("dl", *pairs, class_="facts")


def columns(*sections: Html | None) -> Html | None:
    """Small sections side by side, as many as fit."""
    shown = [part for part in sections if part is not None]
    return tag("div", *shown, class_="columns") if shown else None


def tiles(figures: Iterable[tuple[str, str, str]]) -> Html | None:
    """The few figures to see first: (value, what it is, a remark)."""
    shown = [
        tag("div", tag("strong", value), tag("span", name), tag("small", remark), class_="tile")
        for value, name, remark in figures
    ]
    return tag("div", *shown, class_="tiles") if shown else None


def accuracy_section(results: Mapping[str, Any]) -> Html | None:
    """Accuracy on the held-out set, as table and bars; None where there is none."""
    accuracy = results.get("accuracy")
    if not isinstance(accuracy, Mapping):
        return None
    known = {name: accuracy[name] for name in _ACCURACIES if _is_fraction(accuracy.get(name))}
    if not known:
        return None
    seeds = _per_seed(results.get("per_seed"))
    rows = (
        _accuracy_row(name, value, known.get("digital"), seeds) for name, value in known.items()
    )
    head = tag(
        "thead", tag("tr", *map(heading, ("", "Held-out digits right", "", "Against digital")))
    )
    disturbance = results.get("disturbance")
    return section(
        "Accuracy",
        tag("table", head, tag("tbody", *rows), class_="bars"),
        tag("p", f"Means over {len(seeds)} noise seeds; a mark for each seed.", class_="note")
        if len(seeds) > 1
        else None,
        figures_table({name: value for name, value in accuracy.items() if name not in known}),
        tag("h3", "The disturbance") if isinstance(disturbance, Mapping) and disturbance else None,
        figures_table(disturbance) if isinstance(disturbance, Mapping) else None,
    )


def _per_seed(entries: object) -> list[Mapping[str, Any]]:
    """The accuracies of each noise seed."""
    if not isinstance(entries, list):
        return []
    found = (entry.get("accuracy") for entry in entries if isinstance(entry, Mapping))
    return [accuracy for accuracy in found if isinstance(accuracy, Mapping)]


def _accuracy_row(
    name: str, value: float, digital: float | None, seeds: Iterable[Mapping[str, Any]]
) -> Html:
    bar = tag("div", class_=f"bar {name}", style=f"width:{100 * value:.2f}%")
    marks = (
        tag("i", style=f"left:{100 * seed[name]:.2f}%")
        for seed in seeds
        if _is_fraction(seed.get(name))
    )
    points = (
        "" if digital is None or name == "digital" else f"{100 * (value - digital):+.1f} points"
    )
    return tag(
        "tr",
        tag("th", _ACCURACIES[name], scope="row"),
        tag("td", tag("div", bar, *marks, class_="track")),
        tag("td", percent(value), class_="number strong"),
        tag("td", points.replace("-", "\N{MINUS SIGN}"), class_="number"),
    )


def _is_fraction(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def heading(text: str, kind: str | None = None) -> Html:
    """A column's heading."""
    return tag("th", text, scope="col", class_=kind)


def figures_section(title: str, figures: object) -> Html | None:
    """A section with a table of names and values; None if there are none."""
    table = figures_table(figures) if isinstance(figures, Mapping) else None
    return None if table is None else section(title, table)


def figures_table(figures: Mapping[str, Any]) -> Html | None:
    """A table of names and values, nested names in front of theirs; None if empty."""
    rows = [
        tag("tr", tag("th", name, scope="row"), tag("td", _cut(value), class_="number"))
        for name, value in _flat(figures)
    ]
    return tag("table", tag("tbody", *rows), class_="figures") if rows else None


def _flat(figures: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    for name, value in figures.items():
        words = f"{prefix}{label(name)}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{words}: ")
        elif isinstance(value, list):
            if value:
                yield words, _list_text(name, value)
        else:
            yield words, quantity(name, value)


def _list_text(name: str, values: list[Any]) -> str:
    if len(values) > 12:
        return f"{len(values)} values"
    return ", ".join(quantity(name, value) for value in values)


def stages_section(stages: Sequence[Stage]) -> Html | None:
    """When each stage began and how long it took in bench time."""
    if not stages:
        return None
    rows = (
        tag(
            "tr",
            tag("th", _cut(stage.name), None if stage.ended else ", cut short", scope="row"),
            tag("td", f"{stage.start_s:.2f} s", class_="number"),
            tag("td", duration(stage.end_s - stage.start_s), class_="number"),
        )
        for stage in stages
    )
    head = tag(
        "thead",
        tag("tr", heading("Stage"), heading("Began at", "number"), heading("Took", "number")),
    )
    return section("Stages", tag("table", head, tag("tbody", *rows), class_="figures"))


def events_section(events: Sequence[Event]) -> Html:
    """The event log. A long one keeps every warning and the latest of the rest."""
    told = [event for event in events if event.level != "debug"]
    shown = _most_telling(told)
    left_out = len(events) - len(shown)
    head = tag(
        "thead",
        tag("tr", heading("Bench time", "number"), *map(heading, ("Level", "From", "Event", ""))),
    )
    table = tag("table", head, tag("tbody", *map(_event_row, shown)), class_="events")
    note = f"{left_out:,} more, of little weight, are in events.jsonl." if left_out else None
    return section("Events", table, note=note)


def _most_telling(events: Sequence[Event]) -> list[Event]:
    if len(events) <= _MOST_EVENTS:
        return list(events)
    loud = [event for event in events if event.level in _LOUD][-_MOST_EVENTS:]
    quiet = [event for event in events if event.level not in _LOUD]
    kept = {id(event) for event in loud}
    kept |= {id(event) for event in quiet[len(quiet) - (_MOST_EVENTS - len(loud)) :]}
    return [event for event in events if id(event) in kept]


def _event_row(event: Event) -> Html:
    return tag(
        "tr",
        tag("td", f"{event.t_s:.3f} s", class_="number"),
        tag("td", event.level, class_=f"level {event.level if event.level in _LOUD else ''}"),
        tag("td", _cut(event.source)),
        tag("td", _cut(event.event)),
        tag("td", _cut(event.message)),
    )


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_TEXT else text[:_MOST_TEXT] + " ..."


def config_section(text: str) -> Html | None:
    """The lab config as written, folded away."""
    if not text:
        return None
    shown = tag("pre", text[:_MOST_CONFIG])
    return section("Lab config", tag("details", tag("summary", "as its author wrote it"), shown))


def problems_section(problems: Sequence[str]) -> Html | None:
    """What could not be read of the run folder."""
    if not problems:
        return None
    return tag("aside", *(tag("p", join("Incomplete: ", problem)) for problem in problems))
