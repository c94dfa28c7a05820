"""When bytes pass between a client and a simulated instrument.

No I/O and no clock: whoever owns the time says what it is, so that the same line runs in
real time behind a socket and in virtual time in memory.
"""

from collections import deque
from dataclasses import dataclass
from typing import Any

from firmware_sim.faults import Faults
from firmware_sim.instrument import SimulatedInstrument

__all__ = ["Line", "Outgoing"]

BITS_PER_BYTE = 10
"""Start bit, eight data bits, stop bit."""

INBOX_BYTES = 1 << 16
"""Beyond this the client is not read any more, as a receive buffer that is full."""


@dataclass(frozen=True)
class Outgoing:
    """Bytes to send.

    Attributes:
        at_s: when the last of them arrives.
        data: the bytes.
        tag: what came with the message that they answer.
    """

    at_s: float
    data: bytes
    tag: Any


class Line:
    """One wire to one instrument: pacing in both directions, command times, faults.

    The instrument takes one message at a time: what comes while it is busy waits.
    """

    def __init__(
        self, instrument: SimulatedInstrument, faults: Faults, baud: int | None = None
    ) -> None:
        self._instrument, self._faults = instrument, faults
        self._byte_s = BITS_PER_BYTE / baud if baud else 0.0
        self._inbox: deque[tuple[float, bytes, Any]] = deque()
        self._outbox: deque[Outgoing] = deque()
        self._received_s = self._busy_s = self._sent_s = 0.0

    @property
    def full(self) -> bool:
        """Whether the client must wait with further bytes."""
        return sum(len(data) for _, data, _ in self._inbox) >= INBOX_BYTES

    def arrive(self, now_s: float, data: bytes, tag: Any = None) -> None:
        """Take bytes from the client."""
        self._received_s = max(self._received_s, now_s) + len(data) * self._byte_s
        self._inbox.append((self._received_s, data, tag))

    def stall(self, until_s: float) -> None:
        """Neither take nor give a byte until then."""
        self._busy_s = max(self._busy_s, until_s)
        self._sent_s = max(self._sent_s, until_s)
        self._outbox = deque(
            Outgoing(max(out.at_s, until_s), out.data, out.tag) for out in self._outbox
        )

    def clear(self) -> None:
        """Forget what is on its way in both directions: the client has gone."""
        self._inbox.clear()
        self._outbox.clear()
        self._received_s = self._busy_s = self._sent_s = 0.0

    def due(self, now_s: float) -> list[Outgoing]:
        """Let the instrument work, and give what has to be sent by now."""
        while self._inbox and max(self._inbox[0][0], self._busy_s) <= now_s:
            arrived_s, data, tag = self._inbox.popleft()
            # By the wire's time, not by when this thread woke up: its delay adds to nothing.
            self._work(max(arrived_s, self._busy_s), data, tag)
        sent = []
        while self._outbox and self._outbox[0].at_s <= now_s:
            sent.append(self._outbox.popleft())
        return sent

    def next_s(self) -> float | None:
        """When `due` will have something to do; None until bytes arrive."""
        times = [self._outbox[0].at_s] if self._outbox else []
        if self._inbox:
            times.append(max(self._inbox[0][0], self._busy_s))
        return min(times, default=None)

    def _work(self, start_s: float, data: bytes, tag: Any) -> None:
        self._busy_s = start_s
        for reply in self._instrument.receive(data):
            self._busy_s += reply.delay_s
            if not reply.data:
                continue
            pieces, late_s = self._faults.disturbed(reply.data)
            for piece in pieces:
                wire_s = len(piece) * self._byte_s
                self._sent_s = max(self._sent_s, self._busy_s + late_s) + wire_s
                self._outbox.append(Outgoing(self._sent_s, piece, tag))
