"""What becomes of bytes and of time at one simulated instrument.

Nothing here waits: whoever has the bytes and the time calls it, be it a thread in real time
or an event loop in virtual time.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from firmware_sim.faults import Fault, FaultKind, Faults
from firmware_sim.instrument import SimulatedInstrument
from firmware_sim.line import Line
from firmware_sim.servers.endpoint import Endpoint

__all__ = ["IDLE_S", "Serving"]

IDLE_S = 0.05
"""Longest time between two calls of an instrument's `idle`."""


class Link(NamedTuple):
    """One way in, and the bytes on it."""

    endpoint: Endpoint
    line: Line


class Serving:
    """One instrument behind its ways in.

    Attributes:
        instrument: who answers; touch it only while it is not served.
        endpoints: the ways in.
        faults: what goes wrong on them.
    """

    def __init__(
        self,
        instrument: SimulatedInstrument,
        endpoints: Sequence[Endpoint],
        *,
        baud: int | None = None,
        faults: Faults | None = None,
    ) -> None:
        self.instrument, self.endpoints = instrument, tuple(endpoints)
        self.faults = faults or Faults()
        self._links = [Link(e, Line(instrument, self.faults, baud)) for e in self.endpoints]
        self._back_s: float | None = None
        self._cycles_power = False

    @property
    def resources(self) -> list[str]:
        """Where clients find it, the first way in first; known once it is open."""
        return [endpoint.resource for endpoint in self.endpoints]

    def open(self) -> None:
        """Be there for clients.

        Raises:
            DeviceConnectionError: an address is taken.
        """
        try:
            for endpoint in self.endpoints:
                endpoint.open()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Hang up; idempotent."""
        for endpoint in self.endpoints:
            endpoint.close()

    def watched(self) -> list[int]:
        """File descriptors on which something may arrive that would be taken."""
        return [fd for link in self._links if not link.line.full for fd in link.endpoint.watched()]

    @property
    def unsent(self) -> bool:
        """Whether a client is slow to read."""
        return any(link.endpoint.unsent for link in self._links)

    def next_s(self) -> float | None:
        """When there is something to do; None until bytes arrive."""
        if self._back_s is not None:
            return self._back_s
        if self.faults.waiting:
            return 0.0
        times = (link.line.next_s() for link in self._links)
        return min((at_s for at_s in times if at_s is not None), default=None)

    def turn(self, now_s: float, readable: Collection[int]) -> None:
        """Take what has arrived, let what is due go wrong, and send what is due."""
        for link in self._links:
            self._take(link, now_s, readable)
        self._go_wrong(now_s)
        for link in self._links:
            self._give(link, now_s)
        self.instrument.idle()

    def _take(self, link: Link, now_s: float, readable: Collection[int]) -> None:
        for arrival in link.endpoint.ready(readable):
            if arrival.data:
                link.line.arrive(now_s, arrival.data, arrival.tag)
            else:
                self._lost(link)

    def _give(self, link: Link, now_s: float) -> None:
        link.endpoint.flush()
        if link.endpoint.choked:
            return
        for out in link.line.due(now_s):
            link.endpoint.send(out.data, out.tag)

    def _lost(self, link: Link) -> None:
        link.line.clear()
        self.instrument.disconnected()

    def _go_wrong(self, now_s: float) -> None:
        """Carry out the faults that strike the whole instrument, and end them."""
        if self._back_s is not None:
            if now_s >= self._back_s:
                self._come_back()
            return
        while self._back_s is None and (fault := self.faults.at_once()):
            if fault.kind is FaultKind.STALL:
                for link in self._links:
                    link.line.stall(now_s + fault.seconds)
            else:
                self._go_away(fault, now_s)

    def _go_away(self, fault: Fault, now_s: float) -> None:
        for link in self._links:
            link.endpoint.close()
            self._lost(link)
        self._back_s = now_s + fault.seconds
        self._cycles_power = fault.kind is FaultKind.POWER_CYCLE

    def _come_back(self) -> None:
        if self._cycles_power:
            self.instrument.power_cycle()
        for endpoint in self.endpoints:
            endpoint.open()
        self._back_s = None
