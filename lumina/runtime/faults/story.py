"""A run with faults, told afterwards: which struck when, and what the bench did about them."""

from collections.abc import Sequence
from typing import Any

from lumina.runtime.faults.planned import PlannedFault
from lumina.store import Event

__all__ = ["Story"]

ALWAYS_TOLD = frozenset({"tier", "rail", "stage", "state"})
LOUD = frozenset({"warning", "error", "critical"})


class Story:
    """A view that keeps the faults, and what happened from the first one on.

    The orderly end of a run is not told rail by rail.
    """

    def __init__(self, planned: Sequence[PlannedFault]) -> None:
        self._planned = planned
        self._phases: dict[tuple[str, str], Event] = {}
        self._strikes: list[Event] = []
        self._events: list[Event] = []
        self._ending = False

    def event(self, event: Event) -> None:
        """Take an event in."""
        if event.event == "fault":
            self._phases[event.data["spec"], event.data["phase"]] = event
            self._strikes += [event] if event.data["phase"] == "struck" else []
        elif self._matters(event):
            self._events.append(event)
        self._ending |= event.data.get("stage") == "shut_down"

    def pulse(self, source: str, values: dict[str, Any]) -> None:
        """Present values are not kept."""

    def _matters(self, event: Event) -> bool:
        quiet = event.event in ALWAYS_TOLD and not self._ending
        return bool(self._strikes) and (quiet or event.level in LOUD)

    def faults(self) -> list[dict[str, Any]]:
        """What became of every planned fault, as plain values, in the order of their time."""
        return [self._fault(fault) for fault in self._planned]

    def _fault(self, fault: PlannedFault) -> dict[str, Any]:
        severity = fault.kind.severity
        struck, lifted, refused = (
            self._phases.get((str(fault), phase)) for phase in ("struck", "lifted", "refused")
        )
        return {
            "fault": fault.name,
            "what": fault.kind.what,
            "place": fault.place or None,
            "value": None if severity is None else fault.value,
            "unit": None if severity is None else severity.unit,
            "spec": str(fault),
            "struck_s": None if struck is None else struck.t_s,
            "lifted_s": None if lifted is None else lifted.t_s,
            "problem": None if refused is None else refused.message,
        }

    def reactions(self) -> list[dict[str, Any]]:
        """Everything that followed a fault, as plain values, in the order of its time."""
        followed = [event for event in self._events if event.t_s >= self._strikes[0].t_s]
        return [self._reaction(event) for event in sorted(followed, key=lambda e: e.t_s)]

    def _reaction(self, event: Event) -> dict[str, Any]:
        """An event beside the last fault that had struck by then."""
        fault = [strike for strike in self._strikes if strike.t_s <= event.t_s][-1]
        return {
            "t_s": round(event.t_s, 6),
            "after": fault.data["spec"],
            "after_s": round(event.t_s - fault.t_s, 6),
            "source": event.source,
            "event": event.event,
            "level": event.level,
            "message": event.message,
        }
