"""One run of one bench, from its run folder's first record to its last.

`run_session` is what `lumina run` does once per noise seed: in this process, or in a
worker process for the seeds after the first.
"""

import asyncio
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from drivers.registry import Backend
from lumina.engines.digits import load_digit_set, train_classifier
from lumina.runtime.bench import Bench, open_bench
from lumina.runtime.config import BenchConfig, load_config
from lumina.runtime.interrupt import run_to_order
from lumina.runtime.job import DigitJob
from lumina.runtime.journal import Journal, View
from lumina.store import RunFolder

__all__ = ["SessionPlan", "run_session"]


@dataclass(frozen=True)
class SessionPlan:
    """What to run.

    Attributes:
        config: the lab config's file.
        backend: who answers for every instrument; None for what the file says.
        virtual: in virtual time, or in real time.
        seed: seed of all noise.
        chip_seed: identity of the chip and the plant.
        duration_s: hold the bench for so long instead of running the main job; None runs it.
        root: folder to make the run folder in.
        command: command line, for the record.
    """

    config: Path
    backend: Backend | None
    virtual: bool
    seed: int
    chip_seed: int
    duration_s: float | None
    root: Path
    command: tuple[str, ...]


def run_session(
    plan: SessionPlan,
    wall_clock: Callable[[], datetime],
    *views: View,
    conclude: Callable[[dict[str, Any]], dict[str, Any]] = dict,
) -> dict[str, Any]:
    """Run one session and return what it found, as plain values.

    The run folder is finished whatever happens: done, failed or interrupted.

    Args:
        plan: what to run.
        wall_clock: the present date and time, for the run folder's records only.
        views: shown what happens.
        conclude: turns what was found into what is recorded and returned; called once the
            bench is down.

    Raises:
        LuminaError: what went wrong; the run folder says so too.
        KeyboardInterrupt: interrupted; the bench was shut down in order.
    """
    config = load_config(plan.config, backend=plan.backend, to_run=True)
    folder = RunFolder.create(
        plan.root,
        config.model_dump(mode="json"),
        plan.config.read_text(encoding="utf-8"),
        seed=plan.seed,
        chip_seed=plan.chip_seed,
        command=plan.command,
        started=wall_clock(),
    )
    try:
        found = run_to_order(_session(plan, config, folder, views), virtual=plan.virtual)
        results = conclude(found | {"run": str(folder.path)})
    except KeyboardInterrupt:
        folder.finish("interrupted", ended=wall_clock())
        raise
    except BaseException as error:
        folder.finish("failed", ended=wall_clock(), error=f"{type(error).__name__}: {error}")
        raise
    folder.finish("done", ended=wall_clock(), results=results)
    return results | {"trace_hash": folder.trace.hexdigest()}


async def _session(
    plan: SessionPlan,
    config: BenchConfig,
    folder: RunFolder,
    views: tuple[View, ...],
) -> dict[str, Any]:
    journal = Journal(*views)
    async with open_bench(
        config, seed=plan.seed, chip_seed=plan.chip_seed, journal=journal, folder=folder
    ) as bench:
        if plan.duration_s is None:
            found = await _main_job(bench, plan, folder)
        else:
            with journal.stage("hold", f"holding for {plan.duration_s:g} s"):
                await asyncio.sleep(plan.duration_s)
            found = {}
    return {"seed": plan.seed, "bench_time_s": journal.now_s(), **found, **health(bench)}


async def _main_job(bench: Bench, plan: SessionPlan, folder: RunFolder) -> dict[str, Any]:
    settings = bench.config.job
    digits = load_digit_set(settings.split_seed)
    network = train_classifier(digits, settings.split_seed)
    result = await DigitJob(bench, digits, network, seed=plan.seed).run()
    folder.save_arrays("calibration", result.calibration.to_arrays())
    return {
        "accuracy": result.accuracy,
        "digits": result.digits,
        "tiles": result.tiles,
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
            | device.loop.counters(),
        }
    return {"devices": devices}
