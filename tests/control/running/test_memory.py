"""The loop against a board in memory: the frames of a wire, in the time of a batch."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
import pytest

from drivers.instruments.lumina_npu import LuminaNpu
from drivers.options import ProcessorOptions
from drivers.registry import Mounting
from firmware_sim.faults import Fault, FaultKind
from firmware_sim.npu.memory_board import MemoryBoard
from lumina.control.config import ControlConfig
from lumina.control.loop import ControlLoop
from lumina.control.records import FanMode, TecMode
from lumina.control.running import runner_for
from lumina.control.running.memory import MemoryRunner
from lumina.control.running.twin import TwinRunner
from lumina.errors import DeviceStateError
from tests.npu_world import PLANT, board_in_memory
from twin.plant import Plant

pytestmark = pytest.mark.virtual_time

TICK_NS = 1_000_000


def loop_for(heaters: int, full_scale_v: float, heater_bits: int) -> ControlLoop:
    """A loop that holds 27 C."""
    config = ControlConfig(setpoint_c=27.0)
    return ControlLoop(
        "npu", config, heaters=heaters, full_scale_v=full_scale_v, heater_bits=heater_bits
    )


def set_to_work(loop: ControlLoop) -> None:
    """All regulators and heaters at work."""
    loop.set_tec_mode(TecMode.REGULATE)
    loop.set_fan_mode(FanMode.REGULATE)
    loop.set_heater_voltages(np.linspace(1.0, 4.0, loop.heaters))


@asynccontextmanager
async def running(
    *, serial: bool = False
) -> AsyncIterator[tuple[MemoryBoard, LuminaNpu, ControlLoop, MemoryRunner]]:
    """A board in memory with a loop that runs on it."""
    with board_in_memory(serial=serial) as board:
        npu = LuminaNpu(Mounting("npu", ProcessorOptions(), None, board.resource))
        await npu.connect()
        has = npu.capabilities
        loop = loop_for(has.heaters, has.max_drive_v, has.heater_bits)
        runner = runner_for(npu.frame_link(), loop)
        assert isinstance(runner, MemoryRunner)
        runner.start()
        try:
            yield board, npu, loop, runner
        finally:
            runner.stop()
            await npu.close()


def standing(plant: Plant) -> dict[str, list[float]]:
    """How a plant stands."""
    heaters = plant.arrays.heaters
    return {
        "temperatures": list(plant.temperatures_c().values()),
        "drive_v": heaters.drive_v.tolist(),
        "phase_rad": heaters.phase_rad.tolist(),
        "light": plant.output_power_w().tolist(),
        "tec": plant.sensor.head["tec_current_a"].tolist(),
    }


async def test_frames_over_the_wire_do_to_the_plant_what_the_loop_in_process_does() -> None:
    async with running() as (board, _, loop, runner):
        set_to_work(loop)
        runner.advance(3000)
        over_wire, ticks = standing(board.instrument.plant), board.instrument.plant.tick
        before_loop = ticks - runner.ticks - 1  # the last frame is still on its way
    plant = Plant(PLANT, seed=1, chip_seed=2)
    has = plant.config.chip.heater
    in_process = loop_for(plant.architecture.shifters, has.max_drive_v, has.bits)
    set_to_work(in_process)
    plant.step(before_loop)
    TwinRunner(plant, in_process).advance(ticks - before_loop)
    assert standing(plant) == over_wire


@pytest.mark.parametrize("batch", [1, 7, 1000])
async def test_the_size_of_the_batches_does_not_matter(batch: int) -> None:
    stood = []
    for size in (batch, 2000):
        async with running() as (board, _, loop, runner):
            set_to_work(loop)
            for _ in range(2000 // size):
                runner.advance(size)
            runner.advance(2000 % size)
            stood.append((standing(board.instrument.plant), runner.ticks))
    assert stood[0] == stood[1]


async def test_requests_share_the_wire_with_the_frames() -> None:
    async with running() as (_, npu, loop, runner):
        set_to_work(loop)
        fields = np.eye(4, dtype=complex).repeat(300, axis=1)
        light = await npu.multiply(fields)
        assert light.amplitudes.shape == fields.shape
        await asyncio.sleep(1.0)
        status = await npu.status()
        assert status["actuators"] == runner.ticks
        assert (status["corrupt"], status["dropped"], status["watchdog_trips"]) == (0, 0, 0)
        assert runner.counters()["skipped"] == 0


async def test_on_a_serial_line_the_answer_is_in_force_a_tick_later_and_nothing_is_lost() -> None:
    async with running(serial=True) as (_, npu, loop, runner):
        set_to_work(loop)
        await asyncio.sleep(1.0)
        await npu.multiply(np.eye(4, dtype=complex).repeat(300, axis=1))
        status = await npu.status()
        # 154 and 116 bytes at 3 Mbaud: 0.9 ms
        assert status["round_trip_p50_us"] == pytest.approx(900, abs=100)
        assert status["watchdog_trips"] == 0
        lateness = runner.lateness()
        assert lateness is not None
        assert lateness.worst_us < 4000  # behind a request of 1 KiB


async def test_a_stalled_wire_trips_the_watchdog_and_the_loop_goes_on_after_it() -> None:
    async with running() as (board, npu, loop, runner):
        set_to_work(loop)
        await asyncio.sleep(0.5)
        board.inject(Fault(FaultKind.STALL, 0.2))
        await asyncio.sleep(0.19)
        assert board.instrument.plant.actuator.heater_code.max() == 0, "the board went safe"
        await asyncio.sleep(0.5)
        assert (await npu.status())["watchdog_trips"] == 1
        assert runner.counters()["skipped"] > 150
        assert board.instrument.plant.actuator.heater_code.max() > 0


@pytest.mark.parametrize(
    "kind", [FaultKind.DROPPED, FaultKind.GARBLED, FaultKind.TRUNCATED, FaultKind.DOUBLED]
)
async def test_a_few_spoiled_frames_are_missed_and_no_more(kind: FaultKind) -> None:
    async with running() as (board, npu, loop, runner):
        set_to_work(loop)
        await asyncio.sleep(0.5)
        board.inject(Fault(kind), 5)
        await asyncio.sleep(0.5)
        missed = 0 if kind is FaultKind.DOUBLED else 5
        truncated = kind is FaultKind.TRUNCATED  # the last half frame takes the next with it
        assert runner.counters()["skipped"] == missed + truncated
        assert (await npu.status())["watchdog_trips"] == 0


async def test_a_board_that_was_away_is_found_again_and_the_loop_with_it() -> None:
    async with running() as (board, npu, loop, runner):
        set_to_work(loop)
        await asyncio.sleep(0.5)
        board.inject(Fault(FaultKind.DISCONNECT, 2.0))
        await asyncio.sleep(0.1)
        assert runner.fault is not None
        ticked = runner.ticks
        await asyncio.sleep(10.0)
        assert runner.fault is None
        assert runner.ticks > ticked + 1000
        assert runner.counters()["losses"] == 1
        assert (await npu.status())["safe"] == 0


async def test_it_is_started_once() -> None:
    async with running() as (_, _, _, runner):
        with pytest.raises(DeviceStateError, match="twice"):
            runner.start()
        runner.stop()
        runner.stop()
