"""A simulated instrument on the event loop of its client: no wire, no thread.

Its time is the loop's, real or virtual, so that every byte, every command and every fault
comes at its own moment there, too.
"""

import asyncio
from collections.abc import Collection, Sequence
from math import floor

from drivers.transports.memory import Plug
from firmware_sim.faults import Fault, Faults
from firmware_sim.instrument import SimulatedInstrument
from firmware_sim.servers.endpoint import Arrival, Endpoint
from firmware_sim.servers.serving import IDLE_S, Serving

__all__ = ["MemoryEndpoint", "MemoryServer"]

CLOCK_STEP_S = 1e-9
"""A virtual clock stands on whole nanoseconds: a timer may be so much early."""


class MemoryEndpoint(Endpoint):
    """An address in memory, and its one client."""

    def __init__(self, name: str, *, serial: bool) -> None:
        """Be found under a name.

        Args:
            name: the address without its scheme.
            serial: whether it behaves like a serial line, or like a connection.
        """
        super().__init__()
        self._name, self._serial = name, serial
        self._plug: Plug | None = None
        self._arrivals: list[Arrival] = []
        self.server: MemoryServer | None = None

    def open(self) -> None:
        self._plug = Plug(self._name, self, serial=self._serial)
        self.resource = self._plug.address

    def close(self) -> None:
        plug, self._plug = self._plug, None
        if plug is not None:
            plug.pull()
        self._unsent.clear()

    def watched(self) -> Collection[int]:
        return ()

    def ready(self, readable: Collection[int]) -> list[Arrival]:
        del readable
        arrivals, self._arrivals = self._arrivals, []
        return arrivals

    def receive(self, data: bytes) -> None:
        """The client has sent bytes."""
        self._arrived(data)

    def disconnected(self) -> None:
        """The client has gone."""
        self._arrived(b"")

    def _arrived(self, data: bytes) -> None:
        self._arrivals.append(Arrival(data))
        if self.server is not None:
            self.server.wake()

    def _write_some(self, data: bytes) -> int:
        if self._plug is not None:
            self._plug.send(data)
        return len(data)


class MemoryServer(Serving):
    """Serves one instrument from the running event loop; touch what you like, between turns."""

    def __init__(
        self,
        instrument: SimulatedInstrument,
        endpoints: Sequence[MemoryEndpoint],
        *,
        baud: int | None = None,
        faults: Faults | None = None,
    ) -> None:
        super().__init__(instrument, endpoints, baud=baud, faults=faults)
        for endpoint in endpoints:
            endpoint.server = self
        # Most do nothing unasked: they need no waking.
        self._acts_unasked = type(instrument).idle is not SimulatedInstrument.idle
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Be there for clients of the running loop."""
        self._loop = asyncio.get_running_loop()
        self.open()
        self.wake()

    def stop(self) -> None:
        """Hang up and be gone; idempotent."""
        self._loop = None
        if self._timer is not None:
            self._timer.cancel()
        self.close()

    def inject(self, fault: Fault, count: int = 1) -> None:
        """Let something go wrong."""
        self.faults.inject(fault, count)
        self.wake()

    def wake(self) -> None:
        """Do what there is to do now, and come back when there is more."""
        if self._loop is None:
            return
        now_s = self._loop.time() + CLOCK_STEP_S
        self.turn(now_s, ())
        if self._timer is not None:
            self._timer.cancel()
        at_s = self._next_turn_s(now_s)
        self._timer = None if at_s is None else self._loop.call_at(at_s, self.wake)

    def _next_turn_s(self, now_s: float) -> float | None:
        at_s = self.next_s()
        if not self._acts_unasked:
            return at_s
        # All instruments at the same moments: the plants then run in longer batches.
        idle_s = (floor(now_s / IDLE_S) + 1) * IDLE_S
        return idle_s if at_s is None else min(at_s, idle_s)
