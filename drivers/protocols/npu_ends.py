"""Python's side of a pump: its buffers, and its ends of the two rings."""

import contextlib
import os
import threading

import numpy as np

from drivers.protocols.npu import MAX_FRAME, MAX_MESSAGE
from drivers.protocols.npu_compiled import crc_table
from drivers.protocols.npu_pump import (
    BACKLOG_BYTES,
    CHUNK_BYTES,
    PUMP_STATE,
    SLOTS,
    Pump,
    Ring,
)
from lumina.realtime import POLL, READABLE

__all__ = ["PumpEnds", "RingEnds"]


def build_ring() -> Ring:
    """An empty ring."""
    slots = np.zeros((SLOTS, MAX_MESSAGE), np.uint8)
    counts = np.zeros((2, 1), np.int64)
    return Ring(slots, np.zeros(SLOTS, np.int64), counts[0], counts[1])


def build_pump() -> Pump:
    """A pump without a wire."""
    state = np.zeros(1, PUMP_STATE)
    state["fd"] = state["notify_fd"] = -1
    polled = np.zeros(2, POLL)
    polled["fd"] = -1
    polled["events"] = READABLE
    buffers = [
        np.zeros(size, np.uint8) for size in (8, CHUNK_BYTES, MAX_FRAME, MAX_FRAME, MAX_MESSAGE)
    ]
    word, chunk, frame, incoming, outgoing = buffers
    return Pump(
        state=state,
        polled=polled,
        timespec=np.zeros(2, np.int64),
        word=word,
        table=crc_table(),
        chunk=chunk,
        frame=frame,
        incoming=incoming,
        outgoing=outgoing,
        backlog=np.zeros(BACKLOG_BYTES, np.uint8),
        inbox=build_ring(),
        outbox=build_ring(),
    )


class RingEnds:
    """Python's ends of the rings of a pump that nobody has to be woken for.

    Attributes:
        pump: what compiled code works on.
    """

    def __init__(self) -> None:
        self.pump = build_pump()

    def attach(self, fd: int) -> None:
        """Give the pump a wire, with an end to whatever was half said on it before."""
        state = self.pump.state
        self.pump.backlog[0] = 0
        state["sending"], state["gone"] = 1, 0
        state["fd"] = fd
        self.ring()

    def detach(self) -> None:
        """Take the wire away, and forget what came over it or waits for it.

        Nobody may run the pump meanwhile.
        """
        state, outbox = self.pump.state, self.pump.outbox
        state["fd"], state["gone"] = -1, 1
        for name in ("filled", "overlong", "sending", "chunk_at", "chunk_end"):
            state[name] = 0
        outbox.read[0] = outbox.written[0]
        self.fetch()

    @property
    def gone(self) -> bool:
        """Whether the wire has been lost since it was attached."""
        return bool(self.pump.state["gone"][0])

    def ring(self) -> None:
        """Tell whoever runs the pump that there is something to do."""

    def close(self) -> None:
        """Free what the system has lent. Nobody may run the pump any more."""

    def post(self, message: bytes) -> bool:
        """Have header and payload of a message sent; False if too many wait already."""
        ring = self.pump.outbox
        written = int(ring.written[0])
        if written - int(ring.read[0]) >= SLOTS:
            return False
        slot = written % SLOTS
        ring.slots[slot, : len(message)] = np.frombuffer(message, np.uint8)
        ring.lengths[slot] = len(message)
        ring.written[0] = written + 1
        self.ring()
        return True

    def fetch(self) -> list[bytes]:
        """Header and payload of each message that has come in since the last call."""
        ring = self.pump.inbox
        found = []
        while ring.read[0] < ring.written[0]:
            slot = int(ring.read[0]) % SLOTS
            found.append(ring.slots[slot, : int(ring.lengths[slot])].tobytes())
            ring.read[0] += 1
        return found


class PumpEnds(RingEnds):
    """Python's ends of the rings of a pump that a thread runs; each side wakes the other.

    Attributes:
        notify_fd: readable when there is something in the inbox, or the wire is gone.
    """

    def __init__(self) -> None:
        super().__init__()
        self.notify_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._bell_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.pump.state["notify_fd"] = self.notify_fd
        self.pump.polled[1]["fd"] = self._bell_fd

    def stop(self, thread: threading.Thread) -> None:
        """End the thread that runs the pump; the wire stays."""
        self.pump.state["stop"] = 1
        self.ring()
        thread.join()
        self.pump.state["stop"] = 0

    def close(self) -> None:
        os.close(self.notify_fd)
        os.close(self._bell_fd)

    def ring(self) -> None:
        os.eventfd_write(self._bell_fd, 1)

    def fetch(self) -> list[bytes]:
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self.notify_fd)
        return super().fetch()
