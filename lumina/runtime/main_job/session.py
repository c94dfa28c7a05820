"""One run of one bench, from its run folder's first record to its last.

`run_session` is what `lumina run` does once per noise seed: in this process, or in a
worker process for the seeds after the first.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import Any

from lumina.background import in_background
from lumina.engines.digits import load_digit_set, train_classifier
from lumina.errors import LuminaError
from lumina.runtime.bench import Bench, open_bench
from lumina.runtime.config import BenchConfig
from lumina.runtime.faults import PlannedFault, Story
from lumina.runtime.instrument_station import InstrumentStation
from lumina.runtime.main_job.job import DigitJob
from lumina.runtime.recording.journal import Journal, View
from lumina.runtime.recording.recorded import Conclude, RunPlan, recorded
from lumina.runtime.stored import Calibrations
from lumina.store import RunFolder

__all__ = ["SessionPlan", "run_session"]


@dataclass(frozen=True, kw_only=True)
class SessionPlan(RunPlan):
    """What to run.

    Attributes:
        duration_s: hold the bench for so long instead of running the main job; None runs it.
        recalibrate: measure the chip anew even if a stored calibration holds.
        faults: what shall go wrong. What then ends the work is part of what was found.
    """

    duration_s: float | None
    recalibrate: bool = False
    faults: tuple[PlannedFault, ...] = ()


def run_session(
    plan: SessionPlan,
    wall_clock: Callable[[], datetime],
    *views: View,
    conclude: Conclude = dict,
) -> dict[str, Any]:
    """Run one session and return what it found, as plain values.

    Args:
        plan: what to run.
        wall_clock: the present date and time, for records only.
        views: shown what happens.
        conclude: turns what was found into what is recorded and returned; called once the
            bench is down.

    Raises:
        LuminaError: what went wrong; the run folder says so too.
        KeyboardInterrupt: interrupted; the bench was shut down in order.
    """
    root = plan.calibrations
    calibrations = None if root is None else Calibrations(root, wall_clock())

    def work(config: BenchConfig, folder: RunFolder) -> Coroutine[Any, Any, dict[str, Any]]:
        return _session(plan, config, folder, calibrations, views)

    return recorded(plan, wall_clock, work, conclude)


async def _session(
    plan: SessionPlan,
    config: BenchConfig,
    folder: RunFolder,
    calibrations: Calibrations | None,
    views: tuple[View, ...],
) -> dict[str, Any]:
    story = Story(plan.faults)
    journal = Journal(*views, story)
    found: dict[str, Any] = {}
    bench: Bench | None = None
    try:
        async with open_bench(
            config,
            seed=plan.seed,
            chip_seed=plan.chip_seed,
            journal=journal,
            folder=folder,
            calibrations=calibrations,
            faults=plan.faults,
        ) as bench:
            found |= await _work(bench, plan, folder)
    except LuminaError as error:
        if not plan.faults:
            raise
        found["error"] = f"{type(error).__name__}: {error}"
    if plan.faults:
        found |= {"faults": story.faults(), "reactions": story.reactions()}
    ended = {"seed": plan.seed, "bench_time_s": journal.now_s()}
    return ended | found | (health(bench) if bench is not None else {})


async def _work(bench: Bench, plan: SessionPlan, folder: RunFolder) -> dict[str, Any]:
    if plan.duration_s is None:
        return await _main_job(bench, plan, folder)
    with bench.journal.stage("hold", f"holding for {plan.duration_s:g} s"):
        await asyncio.sleep(plan.duration_s)
    return {}


async def _main_job(bench: Bench, plan: SessionPlan, folder: RunFolder) -> dict[str, Any]:
    settings = bench.config.job
    digits = load_digit_set(settings.split_seed)
    network = await in_background(partial(train_classifier, digits, settings.split_seed))
    job = DigitJob(bench, digits, network, seed=plan.seed, recalibrate=plan.recalibrate)
    result = await job.run()
    folder.save_arrays("calibration", result.calibration.to_findings().flat())
    return {
        "accuracy": result.accuracy,
        "digits": result.digits,
        "tiles": result.tiles,
        "calibration": {}
        if result.stored_version is None
        else {"stored_version": result.stored_version},
        "disturbance": settings.disturbance.model_dump(),
    }


def health(bench: Bench) -> dict[str, Any]:
    """Counters and loop health of every device, as plain values."""
    devices = {}
    for name, station in bench.stations.items():
        device, lateness = station.device, station.runner.lateness()
        counters = device.counters
        devices[name] = {
            "state": device.state.value,
            "ticks": station.runner.ticks,
            "lateness": None
            if lateness is None
            else asdict(lateness) | {"tier": lateness.tier.value if lateness.tier else None},
            "counters": asdict(counters)
            | {"gops": counters.gops, "tops_per_w": counters.tops_per_w}
            | device.loop.counters()
            | station.runner.counters(),
        }
    carriers = {name: carrier_health(station) for name, station in bench.carriers.items()}
    return {"devices": devices} | ({"carriers": carriers} if carriers else {})


def carrier_health(station: InstrumentStation) -> dict[str, Any]:
    """How the loop over two instruments has done, as plain values."""
    loop = station.device.loop
    return {
        "state": station.device.state.value,
        "rate_hz": 1.0 / loop.period_s,
        "periods": station.runner.ticks,
        "counters": loop.counters() | station.runner.counters(),
    }
