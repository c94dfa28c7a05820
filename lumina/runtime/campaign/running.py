"""Many trials on all cores, and what they show."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from os import cpu_count
from pathlib import Path
from typing import Any

from drivers.registry import Backend
from lumina.errors import UsageError
from lumina.runtime.campaign.invariants import DIE_LIMIT_C, SINK_LIMIT_C, Broken
from lumina.runtime.campaign.shrinking import shrink
from lumina.runtime.campaign.trial import SPREAD, Outcome, Trial, draw_trial, run_trial
from lumina.runtime.config import load_config
from lumina.runtime.faults import parse_faults

__all__ = ["run_campaign"]

Told = Callable[[Outcome], None]


def run_campaign(
    path: Path,
    seeds: Sequence[int],
    hours: float,
    *,
    backend: Backend = Backend.TWIN,
    faults: Sequence[str] = (),
    told: Told = lambda outcome: None,
) -> dict[str, Any]:
    """Run a trial per seed and return what was found, as plain values.

    Args:
        path: the lab config's file.
        seeds: one trial each.
        hours: bench time of a trial, h.
        backend: a twin, or simulated firmware, whose wires fail, too.
        faults: the schedule of every trial, as on the command line; drawn by default.
        told: hears of every trial, in the order of the seeds.

    Raises:
        ConfigError: the lab config is wrong.
        UsageError: the bench is not one processor on a twin, or a fault is none.
    """
    if backend is Backend.HARDWARE:
        raise UsageError("a campaign breaks things: it needs a twin or firmware")
    config = load_config(path, backend=backend, to_run=True)
    if len(config.processors) != 1:
        raise UsageError(f"a campaign needs one processor; {path} has {len(config.processors)}")
    given = parse_faults(faults, config)
    trials = [
        Trial(path, seed, 3600.0 * hours, given, backend)
        if faults
        else draw_trial(path, seed, 3600.0 * hours, backend)
        for seed in seeds
    ]
    outcomes = []
    for outcome in _run_all(trials):
        outcomes.append(outcome)
        told(outcome)
    return _summary(path, outcomes)


def _run_all(trials: Sequence[Trial]) -> Iterator[Outcome]:
    """Outcomes in order; one trial alone is run in this process."""
    workers = min(len(trials), cpu_count() or 1)
    if workers < 2:
        yield from map(run_trial, trials)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(run_trial, trials)


def _summary(path: Path, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    struck = Counter(fault.name for outcome in outcomes for fault in outcome.trial.faults)
    failed = [outcome for outcome in outcomes if outcome.broken is not Broken.NONE]
    return {
        "config": str(path),
        "backend": str(outcomes[0].trial.backend),
        "trials": len(outcomes),
        "bench_hours": sum(outcome.bench_s for outcome in outcomes) / 3600.0,
        "ticks_checked": round(1000.0 * sum(outcome.bench_s for outcome in outcomes)),
        "spread": SPREAD,
        "faults": dict(sorted(struck.items())),
        "emergencies": sum(outcome.emergencies for outcome in outcomes),
        "ended_early": sum(bool(outcome.ended_by) for outcome in outcomes),
        "worst_die_c": _worst(outcome.worst_die_c for outcome in outcomes),
        "die_limit_c": DIE_LIMIT_C,
        "worst_sink_c": _worst(outcome.worst_sink_c for outcome in outcomes),
        "sink_limit_c": SINK_LIMIT_C,
        "failed": [_failure(path, outcome) for outcome in failed],
    }


def _worst(values: Iterable[float]) -> float:
    return round(max(values), 3)


def _failure(path: Path, outcome: Outcome) -> dict[str, Any]:
    """A trial that broke an invariant, with the shortest that still breaks one."""
    shortest = shrink(outcome, run_trial)
    trial = shortest.trial
    faults = " ".join(f"--fault {fault}" for fault in trial.faults)
    hours = f"{trial.duration_s / 3600.0:.6g}"
    return {
        "seed": outcome.trial.seed,
        "broken": outcome.broken.name.lower(),
        "what": outcome.words,
        "t_s": round(outcome.t_s, 3),
        "value": outcome.value,
        "schedule": [str(fault) for fault in outcome.trial.faults],
        "shortest": {
            "broken": shortest.broken.name.lower(),
            "t_s": round(shortest.t_s, 3),
            "value": shortest.value,
            "schedule": [str(fault) for fault in trial.faults],
        },
        "again": f"lumina campaign {path} --backend {trial.backend} "
        f"--from-seed {trial.seed} --seeds 1 "
        f"--hours {hours} {faults}".strip(),
    }
