"""A simulated instrument in memory: its bytes and faults come at their moment of virtual time."""

import asyncio
from collections.abc import Callable

import pytest

from drivers.transports.base import TransportError
from drivers.transports.memory import Memory
from firmware_sim.faults import Fault, FaultKind
from firmware_sim.instrument import Reply, SimulatedInstrument, Wiring
from firmware_sim.servers import MemoryEndpoint, MemoryServer

pytestmark = pytest.mark.virtual_time

BAUD = 1000
"""A byte takes 10 ms."""


class Counter(SimulatedInstrument):
    """Answers each line, 0.1 s later, with how many there have been since power-up."""

    wiring = Wiring(serial=True)

    def __init__(self) -> None:
        self.goodbyes, self.looks_s = 0, list[float]()
        self.count, self._input = 0, b""

    def receive(self, data: bytes) -> list[Reply]:
        *lines, self._input = (self._input + data).split(b"\n")
        replies = []
        for _ in lines:
            self.count += 1
            replies.append(Reply(b"%d\n" % self.count, 0.1))
        return replies

    def power_cycle(self) -> None:
        self.count, self._input = 0, b""

    def disconnected(self) -> None:
        self.goodbyes, self._input = self.goodbyes + 1, b""


class Watchful(Counter):
    """Notes when it may act unasked."""

    def idle(self) -> None:
        self.looks_s.append(round(asyncio.get_running_loop().time(), 6))


Serve = Callable[..., tuple[MemoryServer, Memory]]


@pytest.fixture
def serve() -> Serve:
    """Serve a counter and open a wire to it, on the test's loop."""

    def served(
        counter: Counter, baud: int | None = None, *, serial: bool = False
    ) -> tuple[MemoryServer, Memory]:
        server = MemoryServer(counter, [MemoryEndpoint("counter", serial=serial)], baud=baud)
        server.start()
        wire = Memory(server.resources[0])
        wire.open()
        return server, wire

    return served


async def heard(wire: Memory, patience_s: float) -> list[tuple[float, bytes]]:
    """What arrives until patience ends, and when."""
    arrivals, until_s = [], wire.now() + patience_s
    while data := await wire.read(until_s - wire.now()):
        arrivals.append((round(wire.now(), 6), data))
    return arrivals


async def test_a_line_is_paced_both_ways_and_the_instrument_takes_its_time(serve: Serve) -> None:
    server, wire = serve(Counter(), BAUD, serial=True)
    wire.write(b"??\n?\n")
    assert await heard(wire, 5.0) == [(0.17, b"1\n"), (0.27, b"2\n")]
    server.stop()


@pytest.mark.parametrize(
    ("kind", "arrivals"),
    [
        (FaultKind.LATE, [(2.1, b"1\n"), (2.1, b"2\n")]),
        (FaultKind.DROPPED, [(0.2, b"2\n")]),
        (FaultKind.TRUNCATED, [(0.1, b"1"), (0.2, b"2\n")]),
        (FaultKind.DOUBLED, [(0.1, b"1\n1\n"), (0.2, b"2\n")]),
        (FaultKind.GARBLED, [(0.1, b"!\n"), (0.2, b"2\n")]),
        (FaultKind.STALL, [(2.1, b"1\n"), (2.2, b"2\n")]),
    ],
)
async def test_a_fault_strikes_at_its_moment(
    serve: Serve, kind: FaultKind, arrivals: list[tuple[float, bytes]]
) -> None:
    server, wire = serve(Counter())
    server.inject(Fault(kind, 2.0))
    wire.write(b"?\n")
    wire.write(b"?\n")
    found = await heard(wire, 5.0)
    if kind is FaultKind.LATE:  # the second arrives with the first, in one piece
        found = [(at_s, b"%b\n" % word) for at_s, data in found for word in data.split()]
    assert found == arrivals
    server.stop()


@pytest.mark.parametrize(
    ("kind", "number"), [(FaultKind.DISCONNECT, b"2\n"), (FaultKind.POWER_CYCLE, b"1\n")]
)
async def test_what_goes_away_comes_back_at_the_same_address(
    serve: Serve, kind: FaultKind, number: bytes
) -> None:
    counter = Counter()
    server, wire = serve(counter)
    wire.write(b"?\n")
    assert await wire.read(1.0) == b"1\n"
    server.inject(Fault(kind, 3.0))
    with pytest.raises(TransportError):
        wire.write(b"?\n")
    with pytest.raises(TransportError, match="nobody"):
        wire.open()
    await asyncio.sleep(2.999)
    with pytest.raises(TransportError, match="nobody"):
        wire.open()
    await asyncio.sleep(0.002)
    wire.open()
    wire.write(b"?\n")
    assert await wire.read(1.0) == number
    assert counter.goodbyes == 1
    server.stop()


async def test_who_acts_unasked_is_woken_on_the_beat_and_nobody_else(serve: Serve) -> None:
    watchful = Watchful()
    server, _ = serve(watchful)
    await asyncio.sleep(0.22)
    server.stop()
    assert watchful.looks_s == [0.0, 0.05, 0.1, 0.15, 0.2]
    await asyncio.sleep(1.0)
    assert len(watchful.looks_s) == 5


async def test_a_command_without_an_answer_acts_at_its_time_though_nobody_reads(
    serve: Serve,
) -> None:
    counter = Counter()
    server, wire = serve(counter, BAUD, serial=True)
    wire.write(b"12345678\n")
    await asyncio.sleep(0.089)
    assert counter.count == 0
    await asyncio.sleep(0.002)
    assert counter.count == 1
    server.stop()
