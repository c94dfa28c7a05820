"""A simulated NPU board: it owns the time of its plant, and exchanges frames over a wire.

Unlike the other simulated instruments it is not asked now and then: a compiled thread runs
the plant and the wire each millisecond (`firmware_sim.npu.loop`). A second thread, in
Python, answers requests and lets clients in; nothing that it does can delay the first.
"""

import os
import select
import threading
from collections import deque
from typing import Literal

from drivers.options import DriverOptions
from drivers.protocols.npu_ends import PumpEnds
from firmware_sim.clock import now_s
from firmware_sim.faults import Fault, FaultKind, FaultPlan
from firmware_sim.npu.board import NpuBoard
from firmware_sim.npu.harm import HARM, build_harms, order
from firmware_sim.npu.loop import run_board
from firmware_sim.servers import Endpoint, PtyEndpoint, TcpEndpoint
from lumina.compiled import entry_point
from lumina.privileges import raise_privileges
from twin.plant import Plant

__all__ = ["LuminaNpu"]

STOP_TIMEOUT_S = 5.0

LET_GO_S = 0.001
"""How often it is looked whether the wire has been let go of."""

NS_PER_S = 1e9


class LuminaNpu:
    """One board about one plant; while it is served, nobody else may step that plant.

    Attributes:
        resource: where clients find it, while it is served.
    """

    ticks_plant = True

    def __init__(self, name: str, options: DriverOptions, plant: Plant) -> None:
        """Put a board together; its time starts when it is served.

        Args:
            name: the instrument's name.
            options: a board tells what it has, there is nothing to set.
            plant: what it is made of.
        """
        del options
        self.name = name
        self.resource = ""
        self._ends = PumpEnds()
        self._board = NpuBoard(plant, self._ends, int.from_bytes(os.urandom(4), "little"))
        self._harms = build_harms(name, FaultPlan())
        self._departures: deque[Fault] = deque()
        self._back_s: float | None = None
        self._endpoint: Endpoint | None = None
        self._listener_fd = -1
        self._stopping, self._closed = threading.Event(), False
        self._threads = (
            threading.Thread(target=self._live, name=f"board-{name}", daemon=True),
            threading.Thread(target=self._attend, name=f"requests-{name}", daemon=True),
        )

    def plan_faults(self, plan: FaultPlan) -> None:
        """Have a share of all frames and replies struck; to be called before it is served.

        Raises:
            UsageError: a kind of fault that does not befall a message.
        """
        self._harms = build_harms(self.name, plan)

    def inject(self, fault: Fault, count: int = 1) -> None:
        """Let something go wrong: with the next `count` messages out, or with the board."""
        if fault.kind in HARM:
            order(self._harms, fault, count)
        elif fault.kind is FaultKind.STALL:
            until_s = now_s() + fault.seconds
            self._harms.state["deaf_until_ns"] = round(until_s * NS_PER_S)
        else:
            self._departures.append(fault)
            os.eventfd_write(self._ends.notify_fd, 1)

    def serve(self, kind: Literal["pty", "tcp"], *, host: str = "127.0.0.1", port: int = 0) -> str:
        """Start the board's time and let a client in; returns the resource.

        Args:
            kind: what to be found on.
            host: the interface to listen on.
            port: TCP port; 0 takes any free one.

        Raises:
            DeviceConnectionError: the port is taken.
        """
        self._endpoint = (
            PtyEndpoint(self.name) if kind == "pty" else TcpEndpoint(self.name, host, port)
        )
        self._be_there()
        self.resource = self._endpoint.resource
        self._compile()
        for thread in self._threads:
            thread.start()
        return self.resource

    def stop(self) -> None:
        """Power off: both threads end, the wire is gone; idempotent."""
        if self._endpoint is None or self._closed:
            return
        self._closed = True
        self._stopping.set()
        self._ends.pump.state["stop"] = 1
        self._ends.ring()
        os.eventfd_write(self._ends.notify_fd, 1)
        for thread in self._threads:
            thread.join(STOP_TIMEOUT_S)
        self._endpoint.close()
        self._ends.close()

    def _compile(self) -> None:
        """Have all machine code made before anybody waits for an answer."""
        self._run = entry_point(run_board, self._board.arrays, self._harms)
        self._board.compile()

    def _live(self) -> None:
        raise_privileges()
        self._run(self._board.arrays, self._harms)

    # The second thread

    def _attend(self) -> None:
        while not self._stopping.is_set():
            watched = [fd for fd in (self._ends.notify_fd, self._listener_fd) if fd >= 0]
            readable, _, _ = select.select(watched, [], [], self._patience_s())
            if self._listener_fd in readable:
                self._let_in()
            for message in self._ends.fetch():
                self._ends.post(self._board.reply(message))
            if self._ends.gone:
                self._let_go()
            self._go_and_come()

    def _patience_s(self) -> float | None:
        """How long there is nothing to do unless somebody says something."""
        return None if self._back_s is None else max(self._back_s - now_s(), 0.0)

    def _go_and_come(self) -> None:
        """Be away as ordered, and back when it is time."""
        if self._back_s is not None and now_s() >= self._back_s:
            self._back_s = None
            self._be_there()
        elif self._back_s is None and self._departures:
            self._go_away(self._departures.popleft())

    def _go_away(self, fault: Fault) -> None:
        assert self._endpoint is not None
        state = self._board.arrays.state
        if fault.kind is FaultKind.POWER_CYCLE:
            self._board.boot = (self._board.boot + 1) & 0xFFFFFFFF
            state["reset"] = 1
        state["hang_up"] = 1
        self._ends.ring()
        while state["hang_up"][0] == 1 and not self._stopping.wait(LET_GO_S):
            pass  # the thread that lives may be reading from the wire
        self._ends.pump.state["gone"] = 0
        self._listener_fd = -1
        self._endpoint.close()
        self._back_s = now_s() + fault.seconds

    def _be_there(self) -> None:
        """Open the address, for a client to come."""
        assert self._endpoint is not None
        self._endpoint.open()
        (fd,) = self._endpoint.watched()
        if isinstance(self._endpoint, PtyEndpoint):
            self._ends.attach(fd)
        else:
            self._listener_fd = fd

    def _let_in(self) -> None:
        """A client comes; one that is not the first is hung up on."""
        assert self._endpoint is not None
        self._endpoint.ready([self._listener_fd])
        client = self._client_fd()
        if client >= 0 and self._ends.pump.state["fd"][0] < 0:
            self._ends.fetch()  # what the client before still asked is not answered to this one
            self._ends.attach(client)

    def _let_go(self) -> None:
        """The client has gone: hang up, so that another may come."""
        assert self._endpoint is not None
        self._ends.pump.state["gone"] = 0
        client = self._client_fd()
        if client >= 0:
            self._endpoint.ready([client])

    def _client_fd(self) -> int:
        assert self._endpoint is not None
        return next((fd for fd in self._endpoint.watched() if fd != self._listener_fd), -1)
