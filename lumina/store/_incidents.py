"""What went wrong in a run and what followed, picked out of its event log.

A planted fault is an event ``fault`` with data {"spec": as on the command line, "phase":
"struck" | "lifted" | "refused"}; others count if they are loud, or tell of the guard, of light,
of rails or of stages.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from lumina.store._events import Event

__all__ = ["FaultSpan", "Incident", "find_faults", "find_incidents"]

TOLD = frozenset({"tier", "reason", "light", "rail", "stage", "state"})
LOUD = frozenset({"warning", "error", "critical"})
SHUT_DOWN = "shut_down"


@dataclass(frozen=True)
class FaultSpan:
    """A planted fault, in bench time; `lifted_s` is None where it lasted to the end."""

    spec: str
    what: str
    struck_s: float
    lifted_s: float | None


@dataclass(frozen=True)
class Incident:
    """An event that an engineer wants to see the morning after.

    Attributes:
        event: what happened.
        after: the fault that had struck last by then; None before any.
        after_s: how long after it, in s.
    """

    event: Event
    after: str | None = None
    after_s: float | None = None


def find_faults(events: Iterable[Event]) -> tuple[FaultSpan, ...]:
    """The planted faults, in the order in which they struck."""
    struck: dict[str, Event] = {}
    lifted: dict[str, float] = {}
    for event in events:
        if event.event == "fault":
            spec, phase = str(event.data.get("spec", "")), event.data.get("phase")
            if phase == "struck":
                struck.setdefault(spec, event)
            elif phase == "lifted":
                lifted[spec] = event.t_s
    return tuple(
        FaultSpan(spec, event.message, event.t_s, lifted.get(spec))
        for spec, event in struck.items()
    )


def find_incidents(events: Iterable[Event]) -> tuple[Incident, ...]:
    """What went wrong and what followed, in the order of its time.

    The bring-up before the first fault, and the orderly end of the run, are not told rail
    by rail.
    """
    told = sorted(events, key=lambda event: event.t_s)
    faults = find_faults(told)
    ends_s = min((e.t_s for e in told if e.data.get("stage") == SHUT_DOWN), default=float("inf"))
    return tuple(
        _incident(event, faults)
        for event in told
        if event.level in LOUD
        or event.event == "fault"
        or (event.event in TOLD and faults and faults[0].struck_s <= event.t_s <= ends_s)
    )


def _incident(event: Event, faults: tuple[FaultSpan, ...]) -> Incident:
    before = [fault for fault in faults if fault.struck_s <= event.t_s]
    if not before or event.event == "fault":
        return Incident(event)
    return Incident(event, before[-1].spec, event.t_s - before[-1].struck_s)
