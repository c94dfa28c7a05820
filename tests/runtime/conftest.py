"""A recorded small bench in virtual time."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lumina.store import Event

ROOT = Path(__file__).parents[2]


@dataclass
class Log:
    """A view that keeps what it was shown."""

    events: list[Event] = field(default_factory=list)
    pulses: int = 0

    def event(self, event: Event) -> None:
        self.events.append(event)

    def pulse(self, source: str, values: dict[str, Any]) -> None:
        self.pulses += 1

    def kinds(self, kind: str) -> list[Event]:
        return [event for event in self.events if event.event == kind]


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def small() -> Path:
    return ROOT / "lab_configs" / "small.yaml"
