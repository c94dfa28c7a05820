"""The NPU board in memory: when its frames and replies arrive, and what befalls them."""

import asyncio

import numpy as np
import pytest

from drivers.npu.memory import HostEnds
from drivers.protocols import npu, npu_light
from drivers.protocols.npu import REPLY, ErrorCode, Kind
from drivers.protocols.npu_light import Coding
from drivers.transports import TransportError
from firmware_sim.faults import Fault, FaultKind
from firmware_sim.npu.memory_board import MemoryBoard
from lumina.frames import SAFE_STATE
from tests.npu_world import board_in_memory

pytestmark = pytest.mark.virtual_time


class Host:
    """Asks, and notes when what arrived."""

    def __init__(self, board: MemoryBoard) -> None:
        self.ends = HostEnds(board, self._arrived)
        self.replies: list[tuple[float, npu.Message]] = []
        board.attach(self.ends)

    def post(self, kind: Kind, payload: bytes = b"", sequence: int = 1) -> None:
        assert self.ends.post(npu.body(kind, sequence, 0, payload))

    async def ask(self, kind: Kind, payload: bytes = b"") -> npu.Message:
        self.replies.clear()
        self.post(kind, payload)
        await asyncio.sleep(0.1)
        ((_, reply),) = self.replies
        return reply

    async def status(self) -> np.void:
        record: np.void = np.frombuffer((await self.ask(Kind.STATUS)).payload, npu.STATUS)[0]
        return record

    def _arrived(self) -> None:
        now_s = round(asyncio.get_running_loop().time(), 9)
        self.replies += [(now_s, npu.parse(plain)) for plain in self.ends.fetch()]


async def test_a_request_takes_its_time_there_and_back_on_a_serial_line() -> None:
    with board_in_memory(serial=True) as board:
        host = Host(board)
        await asyncio.sleep(0.01)
        host.post(Kind.STREAM, b"\0")
        await asyncio.sleep(0.01)
        (at_s, reply) = host.replies[0]
        assert reply.kind == Kind.STREAM | REPLY
        request = npu.Message(Kind.STREAM, 1, 0, b"\0")
        bits = 10 * (len(npu.encode(request)) + len(npu.encode(reply)))
        assert at_s == pytest.approx(0.01 + bits / 3e6 + 100e-6, abs=2e-9)


async def test_over_tcp_the_latency_counts_and_requests_are_answered_one_by_one() -> None:
    with board_in_memory() as board:
        host = Host(board)
        for sequence in (1, 2, 3):
            host.post(Kind.IDENTIFY, sequence=sequence)
        await asyncio.sleep(0.01)
        assert [reply.sequence for _, reply in host.replies] == [1, 2, 3]
        times_s = [at_s for at_s, _ in host.replies]
        assert times_s[0] == pytest.approx(2 * 50e-6 + 100e-6, abs=3e-6)
        assert np.diff(times_s) == pytest.approx(100e-6, abs=1e-6)


async def test_it_lives_by_itself_and_answers_what_the_board_on_a_wire_answers() -> None:
    with board_in_memory() as board:
        await asyncio.sleep(1.0)
        host = Host(board)
        assert (await host.status())["tick"] == 1000
        fields = npu_light.pack_vectors(np.eye(4, dtype=complex), Coding.FLOAT32)
        _, seen = npu_light.unpack_light((await host.ask(Kind.MULTIPLY, fields)).payload)
        assert seen.shape == (4, 4)
        reply = await host.ask(Kind.MULTIPLY, b"x")
        assert npu.unpack_error(reply.payload)[0] == ErrorCode.MALFORMED


async def test_one_host_at_a_time_and_none_after_the_end() -> None:
    with board_in_memory() as board:
        host = Host(board)
        with pytest.raises(TransportError, match="in use"):
            Host(board)
        board.detach(host.ends)
        again = Host(board)
        assert (await again.status())["safe"] == 1
        host.post(Kind.STATUS)  # of the one that has gone: into the void
        await asyncio.sleep(0.1)
        assert not host.replies
    assert again.ends.gone


async def test_a_reply_to_a_host_that_has_gone_does_not_reach_the_next() -> None:
    with board_in_memory() as board:
        first = Host(board)
        first.post(Kind.IDENTIFY)
        await asyncio.sleep(0.0001)
        board.detach(first.ends)
        second = Host(board)
        await asyncio.sleep(1.0)
        assert not first.replies
        assert not second.replies


@pytest.mark.parametrize(
    ("kind", "corrupt"),
    [(FaultKind.DROPPED, 0), (FaultKind.TRUNCATED, 1), (FaultKind.GARBLED, 1)],
)
async def test_a_reply_that_is_lost_on_the_way_is_never_half_believed(
    kind: FaultKind, corrupt: int
) -> None:
    with board_in_memory() as board:
        host = Host(board)
        await asyncio.sleep(0.01)
        board.inject(Fault(kind))
        host.post(Kind.IDENTIFY)
        await asyncio.sleep(0.1)
        assert not host.replies
        host.post(Kind.IDENTIFY, sequence=2)
        await asyncio.sleep(0.1)
        host.post(Kind.IDENTIFY, sequence=3)
        await asyncio.sleep(0.1)
        # What is cut off takes the next with it: there is no zero between.
        found = [reply.sequence for _, reply in host.replies]
        assert found == ([3] if kind is FaultKind.TRUNCATED else [2, 3])
        assert host.ends.pump.state["corrupt"] == corrupt


async def test_late_and_doubled_replies() -> None:
    with board_in_memory() as board:
        host = Host(board)
        await asyncio.sleep(0.01)
        board.inject(Fault(FaultKind.LATE, 2.0))
        host.post(Kind.IDENTIFY)
        await asyncio.sleep(0.1)
        assert not host.replies
        await asyncio.sleep(2.0)
        assert len(host.replies) == 1
        board.inject(Fault(FaultKind.DOUBLED))
        host.post(Kind.IDENTIFY, sequence=2)
        await asyncio.sleep(0.1)
        assert [reply.sequence for _, reply in host.replies] == [1, 2, 2]


async def test_a_stall_holds_everything_up_and_loses_nothing() -> None:
    with board_in_memory() as board:
        host = Host(board)
        await asyncio.sleep(0.01)
        board.inject(Fault(FaultKind.STALL, 3.0))
        host.post(Kind.IDENTIFY)
        await asyncio.sleep(2.99)
        assert not host.replies
        await asyncio.sleep(0.1)
        assert len(host.replies) == 1


async def test_without_power_it_is_away_then_back_unpowered_and_says_that_it_was() -> None:
    with board_in_memory() as board:
        host = Host(board)
        plant = board.instrument.plant
        boot = np.frombuffer((await host.ask(Kind.IDENTIFY)).payload, npu.BOARD)["boot"][0]
        plant.actuator.head["fan_rpm"], plant.actuator.head["flags"] = 1000.0, 0
        board.inject(Fault(FaultKind.POWER_CYCLE, 2.0))
        assert host.ends.gone
        with pytest.raises(TransportError, match="nobody"):
            Host(board)
        await asyncio.sleep(2.1)
        assert plant.actuator.head["flags"] == SAFE_STATE
        again = Host(board)
        now = np.frombuffer((await again.ask(Kind.IDENTIFY)).payload, npu.BOARD)["boot"][0]
        assert now != boot
