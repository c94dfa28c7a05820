"""The same session under several noise seeds.

The first seed runs in this process, where people watch and the run folder is written.
The others run in worker processes; only their accuracies and trace hashes are kept. In
virtual time all run side by side; in real time one after the other, because a bench that
keeps real time needs the machine for itself.
"""

import hashlib
import tempfile
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import replace
from datetime import datetime
from multiprocessing import get_context
from os import cpu_count
from pathlib import Path
from typing import Any

import numpy as np

from lumina.runtime.main_job.session import SessionPlan, run_session
from lumina.runtime.recording.journal import View

__all__ = ["run_seeds"]

KEPT = ("seed", "accuracy", "trace_hash")


def run_seeds(
    plan: SessionPlan, seeds: int, wall_clock: Callable[[], datetime], *views: View
) -> dict[str, Any]:
    """Run a session under the seeds plan.seed, plan.seed + 1, ... and average.

    Args:
        plan: the session of the first seed.
        seeds: how many seeds.
        wall_clock: the present date and time; must be picklable.
        views: shown what happens under the first seed.

    Returns:
        What the first session found, with ``accuracy`` the mean over the seeds, and
        ``per_seed`` and ``trace_hash`` over all of them.
    """
    others = [replace(plan, seed=plan.seed + k) for k in range(1, seeds)]
    workers = min(len(others), cpu_count() or 1) if plan.virtual else 1
    with ProcessPoolExecutor(max(workers, 1), mp_context=get_context("spawn")) as pool:
        futures: list[Future[dict[str, Any]]] = []

        def start_others() -> None:
            futures.extend(pool.submit(run_apart, other, wall_clock) for other in others)

        def conclude(found: dict[str, Any]) -> dict[str, Any]:
            if not plan.virtual:
                start_others()
            return with_mean(found, futures)

        try:
            if plan.virtual:
                start_others()
            first = run_session(plan, wall_clock, *views, conclude=conclude)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return with_hashes(first, [future.result()["trace_hash"] for future in futures])


def run_apart(plan: SessionPlan, wall_clock: Callable[[], datetime]) -> dict[str, Any]:
    """One session in a worker process, recorded for its trace hash alone."""
    with tempfile.TemporaryDirectory(prefix="lumina-seed-") as scratch:
        result = run_session(replace(plan, root=Path(scratch)), wall_clock)
    return {name: result[name] for name in KEPT}


def with_mean(found: dict[str, Any], futures: list[Future[dict[str, Any]]]) -> dict[str, Any]:
    """The first seed's findings with the accuracies of all seeds and their mean.

    A session without accuracies, which only held the bench or was ended, stays as it is.
    """
    if "accuracy" not in found:
        return found
    runs = [found, *(future.result() for future in futures)]
    accuracies = [run["accuracy"] for run in runs]
    mean = {name: float(np.mean([a[name] for a in accuracies])) for name in accuracies[0]}
    per_seed = [{"seed": run["seed"], "accuracy": run["accuracy"]} for run in runs]
    return found | {"accuracy": mean, "per_seed": per_seed}


def with_hashes(first: dict[str, Any], others: list[str]) -> dict[str, Any]:
    """The same with each seed's trace hash; of several seeds, theirs in one."""
    hashes = [first["trace_hash"], *others]
    for entry, trace_hash in zip(first.get("per_seed", ()), hashes, strict=False):
        entry["trace_hash"] = trace_hash
    if others:
        first["trace_hash"] = hashlib.sha256(" ".join(hashes).encode()).hexdigest()
    return first
