"""Simulated seconds per second of wall time, on bench64.yaml.

- *batched*: plant and control step alone, thousands of ticks per call;
- *whole_bench*: the bench as the runtime brings it up, in virtual time, recording 100
  frames a second into a run folder;
- *whole_bench_1khz*: the same with a task that wakes every millisecond, so that the
  asyncio loop turns once per tick.

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
from lumina.runtime.bench import open_bench
from lumina.runtime.config import load_config
from lumina.runtime.virtual_time import run_virtual
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
    return Benchmark(figures, machine)


def speed(times_real: float, what: str, target: float) -> Figure:
    """A speed in simulated seconds per wall second."""
    return Figure(times_real, "s/s", f"real time; {what}", target, "higher")


def batched_speed() -> float:
    """Speed of the fastest of some batches."""
    runner = bench64_loop().runner
    runner.advance(BATCH_TICKS)
    walls_s = []
    for _ in range(BATCHES):
        began_s = perf_counter()
        runner.advance(BATCH_TICKS)
        walls_s.append(perf_counter() - began_s)
    return BATCH_TICKS * TICK_S / min(walls_s)


def whole_bench_speed(hold: Callable[[float], Awaitable[object]]) -> float:
    """Speed of a bench that is up, locked and recording, while `hold` lets time pass."""
    config = load_config(BENCH64)
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
        wall_s = run_virtual(_held(folder, hold))
        folder.finish("done", ended=SOME_DAY)
    return HELD_S / wall_s


async def _held(folder: RunFolder, hold: Callable[[float], Awaitable[object]]) -> float:
    """Wall time that HELD_S of bench time takes, in s."""
    walls_s = []
    async with open_bench(load_config(BENCH64), seed=1, chip_seed=1, folder=folder):
        for _ in range(HOLDS):
            began_s = perf_counter()
            await hold(HELD_S)
            walls_s.append(perf_counter() - began_s)
    return min(walls_s)


async def sleep_tick_by_tick(duration_s: float) -> None:
    """Let time pass in steps of one tick."""
    for _ in range(round(duration_s / TICK_S)):
        await asyncio.sleep(TICK_S)
