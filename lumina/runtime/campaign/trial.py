"""One bench under one schedule of faults, from bring-up to shutdown."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from drivers.interfaces import FrameLink
from drivers.registry import Backend
from lumina.control.loop import ControlLoop
from lumina.control.records import TICK_S, Tier
from lumina.errors import LuminaError
from lumina.runtime.bench import Bench, open_bench
from lumina.runtime.campaign.drawing import draw_schedule
from lumina.runtime.campaign.invariants import WORDS, Broken
from lumina.runtime.campaign.watched import WatchedMemoryRunner, WatchedRunner, watched_runner_for
from lumina.runtime.config import BenchConfig, load_config
from lumina.runtime.faults import PlannedFault
from lumina.runtime.virtual_time import run_virtual
from twin.parts import as_built

__all__ = ["SPREAD", "Outcome", "Trial", "draw_trial", "run_trial"]

SPREAD = 0.1
"""Relative sigma of a random bench's thermal parts about those of the config, cut at 3."""

SETPOINT_C = (30.0, 55.0)
AMBIENT_C = (15.0, 33.0)
SWING_K, SWING_PERIOD_S = 2.0, 600.0
LOAD_W, DWELL_S, SHORTEST_DWELL_S = 30.0, 20.0, 1.0
"""Set point and room are drawn; the room swings, the load steps at random times."""

DRIVE_SHARE = 0.6
"""Highest heater drive, of the full one."""

MOST_FAULTS = 4
FAULTS_PER_HOUR = 60.0
LOCK_TIMEOUT_S = 60.0
TELEMETRY_HZ = 20.0
LOOK_S = 0.02
OPERATOR_S = 15.0
"""How often somebody tries to bring a bench that is down up again."""

BENCH_STREAM, FAULT_STREAM, LIFE_STREAM = 11, 12, 13


@dataclass(frozen=True)
class Trial:
    """What to try.

    Attributes:
        config: the lab config's file.
        seed: of noise, of the bench that is drawn, and of its life.
        duration_s: bench time from the first connection on, s.
        faults: what goes wrong.
        backend: a twin, or simulated firmware.
    """

    config: Path
    seed: int
    duration_s: float
    faults: tuple[PlannedFault, ...]
    backend: Backend = Backend.TWIN


@dataclass(frozen=True)
class Outcome:
    """How a trial went.

    Attributes:
        trial: what was tried.
        broken: the first invariant that did not hold.
        t_s: loop time at which it did not, s.
        value: what was seen then.
        bench_s: time that was checked, s.
        worst_die_c: hottest true die, C.
        worst_sink_c: hottest true sink, C.
        emergencies: times that the guard shut the bench down.
        ended_by: the error that ended it before its time; empty for none.
    """

    trial: Trial
    broken: Broken
    t_s: float
    value: float
    bench_s: float
    worst_die_c: float
    worst_sink_c: float
    emergencies: int
    ended_by: str

    @property
    def words(self) -> str:
        """What did not hold, for people."""
        return "" if self.broken is Broken.NONE else WORDS[self.broken]


def draw_trial(path: Path, seed: int, duration_s: float, backend: Backend = Backend.TWIN) -> Trial:
    """A random schedule for the random bench of a seed."""
    config = _random_bench(path, seed, backend)
    (processor,) = config.processors
    plant = as_built(config.plants[config.instruments[processor].plant], seed)
    most = max(MOST_FAULTS, round(duration_s * FAULTS_PER_HOUR / 3600.0))
    rng = np.random.default_rng([seed, FAULT_STREAM])
    schedule = draw_schedule(rng, config, plant, duration_s, most)
    return Trial(path, seed, duration_s, schedule, backend)


def run_trial(trial: Trial) -> Outcome:
    """Run a trial; the same one always ends the same way.

    Raises:
        ConfigError: the lab config is wrong.
        UsageError: the bench is not one processor on a twin.
    """
    config = _random_bench(trial.config, trial.seed, trial.backend)
    return run_virtual(_Life(trial, config).live())


def _random_bench(path: Path, seed: int, backend: Backend) -> BenchConfig:
    """The config with parts, set point and room of its own."""
    config = load_config(path, backend=backend, to_run=True)
    (processor,) = config.processors
    where, rng = config.instruments[processor].plant, np.random.default_rng([seed, BENCH_STREAM])
    control = config.control_for(processor)
    room = config.plants[where].environment
    changed: dict[str, Any] = {
        "plants": config.plants
        | {
            where: config.plants[where].model_copy(
                update={
                    "spread": SPREAD,
                    "environment": room.model_copy(update={"ambient_c": rng.uniform(*AMBIENT_C)}),
                }
            )
        },
        "control": {processor: control.model_copy(update={"setpoint_c": rng.uniform(*SETPOINT_C)})},
        "job": config.job.model_copy(update={"lock_timeout_s": LOCK_TIMEOUT_S}),
        "record": config.record.model_copy(update={"rate_hz": TELEMETRY_HZ}),
    }
    return config.model_copy(update=changed)


