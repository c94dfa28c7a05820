"""What happens on a bench, told once and heard by all: run folder, live view, log."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

from lumina.store import Event

__all__ = ["Journal", "Level"]

Level = Literal["debug", "info", "warning", "error"]

Listener = Callable[[Event], None]


class Journal:
    """Hands every event to every listener, in order. Time is the running loop's."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._start_s: float | None = None

    def listen(self, listener: Listener) -> None:
        """Call `listener` for every event from now on."""
        self._listeners.append(listener)

    def now_s(self) -> float:
        """Bench time: seconds since the first use inside a running loop."""
        now_s = asyncio.get_running_loop().time()
        if self._start_s is None:
            self._start_s = now_s
        return now_s - self._start_s

    def tell(
        self, source: str, event: str, message: str, *, level: Level = "info", **data: Any
    ) -> None:
        """Report one event."""
        happened = Event(self.now_s(), level, source, event, message, data)
        for listener in self._listeners:
            listener(happened)

    @contextmanager
    def stage(self, name: str, message: str) -> Iterator[None]:
        """Bracket a stage of the work; its end is told however it ends."""
        self.tell("bench", "stage", message, stage=name, phase="start")
        outcome = "interrupted"
        try:
            yield
            outcome = "done"
        except Exception:
            outcome = "failed"
            raise
        finally:
            text = f"{name}: {outcome}"
            self.tell("bench", "stage", text, stage=name, phase="end", outcome=outcome)

    def progress(self, stage: str, fraction: float) -> None:
        """Report how far a stage has come, 0 .. 1."""
        text = f"{stage}: {fraction:.0%}"
        self.tell("bench", "progress", text, level="debug", stage=stage, fraction=fraction)
