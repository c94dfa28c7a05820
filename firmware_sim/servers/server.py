"""The thread behind one simulated instrument."""

import os
import select
from collections.abc import Sequence
from threading import Thread

from firmware_sim.clock import now_s
from firmware_sim.faults import Fault, Faults
from firmware_sim.instrument import SimulatedInstrument
from firmware_sim.servers.endpoint import Endpoint
from firmware_sim.servers.serving import IDLE_S, Serving

__all__ = ["Server"]

UNREAD_S = 0.002
"""How often a client that reads slowly is offered the rest."""

STOP_TIMEOUT_S = 5.0


class Server(Serving):
    """Serves one instrument on its endpoints, from one thread; touch nothing meanwhile."""

    def __init__(
        self,
        name: str,
        instrument: SimulatedInstrument,
        endpoints: Sequence[Endpoint],
        *,
        baud: int | None = None,
        faults: Faults | None = None,
    ) -> None:
        super().__init__(instrument, endpoints, baud=baud, faults=faults)
        self._thread = Thread(target=self._run, name=f"firmware {name}", daemon=True)
        self._stopping = False

    def start(self) -> None:
        """Be there for clients.

        Raises:
            DeviceConnectionError: an address is taken.
        """
        self.open()
        self._wake_read, self._wake_write = os.pipe()
        self._thread.start()

    def stop(self) -> None:
        """Hang up and be gone; idempotent."""
        if self._thread.ident is None:
            self.close()
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
            watched = [*self.watched(), self._wake_read]
            readable, _, _ = select.select(watched, [], [], self._patience_s())
            if self._wake_read in readable:
                os.read(self._wake_read, 4096)
            self.turn(now_s(), readable)
        self.close()

    def _patience_s(self) -> float:
        """How long there is nothing to do unless bytes arrive."""
        if self.unsent:
            return UNREAD_S
        at_s = self.next_s()
        return IDLE_S if at_s is None else min(max(at_s - now_s(), 0.0), IDLE_S)
