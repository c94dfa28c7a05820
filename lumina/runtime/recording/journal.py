"""What happens on a bench, told once and heard by all: run folder, live view, log."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, Protocol

from lumina.store import Event

__all__ = ["Journal", "Level", "View"]

Level = Literal["debug", "info", "warning", "error"]


class View(Protocol):
    """Something that shows a bench to a person while it runs."""

    def event(self, event: Event) -> None:
        """Something happened."""

    def pulse(self, source: str, values: dict[str, Any]) -> None:
        """The present values of something; only the newest matter, none are recorded."""


class Journal:
    """Hands every event to every listener, in order. Time is the running loop's.

    Args:
        views: shown every event and every pulse.
    """

    def __init__(self, *views: View) -> None:
        self._views = views
        self._listeners: list[Callable[[Event], None]] = [view.event for view in views]
        self._start_s: float | None = None

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Call `listener` for every event from now on."""
        self._listeners.append(listener)

    def now_s(self) -> float:
        """Bench time: seconds since the first use inside a running loop."""
        now_s = asyncio.get_running_loop().time()
        if self._start_s is None:
            self._start_s = now_s
        return now_s - self._start_s

    def tell(
        self,
        source: str,
        event: str,
        message: str,
        *,
        level: Level = "info",
        at_s: float | None = None,
        **data: Any,
    ) -> None:
        """Report one event.

        Args:
            source: device or part that it concerns.
            event: its kind in one word.
            message: the same for people.
            level: how much it matters.
            at_s: bench time at which it happened, s; the present by default.
            data: plain values that belong to it.
        """
        happened = Event(
            self.now_s() if at_s is None else at_s, level, source, event, message, data
        )
        for listener in self._listeners:
            listener(happened)

    def pulse(self, source: str, **values: Any) -> None:
        """Show present values to whoever watches."""
        for view in self._views:
            view.pulse(source, values)

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
