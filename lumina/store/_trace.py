"""The trace hash: one number for everything that a run recorded."""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lumina.store._files import canonical_json

__all__ = ["TraceHasher"]


class TraceHasher:
    """SHA-256 over recorded rows and events.

    Every table and the event log is a stream of its own, so the hash depends on what was
    recorded and in which order within a stream, not on how often buffers were flushed.
    Whoever records must keep wall-clock times, paths and process numbers out of rows and
    events; those belong in ``run.json``.
    """

    def __init__(self) -> None:
        self._streams: dict[str, Any] = {}

    def add_rows(self, table: str, rows: NDArray[Any]) -> None:
        """Count rows of one table in. Shape (rows,), structured."""
        self._stream(f"rows:{table}").update(np.ascontiguousarray(rows).tobytes())

    def add_event(self, event: object) -> None:
        """Count one event in, as canonical JSON."""
        self._stream("events").update(canonical_json(event) + b"\n")

    def hexdigest(self) -> str:
        """The hash of all that was added so far: 64 hexadecimal digits."""
        total = hashlib.sha256()
        for name in sorted(self._streams):
            total.update(f"{name}={self._streams[name].hexdigest()}\n".encode())
        return total.hexdigest()

    def _stream(self, name: str) -> Any:
        return self._streams.setdefault(name, hashlib.sha256())
