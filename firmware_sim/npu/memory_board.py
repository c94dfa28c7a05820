"""A simulated NPU board in memory: its frames, its requests and its faults, in a told time.

The owner of the time calls `advance`. Requests come between two such calls: the board asks
its event loop to be woken at the moment when one arrives, so that Python answers it at that
moment and not at the end of a batch of ticks.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from drivers.npu.memory import HostEnds, plug_in_board, unplug_board
from drivers.protocols import npu
from drivers.protocols.npu import Kind
from drivers.protocols.npu_ends import RingEnds
from drivers.protocols.npu_flight import (
    FAR_NS,
    IN_MEMORY,
    WireTiming,
    clear_flight,
    stall,
)
from drivers.transports import TransportError
from firmware_sim.faults import Fault, FaultKind
from firmware_sim.npu.board import NpuBoard
from firmware_sim.npu.harm import HARM
from firmware_sim.npu.memory import build_wire, live_alone
from lumina.compiled import entry_point
from lumina.realtime import PERIOD_NS
from twin.plant import Plant

__all__ = ["MemoryBoard"]

BAUD = 3_000_000
NS_PER_S = 1_000_000_000

ANSWER_S = 100e-6
"""A board's small processor needs so long for a request, beside the light's own time."""


class MemoryBoard:
    """One board and its wire.

    Attributes:
        instrument: what answers.
        wire: what is on its way, and the time.
    """

    def __init__(self, name: str, plant: Plant, *, serial: bool = False) -> None:
        """Put a board together; its time starts with `start`.

        Args:
            name: the address without its scheme.
            plant: what it is made of.
            serial: whether it is on a serial line of 3 Mbaud, or on TCP.
        """
        self._name, self._serial = name, serial
        self.instrument = NpuBoard(plant, RingEnds(), boot=1)
        self.wire = build_wire(WireTiming.serial(BAUD) if serial else WireTiming.ethernet())
        self._nobody = RingEnds()
        self._host: HostEnds | None = None
        self._live: Callable[[int], object] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waking: asyncio.TimerHandle | None = None
        self._answering: list[asyncio.TimerHandle] = []
        self._busy_s = 0.0
        self._away = False
        self.resource = ""

    @property
    def resources(self) -> list[str]:
        """Where clients find it; known once it is started."""
        return [self.resource]

    @property
    def now_ns(self) -> int:
        """The board's time, on the clock of its event loop."""
        return int(self.wire.now_ns[0])

    def start(self) -> None:
        """Switch it on, on the running loop."""
        self._loop = asyncio.get_running_loop()
        now_ns = round(self._loop.time() * NS_PER_S)
        self.wire.now_ns[0] = self.instrument.arrays.state["deadline_ns"] = now_ns
        self._compile()
        self.resource = plug_in_board(self._name, self, serial=self._serial)

    def stop(self) -> None:
        """Switch it off; idempotent."""
        unplug_board(self.resource)
        self.hang_up()
        self._loop = None

    def advance(self, time_ns: int) -> None:
        """Let time pass up to `time_ns`; a time that has passed does nothing."""
        if time_ns > self.now_ns:
            self._live_until(time_ns)
            if self._waking is None:  # the loop may have asked for something by itself
                self._plan()

    def drive(self, live: Callable[[int], object] | None) -> None:
        """Let the host's loop take part in the time that passes.

        Args:
            live: advances board, wire and loop to a time, in ns; None ends it.
        """
        self._live = live

    # The host

    def attach(self, host: HostEnds) -> None:
        if self._away:
            raise TransportError("nobody is plugged in under this name")
        if self._host is not None:
            raise TransportError("in use by another client")
        self._host = host
        for ends in (host, self.instrument.ends):
            ends.attach(IN_MEMORY)

    def detach(self, host: HostEnds) -> None:
        if host is self._host:
            self._part()

    def hang_up(self) -> None:
        """Let go of the host."""
        if self._host is not None:
            host = self._host
            self._part()
            host.on_arrival()

    def wake(self) -> None:
        """Somebody has posted a message: give it to the wire, and see when it arrives."""
        if self._host is None or self._loop is None:
            return
        self._live_until(self.now_ns)
        self._plan()

    # Faults

    def inject(self, fault: Fault, count: int = 1) -> None:
        """Let something go wrong; faults of replies strike frames and replies alike."""
        if fault.kind in HARM:
            state = self.wire.to_host.state
            state["harm"], state["harmed"] = HARM[fault.kind], count
            state["harm_ns"] = round(fault.seconds * NS_PER_S)
        elif fault.kind is FaultKind.STALL:
            for flight in (self.wire.to_board, self.wire.to_host):
                stall(flight, self.now_ns + round(fault.seconds * NS_PER_S))
        else:
            self._go_away(fault)

    def _go_away(self, fault: Fault) -> None:
        assert self._loop is not None
        self.hang_up()
        self._away = True
        if fault.kind is FaultKind.POWER_CYCLE:
            self.instrument.arrays.state["reset"] = 1
        self._loop.call_later(fault.seconds, self._come_back, fault.kind)

    def _come_back(self, kind: FaultKind) -> None:
        self._away = False
        if kind is FaultKind.POWER_CYCLE:
            self.instrument.boot += 1

    # Inside

    def _compile(self) -> None:
        self.instrument.compile()
        self._live_alone = entry_point(live_alone, *self._records(), 0)

    def _records(self) -> tuple[Any, ...]:
        host = self._host or self._nobody
        return self.instrument.arrays, host.pump, self.wire

    def _live_until(self, time_ns: int) -> None:
        if self._live is not None:
            self._live(time_ns)
        else:
            self._live_alone(*self._records(), time_ns)

    def _part(self) -> None:
        """No host any more, and nothing on its way."""
        assert self._host is not None
        for ends in (self._host, self.instrument.ends):
            ends.detach()
        for flight in (self.wire.to_board, self.wire.to_host):
            clear_flight(flight)
        self._host = self._live = None
        for timer in (*self._answering, self._waking):
            if timer is not None:
                timer.cancel()
        self._answering, self._waking, self._busy_s = [], None, 0.0

    def _plan(self) -> None:
        """Be woken when the next request or reply arrives."""
        if self._waking is not None:
            self._waking.cancel()
            self._waking = None
        due_ns = int(self.wire.letter_ns[0])
        if due_ns < FAR_NS and self._loop is not None:
            self._waking = self._loop.call_at(due_ns / NS_PER_S, self._attend)

    def _attend(self) -> None:
        """Answer the requests that have arrived, hand out the replies that have."""
        self._waking = None
        for message in self.instrument.ends.fetch():
            self._answer(message)
        if self._host is not None:
            self._host.on_arrival()
        self.wake()

    def _answer(self, message: bytes) -> None:
        """Work a reply out now, send it when the work is done: one request at a time."""
        assert self._loop is not None
        now_s = self._loop.time()
        self._busy_s = max(self._busy_s, now_s) + ANSWER_S + self._work_s(npu.parse(message))
        self._answering = [timer for timer in self._answering if timer.when() > now_s]
        reply = self.instrument.reply(message)
        self._answering.append(self._loop.call_at(self._busy_s, self._post, reply))

    def _work_s(self, request: npu.Message) -> float:
        """Time that a request takes beside the processor's."""
        if request.kind == Kind.RESET:  # is done with the next tick
            next_tick_ns = int(self.instrument.arrays.state["deadline_ns"][0]) + PERIOD_NS
            return (next_tick_ns - self.now_ns) / NS_PER_S
        config, ports = self.instrument.plant.config, self.instrument.plant.architecture.ports
        vectors = len(request.payload) / (8 * ports)
        if request.kind == Kind.MULTIPLY:
            return vectors / config.receivers.vector_rate_hz
        if request.kind == Kind.READ_TAPS:
            return vectors / config.chip.taps.rate_hz
        return 0.0

    def _post(self, reply: bytes) -> None:
        self.instrument.ends.post(reply)
        self.wake()
