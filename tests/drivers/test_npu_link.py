"""A board that is lost and comes back: the same one, another one, one that was without power."""

import asyncio
import logging
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from drivers.instruments.lumina_npu import LuminaNpu as Driver
from drivers.npu import link
from drivers.options import ProcessorOptions
from drivers.registry import Mounting
from firmware_sim.instruments.lumina_npu import LuminaNpu
from lumina.control.records import TecMode
from lumina.errors import DeviceConnectionError, DeviceTimeoutError
from tests.npu_world import PLANT, loop_of
from twin.plant import Plant


class Boards:
    """Boards that one after the other are found at one address."""

    def __init__(self) -> None:
        self.present: LuminaNpu | None = None
        self.port = 0

    def plug_in(self, chip_seed: int = 2) -> None:
        plant = Plant(PLANT, seed=1, chip_seed=chip_seed)
        self.present = LuminaNpu("npu", ProcessorOptions(), plant)
        self.port = int(self.present.serve("tcp", port=self.port).rpartition(":")[2])

    def unplug(self) -> None:
        if self.present is not None:
            self.present.stop()
        self.present = None


@pytest.fixture
def boards() -> Iterator[Boards]:
    boards = Boards()
    boards.plug_in()
    yield boards
    boards.unplug()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - the board lives in a thread of its own
            await asyncio.sleep(0.01)


def driver_of(boards: Boards) -> Driver:
    address = f"tcp://127.0.0.1:{boards.port}"
    return Driver(Mounting("npu", ProcessorOptions(), None, address))


async def test_a_board_that_was_without_power_is_found_again_and_not_powered_by_itself(
    boards: Boards, caplog: pytest.LogCaptureFixture
) -> None:
    npu = driver_of(boards)
    await npu.connect()
    runner, loop = loop_of(npu)
    try:
        runner.start()
        loop.set_tec_mode(TecMode.REGULATE)
        await until(lambda: runner.ticks > 50 and loop.arrays.state["locked_out"][0] == 0)
        with caplog.at_level(logging.WARNING):
            boards.unplug()
            await until(lambda: runner.fault is not None)
            with pytest.raises(DeviceConnectionError, match="the board is gone"):
                await npu.multiply(np.eye(4, dtype=complex))
            with pytest.raises(DeviceConnectionError, match="not back yet"):
                await npu.check()
            await asyncio.sleep(0.5)
            ticked = runner.ticks
            boards.plug_in()
            await until(lambda: runner.fault is None)
            await until(lambda: runner.ticks > ticked + 50)
        assert await npu.check() is None
        assert (await npu.multiply(np.eye(4, dtype=complex))).amplitudes.shape == (4, 4)
        assert loop.arrays.state["lockouts"][0] == 1
        assert loop.arrays.state["tec_mode"][0] == TecMode.OFF
        assert runner.counters()["losses"] == 1
        said = [record.getMessage() for record in caplog.records]
        assert len(said) == 3
        assert "trying to reconnect" in said[0]
        assert "power-cycled" in said[1]
        assert said[2] == "npu: back"
    finally:
        runner.stop()
        await npu.close()


async def test_another_board_at_the_same_address_gets_no_frames(
    boards: Boards, caplog: pytest.LogCaptureFixture
) -> None:
    npu = driver_of(boards)
    await npu.connect()
    runner, _ = loop_of(npu)
    try:
        runner.start()
        await until(lambda: runner.ticks > 50)
        boards.unplug()
        await until(lambda: runner.fault is not None)
        ticked = runner.ticks
        with caplog.at_level(logging.WARNING):
            boards.plug_in(chip_seed=3)
            await until(lambda: "serial number" in caplog.text)
            await asyncio.sleep(0.5)
            assert caplog.text.count("serial number") == 1
        assert runner.fault is not None
        assert runner.ticks == ticked
        boards.unplug()
        boards.plug_in()
        await until(lambda: runner.ticks > ticked + 50)
    finally:
        runner.stop()
        await npu.close()


async def test_closing_ends_the_search_for_a_lost_board(boards: Boards) -> None:
    npu = driver_of(boards)
    await npu.connect()
    boards.unplug()
    await until(lambda: npu.frame_link().fault is not None)
    await npu.close()
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "comeback-npu"]
    boards.plug_in()
    await npu.connect()
    assert (await npu.status())["tick"] > 0
    await npu.close()


async def test_something_that_is_no_board_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "PATIENCE_S", (0.1, 0.1))

    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(100):
            writer.write(b"what?\0")
        writer.close()

    async with await asyncio.start_server(babble, "127.0.0.1", 0) as server:
        address = f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        npu = Driver(Mounting("npu", ProcessorOptions(), None, address))
        for _ in range(2):
            with pytest.raises(DeviceTimeoutError) as caught:
                await npu.connect()
            told = str(caught.value)
            assert told.startswith(f"npu: {address}: no answer to ")
            assert "frames were garbled: is this an NPU board, at this speed?" in told
        await npu.close()
