"""The thread behind one simulated instrument."""

import os
import select
from collections.abc import Sequence
from threading import Thread
from typing import NamedTuple

from firmware_sim.clock import now_s
from firmware_sim.faults import Fault, FaultKind, Faults
from firmware_sim.instrument import SimulatedInstrument
from firmware_sim.line import Line
from firmware_sim.servers.endpoint import Endpoint

__all__ = ["Server"]

IDLE_S = 0.05
"""Longest time between two calls of an instrument's `idle`."""

UNREAD_S = 0.002
"""How often a client that reads slowly is offered the rest."""

STOP_TIMEOUT_S = 5.0


class Link(NamedTuple):
    """One way in, and the bytes on it."""

    endpoint: Endpoint
    line: Line


class Server:
    """Serves one instrument on its endpoints, from one thread.

    Attributes:
        instrument: who answers; touch it only while the server is stopped.
        endpoints: the ways in.
        faults: what goes wrong on them; may be injected at any time.
    """

    def __init__(
        self,
        name: str,
        instrument: SimulatedInstrument,
        endpoints: Sequence[Endpoint],
        *,
        baud: int | None = None,
        faults: Faults | None = None,
    ) -> None:
        self.instrument, self.endpoints = instrument, tuple(endpoints)
        self.faults = faults or Faults()
        self._links = [Link(e, Line(instrument, self.faults, baud)) for e in self.endpoints]
        self._thread = Thread(target=self._run, name=f"firmware {name}", daemon=True)
        self._stopping = False
        self._back_s: float | None = None
        self._cycles_power = False

    @property
    def resources(self) -> list[str]:
        """Where clients find it, the first way in first; known once it is started."""
        return [endpoint.resource for endpoint in self.endpoints]

    def start(self) -> None:
        """Be there for clients.

        Raises:
            DeviceConnectionError: an address is taken.
        """
        try:
            for endpoint in self.endpoints:
                endpoint.open()
        except BaseException:
            self._close()
            raise
        self._wake_read, self._wake_write = os.pipe()
        self._thread.start()

    def stop(self) -> None:
        """Hang up and be gone; idempotent."""
        if self._thread.ident is None:
            self._close()
        elif not self._stopping:
            self._stopping = True
            self.wake()
            self._thread.join(STOP_TIMEOUT_S)
            os.close(self._wake_read)
            os.close(self._wake_write)

    def inject(self, fault: Fault, count: int = 1) -> None:
        """Let something go wrong while it is served; from any thread."""
        self.faults.inject(fault, count)
        self.wake()

    def wake(self) -> None:
        """Have the thread look at its orders now."""
        os.write(self._wake_write, b".")

    def _run(self) -> None:
        while not self._stopping:
            self._turn()
        self._close()

    def _close(self) -> None:
        for endpoint in self.endpoints:
            endpoint.close()

    def _turn(self) -> None:
        """Wait for bytes or for their time, then pass them on."""
        watched = [
            fd for link in self._links if not link.line.full for fd in link.endpoint.watched()
        ]
        readable, _, _ = select.select([*watched, self._wake_read], [], [], self._patience_s())
        if self._wake_read in readable:
            os.read(self._wake_read, 4096)
        for link in self._links:
            self._take(link, readable)
        self._go_wrong()
        for link in self._links:
            self._give(link)
        self.instrument.idle()

    def _patience_s(self) -> float:
        """How long there is nothing to do unless bytes arrive."""
        if any(link.endpoint.unsent for link in self._links):
            return UNREAD_S
        times = [at for link in self._links if (at := link.line.next_s()) is not None]
        if self._back_s is not None:
            times.append(self._back_s)
        return min(max(min(times) - now_s(), 0.0), IDLE_S) if times else IDLE_S

    def _take(self, link: Link, readable: Sequence[int]) -> None:
        for arrival in link.endpoint.ready(readable):
            if arrival.data:
                link.line.arrive(now_s(), arrival.data, arrival.tag)
            else:
                self._lost(link)

    def _give(self, link: Link) -> None:
        link.endpoint.flush()
        if link.endpoint.choked:
            return
        for out in link.line.due(now_s()):
            link.endpoint.send(out.data, out.tag)

    def _lost(self, link: Link) -> None:
        link.line.clear()
        self.instrument.disconnected()

    def _go_wrong(self) -> None:
        """Carry out the faults that strike the whole instrument, and end them."""
        if self._back_s is not None:
            if now_s() >= self._back_s:
                self._come_back()
            return
        while self._back_s is None and (fault := self.faults.at_once()):
            if fault.kind is FaultKind.STALL:
                for link in self._links:
                    link.line.stall(now_s() + fault.seconds)
            else:
                self._go_away(fault)

    def _go_away(self, fault: Fault) -> None:
        for link in self._links:
            link.endpoint.close()
            self._lost(link)
        self._back_s = now_s() + fault.seconds
        self._cycles_power = fault.kind is FaultKind.POWER_CYCLE

    def _come_back(self) -> None:
        if self._cycles_power:
            self.instrument.power_cycle()
        for endpoint in self.endpoints:
            endpoint.open()
        self._back_s = None
