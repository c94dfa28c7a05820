"""A serial line whose messages are told apart by silence, as Modbus RTU's are."""

import asyncio
import contextlib
import time

from drivers.transports.base import LoopTransport, Transport, TransportError

__all__ = ["QuietLine", "QuietLoopLine"]


class QuietLine(Transport):
    """Waits before it sends until nothing has been on the line for a while.

    Attributes:
        gap_s: the silence, s.
        byte_s: time that a byte takes on the line, s.
    """

    def __init__(self, line: Transport, *, gap_s: float, byte_s: float) -> None:
        self.gap_s, self.byte_s = gap_s, byte_s
        self.resource, self.reopening_forgets = line.resource, line.reopening_forgets
        self._line = line
        self._busy_until_s = line.now()

    def open(self) -> None:
        self._line.open()
        self._busy_until_s = self.now()

    def close(self) -> None:
        self._line.close()

    def write(self, data: bytes) -> None:
        wait_s = self._busy_until_s + self.gap_s - self.now()
        if wait_s > 0.0:
            time.sleep(wait_s)  # noqa: TID251 - on the bus's own thread, and 2 ms at most
        self._line.write(data)
        # The system takes the bytes at once and sends them at the line's pace.
        self._busy_until_s = self.now() + len(data) * self.byte_s

    def read(self, timeout_s: float) -> bytes:
        data = self._line.read(timeout_s)
        if data:
            self._busy_until_s = self.now()
        return data

    def now(self) -> float:
        return self._line.now()


class QuietLoopLine(LoopTransport):
    """As `QuietLine`, for a line that waits on the event loop.

    Attributes:
        gap_s: the silence, s.
        byte_s: time that a byte takes on the line, s.
    """

    def __init__(self, line: LoopTransport, *, gap_s: float, byte_s: float) -> None:
        self.gap_s, self.byte_s = gap_s, byte_s
        self.resource, self.reopening_forgets = line.resource, line.reopening_forgets
        self._line = line
        self._busy_until_s = 0.0

    def open(self) -> None:
        self._line.open()
        self._busy_until_s = self.now()

    def close(self) -> None:
        self._line.close()

    def write(self, data: bytes) -> None:
        start_s = max(self.now(), self._busy_until_s + self.gap_s)
        self._busy_until_s = start_s + len(data) * self.byte_s
        asyncio.get_running_loop().call_at(start_s, self._send, data)

    async def read(self, timeout_s: float) -> bytes:
        data = await self._line.read(timeout_s)
        if data:
            self._busy_until_s = self.now()
        return data

    def now(self) -> float:
        return self._line.now()

    def _send(self, data: bytes) -> None:
        with contextlib.suppress(TransportError):  # whoever waits for the answer is told
            self._line.write(data)
