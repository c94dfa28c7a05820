"""A run with faults, told afterwards: which struck when, and what the bench did about them."""

from collections.abc import Sequence
from typing import Any

from lumina.runtime.faults.planned import PlannedFault
from lumina.store import Event, Incident, find_incidents

__all__ = ["Story"]


class Story:
    """A view that remembers all that happened."""

    def __init__(self, planned: Sequence[PlannedFault]) -> None:
        self._planned = planned
        self._events: list[Event] = []

    def event(self, event: Event) -> None:
        """Take an event in."""
        self._events.append(event)

    def pulse(self, source: str, values: dict[str, Any]) -> None:
        """Present values are not kept."""

    def faults(self) -> list[dict[str, Any]]:
        """What became of every planned fault, as plain values, in the order of their time."""
        phases = {
            (event.data["spec"], event.data["phase"]): event
            for event in self._events
            if event.event == "fault"
        }
        return [_fault(fault, phases) for fault in self._planned]

    def reactions(self) -> list[dict[str, Any]]:
        """Everything that followed a fault, as plain values, in the order of its time."""
        incidents = find_incidents(self._events)
        return [_reaction(incident) for incident in incidents if incident.after is not None]


def _fault(fault: PlannedFault, phases: dict[tuple[str, str], Event]) -> dict[str, Any]:
    severity = fault.kind.severity
    struck, lifted, refused = (
        phases.get((str(fault), phase)) for phase in ("struck", "lifted", "refused")
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


def _reaction(incident: Incident) -> dict[str, Any]:
    event, after_s = incident.event, incident.after_s
    return {
        "t_s": round(event.t_s, 6),
        "after": incident.after,
        "after_s": None if after_s is None else round(after_s, 6),
        "source": event.source,
        "event": event.event,
        "level": event.level,
        "message": event.message,
    }
