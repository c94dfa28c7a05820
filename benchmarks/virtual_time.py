"""Simulated seconds per second of wall time, on bench64.yaml.

- *batched*: plant and control step alone, thousands of ticks per call;
- *whole_bench*: the bench as the runtime brings it up, in virtual time, recording 100
  frames a second into a run folder;
- *whole_bench_1khz*: the same with a task that wakes every millisecond, so that the
  asyncio loop turns once per tick;
- *firmware_batched*, *firmware_whole_bench*: the first two with the backend firmware: each
  tick's frames are encoded, go over a wire in memory and are decoded, as on a real board.

Each is measured several times and the fastest taken: whatever else runs on the machine
only slows it down.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks.harness import Benchmark, Figure, describe_machine
from benchmarks.working_loop import BENCH64, bench64_loop
from drivers.registry import Backend
from lumina.control.running import Runner
from lumina.realtime import PERIOD_NS
from lumina.runtime.bench import open_bench
from lumina.runtime.config import BenchConfig, load_config
from lumina.runtime.virtual_time import VirtualTimeLoop, run_virtual
from lumina.store import RunFolder

__all__ = ["run"]

BATCH_TICKS = 2_000
BATCHES = 100
HELD_S = 20.0
HOLDS = 3
TICK_S = 0.001
BATCHED_TARGET = 500.0
WHOLE_TARGET = 60.0
SOME_DAY = datetime(2000, 1, 1, tzinfo=UTC)
"""For the records of a run folder that is thrown away."""


def run() -> Benchmark:
    """Measure how much faster than the wall clock simulated time passes."""
    machine = describe_machine()
    figures = {
        "batched": speed(batched_speed(), "batches of ticks without asyncio", BATCHED_TARGET),
        "whole_bench": speed(
            whole_bench_speed(asyncio.sleep),
            "asyncio runtime, control, 100 Hz recording",
            WHOLE_TARGET,
        ),
        "whole_bench_1khz": speed(
            whole_bench_speed(sleep_tick_by_tick),
            "the same with a task that wakes every tick",
            WHOLE_TARGET,
        ),
    }
    over_frames = run_virtual(firmware_batched_speed())
    in_process = figures["batched"].value
    figures["firmware_batched"] = speed(
        over_frames, f"batches over real frames; without them {in_process:.0f} s/s", WHOLE_TARGET
    )
    figures["firmware_whole_bench"] = speed(
        whole_bench_speed(asyncio.sleep, Backend.FIRMWARE),
        "asyncio runtime, control, recording, all instruments over wires in memory",
        WHOLE_TARGET,
    )
    return Benchmark(figures, machine)


def speed(times_real: float, what: str, target: float) -> Figure:
    """A speed in simulated seconds per wall second."""
    return Figure(times_real, "s/s", f"real time; {what}", target, "higher")


def batched_speed() -> float:
    """Speed of the fastest of some batches."""
    return fastest(bench64_loop().runner)


async def firmware_batched_speed() -> float:
    """The same for a loop on a simulated board in memory."""
    clock = asyncio.get_running_loop()
    assert isinstance(clock, VirtualTimeLoop)
    async with open_bench(BENCH64, backend=Backend.FIRMWARE, seed=1, chip_seed=1) as bench:
        (station,) = bench.stations.values()
        measured = fastest(station.runner)
        # The board has lived ahead of the bench's clock.
        clock.warp(clock.time_ns() + (BATCHES + 1) * BATCH_TICKS * PERIOD_NS)
    return measured


def fastest(runner: Runner) -> float:
    """Speed of the fastest of some batches."""
    runner.advance(BATCH_TICKS)
    walls_s = []
    for _ in range(BATCHES):
        began_s = perf_counter()
        runner.advance(BATCH_TICKS)
        walls_s.append(perf_counter() - began_s)
    return BATCH_TICKS * TICK_S / min(walls_s)


def whole_bench_speed(
    hold: Callable[[float], Awaitable[object]], backend: Backend = Backend.TWIN
) -> float:
    """Speed of a bench that is up, locked and recording, while `hold` lets time pass."""
    config = load_config(BENCH64, backend=backend)
    with TemporaryDirectory() as scratch:
        folder = RunFolder.create(
            Path(scratch),
            config.model_dump(mode="json"),
            BENCH64.read_text(encoding="utf-8"),
            seed=1,
            chip_seed=1,
            command=("lumina", "bench", "virtual_time"),
            started=SOME_DAY,
        )
        wall_s = run_virtual(_held(config, folder, hold))
        folder.finish("done", ended=SOME_DAY)
    return HELD_S / wall_s


async def _held(
    config: BenchConfig, folder: RunFolder, hold: Callable[[float], Awaitable[object]]
) -> float:
    """Wall time that HELD_S of bench time takes, in s."""
    walls_s = []
    async with open_bench(config, seed=1, chip_seed=1, folder=folder):
        for _ in range(HOLDS):
            began_s = perf_counter()
            await hold(HELD_S)
            walls_s.append(perf_counter() - began_s)
    return min(walls_s)


async def sleep_tick_by_tick(duration_s: float) -> None:
    """Let time pass in steps of one tick."""
    for _ in range(round(duration_s / TICK_S)):
        await asyncio.sleep(TICK_S)
