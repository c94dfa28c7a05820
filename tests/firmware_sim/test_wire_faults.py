"""Whatever goes wrong on a wire, and whenever: nobody gets another's reply.

Schedules of requests, cancellations and faults are drawn by hypothesis and lived through in
virtual time, on wires in memory with the pace of real ones.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drivers.bus.bus import Bus, LineFramer
from drivers.bus.resync import Resync
from drivers.transports.memory import Memory
from firmware_sim.faults import Fault, FaultKind, garbled
from firmware_sim.instrument import Reply, SimulatedInstrument, Wiring
from firmware_sim.servers import MemoryEndpoint, MemoryServer
from lumina.errors import DeviceConnectionError, DeviceTimeoutError, ProtocolError
from lumina.runtime.virtual_time import run_virtual

BAUD = 9600
ANSWER_S = 0.005


class Parrot(SimulatedInstrument):
    """Repeats what it is told; knows its name, and keeps one number."""

    wiring = Wiring(serial=True, baud=BAUD)

    def __init__(self) -> None:
        self._input, self._number = b"", b"0"

    def receive(self, data: bytes) -> list[Reply]:
        *lines, self._input = (self._input + data).split(b"\n")
        return [Reply(answer + b"\n", ANSWER_S) for line in lines for answer in self._answers(line)]

    def power_cycle(self) -> None:
        self._input, self._number = b"", b"0"

    def disconnected(self) -> None:
        self._input = b""

    def _answers(self, line: bytes) -> list[bytes]:
        word, _, rest = line.partition(b" ")
        if word == b"*ESE":
            self._number = rest
        return {b"ECHO": [rest], b"ID?": [b"PARROT"], b"*ESE?": [self._number]}.get(word, [])


@dataclass(frozen=True)
class Step:
    """One request, and what happens around it."""

    fault: Fault | None
    timeout_s: float
    cancelled_after_s: float | None
    pause_s: float


@dataclass(frozen=True)
class Line:
    """A wire and how its bus gets back in step."""

    serial: bool
    resync: Resync
    marked: bool = False
    """Whether a reply tells which request it answers."""
    silence_s: float = 0.1
    """After which no late reply comes any more."""


def is_name(reply: bytes) -> bool:
    return reply == b"PARROT"


def lines() -> dict[str, Line]:
    return {
        "reopened": Line(False, Resync.reopen()),
        "scpi": Line(True, Resync.scpi()),
        "sentinel": Line(True, Resync.sentinel(b"ID?", is_name), silence_s=10.0),
        "marked": Line(True, Resync.match(lambda a, b: a.endswith(b" " + b)), marked=True),
    }


def steps(kinds: Sequence[FaultKind]) -> st.SearchStrategy[list[Step]]:
    seconds = st.sampled_from([0.0, 0.003, 0.03, 0.2, 3.0])
    fault = st.none() | st.builds(Fault, st.sampled_from(kinds), seconds)
    cancelled = st.none() | st.sampled_from([0.0, 0.004, 0.02])
    step = st.builds(Step, fault, st.sampled_from([0.008, 0.05, 0.3]), cancelled, seconds)
    return st.lists(step, min_size=1, max_size=10)


ALL = list(FaultKind)
# A second copy that arrives behind the next request tells nothing of which it answers.
UNMARKED = [kind for kind in FaultKind if kind is not FaultKind.DOUBLED]


def spoilt(token: bytes) -> bytes:
    """What a bit flip makes of a reply."""
    return garbled(token + b"\n").removesuffix(b"\n")


async def ask(bus: Bus, token: bytes, step: Step) -> bytes | None:
    """The reply, if there is one."""
    asking = asyncio.create_task(bus.request(b"ECHO " + token, timeout_s=step.timeout_s))
    if step.cancelled_after_s is not None:
        await asyncio.sleep(step.cancelled_after_s)
        asking.cancel()
    try:
        return await asking
    except (asyncio.CancelledError, DeviceTimeoutError, ProtocolError):
        return None
    except DeviceConnectionError:
        await reopened(bus)
        return None


async def reopened(bus: Bus) -> None:
    """Wait until it is there again."""
    for _ in range(100):
        try:
            await bus.open()
            return
        except DeviceConnectionError:
            await asyncio.sleep(0.1)
    pytest.fail("it does not come back")


async def live_through(line: Line, schedule: list[Step]) -> None:
    server = MemoryServer(Parrot(), [MemoryEndpoint("parrot", serial=line.serial)], baud=BAUD)
    server.start()
    wire = Memory(server.resources[0])
    bus = Bus("parrot", wire, LineFramer(), line.resync, timeout_s=line.silence_s)
    await bus.open()
    for number, step in enumerate(schedule):
        if step.fault is not None:
            server.inject(step.fault)
        token = b"%c%d" % (ord("a") + number, number)
        reply = await ask(bus, token, step)
        assert reply in (None, token, token if line.marked else spoilt(token))
        await asyncio.sleep(step.pause_s)
    await asyncio.sleep(60.0)
    calm = Step(None, 0.3, None, 0.0)
    answers = [await ask(bus, b"over", calm) for _ in range(2 * len(schedule) + 2)]
    assert answers[-1] == b"over", "usable afterwards"
    assert set(answers) <= {None, b"over", spoilt(b"over")}
    await bus.close()
    server.stop()


HASTE = [Step(None, 0.008, None, pause_s) for pause_s in (0.0, 0.0, 0.003, 0.0)]
"""Less patience than any answer takes: the sentinel goes unanswered again and again."""


@pytest.mark.parametrize("name", ["reopened", "scpi", "sentinel"])
@settings(max_examples=60, deadline=None)
@given(schedule=steps(UNMARKED))
@example(schedule=HASTE)
def test_nobody_gets_anothers_reply(name: str, schedule: list[Step]) -> None:
    run_virtual(live_through(lines()[name], schedule))


@settings(max_examples=60, deadline=None)
@given(schedule=steps(ALL))
def test_nobody_gets_anothers_reply_where_replies_are_marked(schedule: list[Step]) -> None:
    run_virtual(live_through(lines()["marked"], schedule))
