"""The event log: one JSON object per line, written through at once."""

import fcntl
import json
import math
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lumina.errors import StoreError
from lumina.store._files import plain
from lumina.store._trace import TraceHasher

__all__ = [
    "Event",
    "EventLog",
    "EventWriter",
    "is_being_written",
    "parse_event",
    "read_events",
]


@dataclass(frozen=True)
class Event:
    """Something that happened on the bench.

    Attributes:
        t_s: bench time, in s.
        level: ``debug``, ``info``, ``warning``, ``error`` or ``critical``.
        source: who says so, for example an instrument's name.
        event: what kind of thing it was, in one word that programs can look for.
        message: the same for people.
        data: values that belong to it.
    """

    t_s: float
    level: str
    source: str
    event: str
    message: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class EventLog:
    """What could be read of an event log.

    Attributes:
        events: every whole line, in the order written.
        problems: what could not be read, in words; empty for a clean log.
    """

    events: tuple[Event, ...]
    problems: tuple[str, ...] = ()


class EventWriter:
    """Appends events to a file; each is handed to the system before `write` returns.

    The open file carries a lock that the system drops when the process ends, however it
    ends: that is how a reader tells a run in progress from one that was killed.
    """

    def __init__(self, path: Path, trace: TraceHasher | None = None) -> None:
        """Raises StoreError where the file cannot be created."""
        self._path = path
        self._trace = trace
        self._torn = False
        try:
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise StoreError(path, f"cannot be created: {error.strerror}") from error
        with suppress(OSError):  # a file system without locks: the run will look interrupted
            fcntl.flock(self._file, fcntl.LOCK_EX)

    def write(self, event: Event) -> None:
        """Append one event.

        Raises:
            StoreError: the disk is full or gone; what was written before stays readable.
        """
        record = asdict(event)
        if self._trace is not None:
            self._trace.add_event(record)
        self._append(json.dumps(plain(record), allow_nan=False).encode("ascii") + b"\n")

    def _append(self, line: bytes) -> None:
        # A line cut short by a full disk is closed first, so that the next one is whole.
        content = b"\n" + line if self._torn else line
        try:
            written = self._file.write(content)
        except (OSError, ValueError) as error:
            raise StoreError(self._path, f"cannot be written: {error}") from error
        self._torn = written != len(content)
        if self._torn:
            raise StoreError(self._path, "cannot be written: the disk is full")

    def close(self) -> None:
        """Close the file and drop the lock; idempotent."""
        self._file.close()


def is_being_written(path: Path) -> bool:
    """Whether a living process holds this event log open for writing."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
    return False


def parse_event(line: bytes) -> Event:
    """Read one line of an event log.

    Raises:
        ValueError: the line is not a whole event; the text says what is wrong.
    """
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError("not JSON") from error
    if not isinstance(record, dict):
        raise ValueError("not an object")
    return Event(
        t_s=_time_s(record.get("t_s")),
        data=_mapping(record.get("data", {})),
        **{name: _text(record, name) for name in ("level", "source", "event", "message")},
    )


def _time_s(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("t_s is not a number")
    try:
        time_s = float(value)
    except OverflowError as error:
        raise ValueError("t_s is out of range") from error
    if not math.isfinite(time_s):
        raise ValueError("t_s is not finite")
    return time_s


def _mapping(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("data is not an object")
    return value


def _text(record: Mapping[str, Any], name: str) -> str:
    value = record.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name} is not a text")
    return value


def read_events(path: Path) -> EventLog:
    """Read an event log, also one that is being written or whose writer was killed.

    Never raises for what the file holds: a line that cannot be read is left out and
    named in `EventLog.problems`.

    Raises:
        StoreError: the file exists but the system does not let it be read.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return EventLog((), (f"{path.name} is missing",))
    except OSError as error:
        raise StoreError(path, f"cannot be read: {error.strerror}") from error
    return _parse_log(content, path.name)


def _parse_log(content: bytes, name: str) -> EventLog:
    events: list[Event] = []
    problems: list[str] = []
    *lines, tail = content.split(b"\n")
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            events.append(parse_event(line))
        except ValueError as error:
            problems.append(f"{name} line {number} was left out: {error}")
    if tail:
        problems.append(f"{name}: the last line is torn and was left out")
    return EventLog(tuple(events), tuple(problems))
