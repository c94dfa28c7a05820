"""Faults on a board's wire: what its messages suffer, and that loop and driver live through it."""

import asyncio
import logging
import select
from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np
import pytest

from drivers.instruments.lumina_npu import LuminaNpu as Driver
from drivers.options import ProcessorOptions
from drivers.protocols.npu import REPLY, Kind
from drivers.registry import Mounting
from firmware_sim.faults import ON_REPLY, Fault, FaultKind, FaultPlan
from firmware_sim.instruments.lumina_npu import LuminaNpu
from firmware_sim.npu.harm import HARM, build_harms
from lumina.control.loop import ControlLoop
from lumina.control.running.wire import WireRunner
from lumina.errors import UsageError
from tests.firmware_sim.npu.test_npu import Host, build
from tests.npu_world import loop_of

Wire = Literal["pty", "tcp"]
WIRES: tuple[Wire, ...] = ("pty", "tcp")


@pytest.fixture
def on_tcp() -> Iterator[tuple[Host, LuminaNpu]]:
    board, _ = build()
    host = Host(board.serve("tcp"))
    host.ask(Kind.IDENTIFY)  # with the zero that every connection begins with
    try:
        yield host, board
    finally:
        host.close()
        board.stop()


def is_silent(host: Host, seconds: float) -> bool:
    return not select.select([host.fd], [], [], seconds)[0]


def test_a_dropped_reply_never_comes(on_tcp: tuple[Host, LuminaNpu]) -> None:
    host, board = on_tcp
    board.inject(Fault(FaultKind.DROPPED))
    host.send(Kind.STATUS)
    assert is_silent(host, 0.2)
    assert host.ask(Kind.STATUS).kind == Kind.STATUS | REPLY


def test_a_garbled_reply_is_no_message(on_tcp: tuple[Host, LuminaNpu]) -> None:
    host, board = on_tcp
    board.inject(Fault(FaultKind.GARBLED), 2)
    host.send(Kind.STATUS)
    host.send(Kind.STATUS)
    assert host.ask(Kind.STATUS).kind == Kind.STATUS | REPLY
    assert host.corrupt >= 2


def test_a_truncated_reply_takes_the_next_one_with_it(on_tcp: tuple[Host, LuminaNpu]) -> None:
    host, board = on_tcp
    board.inject(Fault(FaultKind.TRUNCATED))
    host.send(Kind.STATUS)
    host.send(Kind.STATUS)
    assert host.ask(Kind.STATUS).kind == Kind.STATUS | REPLY
    assert host.corrupt == 1


def test_a_doubled_reply_comes_twice(on_tcp: tuple[Host, LuminaNpu]) -> None:
    host, board = on_tcp
    board.inject(Fault(FaultKind.DOUBLED))
    sequence = host.send(Kind.STATUS)
    assert [host.next().sequence, host.next().sequence] == [sequence] * 2


def test_what_is_late_comes_in_order_and_keeps_the_rest_waiting(
    on_tcp: tuple[Host, LuminaNpu],
) -> None:
    host, board = on_tcp
    board.inject(Fault(FaultKind.LATE, 0.3))
    sent = [host.send(Kind.STATUS), host.send(Kind.IDENTIFY)]
    assert is_silent(host, 0.15)
    assert [host.next().sequence, host.next().sequence] == sent


def test_frames_are_struck_like_replies(on_tcp: tuple[Host, LuminaNpu]) -> None:
    host, board = on_tcp
    host.ask(Kind.STREAM, b"\1")
    before = host.corrupt
    board.inject(Fault(FaultKind.GARBLED), 5)
    for _ in range(50):
        assert host.next().kind == Kind.SENSOR
    assert host.corrupt >= before + 5


def test_a_plan_is_the_same_for_the_same_seed_and_strikes_its_share() -> None:
    plan = FaultPlan(seed=7, share=0.1, kinds=(FaultKind.DROPPED, FaultKind.GARBLED))
    one, same = (build_harms("npu", plan).plan for _ in range(2))
    assert np.array_equal(one, same)
    assert (one >= 0).mean() == pytest.approx(0.1, rel=0.1)
    assert len(np.unique(one)) == 3
    other = build_harms("npu", plan.model_copy(update={"seed": 8})).plan
    assert not np.array_equal(one, other)


