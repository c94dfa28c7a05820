"""A pseudo-terminal in place of a serial port."""

import os
import tempfile
import tty
from collections.abc import Collection
from pathlib import Path

from firmware_sim.servers.endpoint import READ_BYTES, Arrival, Endpoint

__all__ = ["PtyEndpoint"]

DEVICES = Path("/dev/shm")
"""Where links to ptys are kept: in memory, and an address under /dev as serial ports have."""


class PtyEndpoint(Endpoint):
    """A pty behind a link that stays when the pty does not, as /dev/serial/by-id does.

    Both ends are raw, and the near side of the pty is kept open, so that a client may
    come and go. As on a real line, nobody notices when it does.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        root = DEVICES if os.access(DEVICES, os.W_OK) else None
        self._folder = Path(tempfile.mkdtemp(prefix="lumina-", dir=root))
        self._link = self._folder / name
        self.resource = str(self._link)
        self._instrument_end: int | None = None
        self._client_end: int | None = None

    def open(self) -> None:
        self._instrument_end, self._client_end = os.openpty()
        tty.setraw(self._instrument_end)
        tty.setraw(self._client_end)
        os.set_blocking(self._instrument_end, False)
        self._folder.mkdir(exist_ok=True)
        self._link.unlink(missing_ok=True)
        self._link.symlink_to(os.ttyname(self._client_end))

    def close(self) -> None:
        self._link.unlink(missing_ok=True)
        if self._folder.exists():
            self._folder.rmdir()
        for end in (self._instrument_end, self._client_end):
            if end is not None:
                os.close(end)
        self._instrument_end = self._client_end = None
        self._unsent.clear()

    def watched(self) -> Collection[int]:
        return () if self._instrument_end is None else (self._instrument_end,)

    def ready(self, readable: Collection[int]) -> list[Arrival]:
        if self._instrument_end is None or self._instrument_end not in readable:
            return []
        return [Arrival(os.read(self._instrument_end, READ_BYTES))]

    def _write_some(self, data: bytes) -> int:
        if self._instrument_end is None:
            return len(data)
        try:
            return os.write(self._instrument_end, data)
        except BlockingIOError:
            return 0
