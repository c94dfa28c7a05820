"""What went wrong, when, what was done about it, and what it led to."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lumina.store._events import Event
from lumina.store._incidents import Incident, find_faults, find_incidents
from lumina.store.report import _sections as parts
from lumina.store.report._html import Html, tag
from lumina.store.report._timeline import Stage

__all__ = ["aftermath_section", "consequences"]

LOCKED_K = 0.05
"""Deviation of the carrier from its set point that counts as locked again."""

TIERS = ("normal", "warning", "critical", "emergency")
EMERGENCY = TIERS.index("emergency")
DARK = 1e-3
MOST_INCIDENTS = 200


def aftermath_section(
    events: Sequence[Event], tables: Mapping[str, NDArray[Any]], stages: Sequence[Stage]
) -> Html | None:
    """A story in lines, and its consequences; None where nothing went wrong.

    Args:
        events: the event log.
        tables: telemetry by device.
        stages: the parts of the run.
    """
    incidents = find_incidents(events)
    if not incidents:
        return None
    head = tag(
        "thead", tag("tr", *map(parts.heading, ("Bench time", "After the fault", "From", "")))
    )
    shown = incidents[:MOST_INCIDENTS]
    story = tag("table", head, tag("tbody", *map(_row, shown)), class_="story")
    left_out = len(incidents) - len(shown)
    note = f"{left_out:,} more are among the events below." if left_out else None
    return parts.section("What happened", story, *_led_to(events, tables, stages), note=note)


def _row(incident: Incident) -> Html:
    event, after_s = incident.event, incident.after_s
    struck = event.event == "fault" and event.data.get("phase") == "struck"
    return tag(
        "tr",
        tag("td", f"{event.t_s:.3f} s", class_="number"),
        tag("td", "" if after_s is None else _later(after_s), class_="number"),
        tag("td", event.source),
        tag("td", event.message, class_=f"level {'error' if struck else event.level}"),
    )


def _later(after_s: float) -> str:
    return f"+{1e3 * after_s:.0f} ms" if after_s < 1.0 else f"+{after_s:.3f} s"


def _led_to(
    events: Sequence[Event], tables: Mapping[str, NDArray[Any]], stages: Sequence[Stage]
) -> Iterator[Html | None]:
    faults = find_faults(events)
    if not faults:
        return
    ends_s = next((s.start_s for s in stages if s.name == "shut_down"), np.inf)
    for device, rows in tables.items():
        inside = (rows["t_s"] >= faults[0].struck_s) & (rows["t_s"] < ends_s)
        if inside.any():
            yield tag("h3", f"What it led to{f' on {device}' if device else ''}")
            yield parts.figures_table(consequences(rows[inside], faults[0].struck_s))


def consequences(rows: NDArray[Any], struck_s: float) -> dict[str, str]:
    """The worst that was reached after a fault, and what was back in the end, in words.

    Args:
        rows: telemetry from the fault on, without the shutdown; at least one row.
        struck_s: when the fault struck, in s.
    """
    told = {
        "guard": _tier_words(rows, struck_s),
        "hottest die, estimate": _extreme(rows, "die_estimate_c", struck_s),
        "hottest die, twin": _extreme(rows, "true_die_c", struck_s),
        "hottest sink": _extreme(rows, "sink_c", struck_s),
        "light": _light_words(rows, struck_s),
        "carrier": _carrier_words(rows, struck_s),
    }
    return {name: text for name, text in told.items() if text}


def _tier_words(rows: NDArray[Any], struck_s: float) -> str:
    highest = int(rows["tier"].max())
    if highest == 0:
        return "stayed normal"
    at_s = float(rows["t_s"][rows["tier"] == highest][0])
    ended = TIERS[int(rows["tier"][-1])]
    return f"{TIERS[highest]} {_later(at_s - struck_s)}; {ended} in the end"


def _extreme(rows: NDArray[Any], column: str, struck_s: float) -> str:
    values = rows[column]
    if not np.isfinite(values).any():
        return ""
    worst = int(np.nanargmax(values))
    return f"{values[worst]:.1f} °C {_later(float(rows['t_s'][worst]) - struck_s)}"


def _light_words(rows: NDArray[Any], struck_s: float) -> str:
    scale, t_s = rows["laser_scale"], rows["t_s"]
    if scale.min() > 1.0 - DARK:
        return "full throughout"
    first = int(np.argmax(scale <= 1.0 - DARK))
    words = f"throttled {_later(float(t_s[first]) - struck_s)}, down to {scale.min():.0%}"
    if scale.min() <= DARK:
        words = f"dark {_later(float(t_s[int(np.argmax(scale <= DARK))]) - struck_s)}"
    return f"{words}; {scale[-1]:.0%} in the end"


def _carrier_words(rows: NDArray[Any], struck_s: float) -> str:
    off_k = np.abs(rows["carrier_c"] - rows["setpoint_c"])
    if not np.isfinite(off_k).any():
        return "unreadable"
    worst = f"off its set point by up to {np.nanmax(off_k):.3g} K"
    # In an emergency the TEC is off and the set point follows the carrier.
    away = np.flatnonzero(~(off_k <= LOCKED_K) | (rows["tier"] == EMERGENCY))
    if away.size == 0:
        return worst
    if away[-1] == off_k.size - 1:
        return f"{worst}; not back in the end"
    back_s = float(rows["t_s"][away[-1] + 1]) - struck_s
    return f"{worst}; within {1e3 * LOCKED_K:.0f} mK again {_later(back_s)}"