class _Life:
    """A bench's life under a trial: its room, its load, somebody who brings it up again."""

    def __init__(self, trial: Trial, config: BenchConfig) -> None:
        self._trial, self._config = trial, config
        self._rng = np.random.default_rng([trial.seed, LIFE_STREAM])
        self._runner: WatchedRunner | WatchedMemoryRunner | None = None

    async def live(self) -> Outcome:
        """From the first connection to the last rail down."""
        trial, ended_by = self._trial, ""
        ends_s = asyncio.get_running_loop().time() + trial.duration_s
        try:
            async with open_bench(
                self._config,
                seed=trial.seed,
                chip_seed=trial.seed,
                faults=trial.faults,
                carriers=False,
                runners=self._watched,
            ) as bench:
                await self._disturb(bench, ends_s)
        except LuminaError as error:
            ended_by = f"{type(error).__name__}: {error}"
        return self._outcome(ended_by)

    def _watched(self, link: FrameLink, loop: ControlLoop) -> WatchedRunner | WatchedMemoryRunner:
        self._runner = watched_runner_for(link, loop)
        return self._runner

    async def _disturb(self, bench: Bench, ends_s: float) -> None:
        device = bench.device
        drive_v = self._rng.uniform(0.0, DRIVE_SHARE * device.max_drive_v, device.loop.heaters)
        await device.settling.applied(device.loop.set_heater_voltages(drive_v))
        works = (_weather, self._load, self._operate, self._look)
        tasks = [asyncio.create_task(work(bench)) for work in works]
        try:
            left_s = max(0.0, ends_s - asyncio.get_running_loop().time())
            done, _ = await asyncio.wait(tasks, timeout=left_s, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _load(self, bench: Bench) -> None:
        """Steps of the compute load, exponential in their length."""
        assert bench.environment is not None
        while True:
            bench.environment.set_compute_power_w(LOAD_W * float(self._rng.integers(2)))
            await asyncio.sleep(max(SHORTEST_DWELL_S, float(self._rng.exponential(DWELL_S))))

    async def _look(self, bench: Bench) -> None:
        """See that a board which has lost its loop is safe."""
        assert self._runner is not None
        while True:
            await asyncio.sleep(LOOK_S)
            if self._runner.fault is not None:
                self._runner.look()

    async def _operate(self, bench: Bench) -> None:
        """Reset a latched guard and bring the bench up again, whatever is still wrong."""
        assert self._runner is not None
        device, watch = bench.device, self._runner.watch
        while True:
            await asyncio.sleep(OPERATOR_S)
            if device.tier is Tier.EMERGENCY:
                watch["reset_allowed"] = 1
                with suppress(LuminaError):  # a loop that takes no commands: next time
                    await device.settling.applied(device.loop.reset_guard())
                watch["reset_allowed"] = 0
            if device.tier is not Tier.EMERGENCY and device.state.value not in UP:
                with suppress(LuminaError):  # it is refused while something is wrong
                    await bench.bring_up()

    def _outcome(self, ended_by: str) -> Outcome:
        if self._runner is None:
            return Outcome(self._trial, Broken.NONE, 0.0, 0.0, 0.0, -np.inf, -np.inf, 0, ended_by)
        watch = self._runner.watch[0]
        return Outcome(
            trial=self._trial,
            broken=Broken(int(watch["broken"])),
            t_s=float(watch["at_tick"]) * TICK_S,
            value=float(watch["value"]),
            bench_s=float(watch["checked"]) * TICK_S,
            worst_die_c=float(watch["worst_die_c"]),
            worst_sink_c=float(watch["worst_sink_c"]),
            emergencies=int(watch["emergencies"]),
            ended_by=ended_by,
        )


UP = frozenset({"ready", "busy", "thermal limit", "initialising"})


async def _weather(bench: Bench) -> None:
    """The room swings slowly."""
    room = bench.environment
    assert room is not None
    mean_c, loop = room.ambient_c, asyncio.get_running_loop()
    began_s = loop.time()
    while True:
        turn = 2.0 * np.pi * (loop.time() - began_s) / SWING_PERIOD_S
        room.set_ambient_c(mean_c + SWING_K * float(np.sin(turn)))
        await asyncio.sleep(1.0)
