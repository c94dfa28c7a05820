"""The 1 kHz loop over a wire: a board in another process, on a pty and on TCP."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Literal

import numpy as np
import pytest

from drivers.instruments.lumina_npu import LuminaNpu
from drivers.options import ProcessorOptions
from drivers.registry import Mounting
from lumina.control.loop import ControlLoop
from lumina.control.records import FanMode, TecMode
from lumina.control.running.wire import WireRunner
from lumina.errors import DeviceConnectionError, DeviceStateError, VirtualTimeError
from lumina.runtime.station import LoopDrive
from lumina.runtime.virtual_time import run_virtual
from tests.npu_world import PLANT, BoardProcess, board_process, loop_of, noisy_wire

Served = Literal["pty", "tcp"]


@pytest.fixture(scope="module", params=["pty", "tcp"])
def board(request: pytest.FixtureRequest) -> Iterator[BoardProcess]:
    with board_process(request.param) as started:
        yield started


@pytest.fixture(scope="module")
def tcp_board() -> Iterator[BoardProcess]:
    with board_process("tcp") as started:
        yield started


def driver(resource: str) -> LuminaNpu:
    return LuminaNpu(Mounting("npu", ProcessorOptions(), None, resource))


@asynccontextmanager
async def loop_on(resource: str) -> AsyncIterator[tuple[LuminaNpu, ControlLoop, WireRunner]]:
    """A connected board and a loop on it, not started."""
    npu = driver(resource)
    await npu.connect()
    runner, loop = loop_of(npu, setpoint_c=27.0)
    try:
        yield npu, loop, runner
    finally:
        runner.stop()
        await npu.close()


async def until(condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
    """Wait, as long as a board on a crowded machine may need for what takes it 4 s alone."""
    for _ in range(round(timeout_s / 0.01)):
        if condition():
            return
        await asyncio.sleep(0.01)
    pytest.fail("waited in vain")


async def test_the_carrier_locks_and_frames_and_requests_share_the_wire(
    board: BoardProcess,
) -> None:
    async with loop_on(board.resource) as (npu, loop, runner):
        loop.set_tec_mode(TecMode.REGULATE)
        loop.set_fan_mode(FanMode.REGULATE)
        runner.start()
        fields = np.eye(PLANT.chip.ports, dtype=complex).repeat(300, axis=1)
        assert (await npu.multiply(fields)).amplitudes.shape == fields.shape
        await until(lambda: abs((loop.latest() or {"carrier_c": 0})["carrier_c"] - 27.0) < 0.01)
        status = await npu.status()
        assert status["actuators"] > 0.9 * runner.ticks
        assert runner.lateness() is not None
        assert runner.fault is None


async def test_the_watchdog_goes_safe_when_the_host_stops_and_lets_go_when_it_is_back(
    board: BoardProcess,
) -> None:
    async with loop_on(board.resource) as (npu, loop, runner):
        runner.start()
        await until(lambda: runner.ticks > 100)
        assert not (await npu.status())["safe"]
        before = (await npu.status())["watchdog_trips"]
        runner.stop()
        await asyncio.sleep(0.05)
        status = await npu.status()
        assert status["safe"]
        assert status["watchdog_trips"] > before
        ticked = runner.ticks
        runner.start()
        await until(lambda: runner.ticks > ticked + 50)
        assert not (await npu.status())["safe"]
        assert loop.latest()["tick"] >= ticked


async def test_garbage_on_the_line_is_survived_and_counted(tcp_board: BoardProcess) -> None:
    async with (
        noisy_wire(tcp_board.resource) as resource,
        loop_on(resource) as (npu, loop, runner),
    ):
        loop.set_tec_mode(TecMode.REGULATE)
        runner.start()
        await until(lambda: runner.ticks > 1000)
        assert (await npu.status())["corrupt"] > 0
        assert runner.counters()["corrupt"] > 0
        await until(lambda: loop.latest()["carrier_c"] > 25.2)
        assert runner.fault is None


@pytest.mark.parametrize("served", ["pty", "tcp"])
async def test_a_board_that_disappears_is_told_clearly_and_hangs_nothing(served: Served) -> None:
    with board_process(served) as board:
        async with loop_on(board.resource) as (npu, _, runner):
            runner.start()
            await until(lambda: runner.ticks > 50)
            asked = asyncio.create_task(npu.multiply(np.ones((PLANT.chip.ports, 20_000), complex)))
            await asyncio.sleep(0.01)
            board.kill()
            with pytest.raises(DeviceConnectionError, match=r"npu: .*the board is gone"):
                await asyncio.wait_for(asked, 5)
            await until(lambda: runner.fault is not None)
            with pytest.raises(DeviceConnectionError, match="the board is gone"):
                await npu.status()
            await npu.make_safe()
        with pytest.raises(DeviceConnectionError, match=board.resource):
            await npu.connect()


async def test_a_loop_on_a_wire_is_started_once_and_never_stepped(tcp_board: BoardProcess) -> None:
    async with loop_on(tcp_board.resource) as (_, _, runner):
        runner.start()
        with pytest.raises(DeviceStateError, match="twice"):
            runner.start()
        with pytest.raises(VirtualTimeError, match="lives in real time"):
            runner.advance(1)
        runner.stop()
        runner.stop()

        async def under_virtual_time() -> None:
            LoopDrive(runner).start()

        with pytest.raises(VirtualTimeError, match="twin backend"):
            await asyncio.to_thread(run_virtual, under_virtual_time())


def test_a_wire_is_not_opened_under_virtual_time(tcp_board: BoardProcess) -> None:
    with pytest.raises(VirtualTimeError, match="twin backend"):
        run_virtual(driver(tcp_board.resource).connect())