def test_a_plan_of_what_cannot_befall_a_message_is_refused() -> None:
    with pytest.raises(UsageError, match=r"npu: no plan of stall \(allowed: .*garbled"):
        build_harms("npu", FaultPlan(share=0.1, kinds=(FaultKind.STALL,)))


class Rig:
    """A board, its driver, and a loop that runs over the wire between them."""

    def __init__(self, wire: Wire, plan: FaultPlan | None = None) -> None:
        self.board, self.plant = build()
        self.board.plan_faults(plan or FaultPlan())
        address = self.board.serve(wire)
        self.npu = Driver(Mounting("npu", ProcessorOptions(), None, address))

    async def __aenter__(self) -> "Rig":
        await self.npu.connect()
        self.runner: WireRunner
        self.loop: ControlLoop
        self.runner, self.loop = loop_of(self.npu)
        self.runner.start()
        await self.ticks(50)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.runner.stop()
        await self.npu.close()
        self.board.stop()

    async def ticks(self, count: int) -> None:
        """Wait until the loop has answered so many more frames."""
        target = self.runner.ticks + count
        await until(lambda: self.runner.ticks >= target)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - the board lives in a thread of its own
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("wire", WIRES)
async def test_the_loop_lives_with_a_wire_that_spoils_one_message_in_twenty(wire: Wire) -> None:
    plan = FaultPlan(seed=3, share=0.05, seconds=0.003)
    async with Rig(wire, plan) as rig:
        await rig.ticks(1000)
        counters = rig.runner.counters()
        assert counters["corrupt"] > 20
        assert counters["skipped"] > 20
        seen = await rig.npu.multiply(np.eye(4, dtype=complex).repeat(50, axis=1))
        assert seen.amplitudes.shape == (4, 200)


async def test_a_board_that_stalls_for_long_comes_back_locked_out() -> None:
    async with Rig("tcp") as rig:
        await until(lambda: rig.loop.arrays.state["locked_out"][0] == 0)
        rig.board.inject(Fault(FaultKind.STALL, 1.5))
        await until(lambda: rig.loop.arrays.state["lockouts"][0] == 1)
        await rig.ticks(50)
        assert rig.loop.arrays.state["interruptions"][0] >= 1
        assert rig.runner.fault is None


@pytest.mark.parametrize("wire", WIRES)
async def test_a_hung_up_wire_is_opened_again_and_the_board_is_the_same(
    wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    async with Rig(wire) as rig:
        with caplog.at_level(logging.WARNING):
            rig.board.inject(Fault(FaultKind.DISCONNECT, 0.3))
            await until(lambda: rig.runner.fault is not None)
            await until(lambda: rig.runner.fault is None)
            await rig.ticks(50)
        assert "power-cycled" not in caplog.text
        assert rig.loop.arrays.state["lockouts"][0] == 0
        assert rig.loop.arrays.state["interruptions"][0] >= 1


@pytest.mark.parametrize("wire", WIRES)
async def test_a_power_cycle_is_told_and_found_locked_out(
    wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    async with Rig(wire) as rig:
        await until(lambda: rig.loop.arrays.state["locked_out"][0] == 0)
        with caplog.at_level(logging.WARNING):
            rig.board.inject(Fault(FaultKind.POWER_CYCLE, 0.2))
            await until(lambda: rig.loop.arrays.state["lockouts"][0] == 1)
            await rig.ticks(50)
        assert caplog.text.count("power-cycled") == 1


def test_every_fault_of_a_reply_can_befall_a_frame() -> None:
    plans = {
        kind: build_harms("npu", FaultPlan(share=1.0, kinds=(kind,))).plan for kind in ON_REPLY
    }
    assert all((plan == HARM[kind]).all() for kind, plan in plans.items())
    assert len({int(plan[0]) for plan in plans.values()}) == len(ON_REPLY)
