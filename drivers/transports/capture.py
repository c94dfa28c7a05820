"""Traffic written to a file, and a file that answers in the instrument's place.

One JSON object a line: ``open``, ``close``, ``write`` and ``read`` with the bytes as
text (one character a byte), ``silence`` with seconds, ``lost`` with the reason.
"""

import json
from collections import deque
from pathlib import Path
from typing import Any

from drivers.transports.base import LoopTransport, Transport, TransportError

__all__ = ["Capturing", "Replay", "ReplayError"]


class ReplayError(AssertionError):
    """The driver did something else than the capture tells."""


class Capturing(Transport):
    """A transport whose traffic is written to a file as it happens."""

    def __init__(self, inner: Transport, path: Path) -> None:
        self._inner, self._path = inner, path
        self.resource, self.reopening_forgets = inner.resource, inner.reopening_forgets
        self.patience_s = inner.patience_s
        self._begun = False
        self._quiet_since_s: float | None = None

    def open(self) -> None:
        if not self._begun:
            self._path.write_text("", encoding="utf-8")
            self._begun = True
        self._guard(self._inner.open)
        self._note("open")

    def close(self) -> None:
        self._inner.close()
        if self._begun:
            self._note("close")

    def write(self, data: bytes) -> None:
        self._guard(self._inner.write, data)
        self._note("write", data.decode("latin-1"))

    def read(self, timeout_s: float) -> bytes:
        begin_s = self.now()
        data: bytes = self._guard(self._inner.read, timeout_s)
        if data:
            self._note("read", data.decode("latin-1"))
        elif timeout_s and self._quiet_since_s is None:
            self._quiet_since_s = begin_s
        return data

    def _guard(self, call: Any, *arguments: Any) -> Any:
        try:
            return call(*arguments)
        except TransportError as error:
            self._note("lost", str(error))
            raise

    def _note(self, event: str, what: str | None = None) -> None:
        if self._quiet_since_s is not None:
            quiet_s, self._quiet_since_s = self.now() - self._quiet_since_s, None
            self._line({"event": "silence", "s": round(quiet_s, 6)})
        self._line({"event": event} if what is None else {"event": event, "data": what})

    def _line(self, entry: dict[str, object]) -> None:
        # Opened for each line, so that the file is whole whenever the program ends.
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


class Replay(LoopTransport):
    """Plays the instrument's part of a capture; time-outs in it take no time.

    Call `finish` at the end: a capture that is not used up is a failure.
    """

    reopening_forgets = True

    def __init__(self, path: Path, *, reopening_forgets: bool = True) -> None:
        self.resource = f"replay:{path}"
        self.reopening_forgets = reopening_forgets
        entries = (json.loads(line) for line in path.read_text("utf-8").splitlines())
        self._left: deque[dict[str, Any]] = deque(entries)
        self._now_s = 0.0

    def open(self) -> None:
        self._expect("open")

    def close(self) -> None:
        self._skip_silence()
        if self._next() == "close":
            self._left.popleft()

    def write(self, data: bytes) -> None:
        entry = self._expect("write", data)
        if entry["data"] != data.decode("latin-1"):
            raise ReplayError(f"wrote {data!r}, the capture has {entry['data']!r}")

    async def read(self, timeout_s: float) -> bytes:
        kind = self._next()
        if kind == "lost":
            raise TransportError(self._left.popleft()["data"])
        if kind == "silence":
            return self._stay_silent(timeout_s)
        if kind == "read":
            return str(self._left.popleft()["data"]).encode("latin-1")
        self._now_s += timeout_s
        return b""

    def now(self) -> float:
        return self._now_s

    def finish(self) -> None:
        """Check that the whole capture has been played.

        Raises:
            ReplayError: something is left.
        """
        left = [entry for entry in self._left if entry["event"] not in ("close", "silence")]
        if left:
            raise ReplayError(f"never came to: {left}")

    def _stay_silent(self, timeout_s: float) -> bytes:
        left_s = self._left[0]["s"] - timeout_s
        self._now_s += timeout_s
        if left_s > 1e-9:
            self._left[0]["s"] = left_s
        else:
            self._left.popleft()
        return b""

    def _next(self) -> str:
        return str(self._left[0]["event"]) if self._left else ""

    def _skip_silence(self) -> None:
        while self._next() == "silence":
            self._left.popleft()

    def _expect(self, kind: str, data: bytes = b"") -> dict[str, Any]:
        self._skip_silence()
        if self._next() == "lost":
            raise TransportError(self._left.popleft()["data"])
        if self._next() != kind:
            has = self._left[0] if self._left else "nothing more"
            raise ReplayError(f"{kind} {data!r}, the capture has {has}")
        return self._left.popleft()
