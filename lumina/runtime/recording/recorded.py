"""A bench's life inside a run folder, from its first record to its last."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from drivers.registry import Backend
from lumina.runtime.config import BenchConfig, load_config
from lumina.runtime.interrupt import run_to_order
from lumina.store import RunFolder

__all__ = ["Conclude", "RunPlan", "recorded"]

Conclude = Callable[[dict[str, Any]], dict[str, Any]]
"""Turns what was found into what is recorded and returned."""


@dataclass(frozen=True, kw_only=True)
class RunPlan:
    """On what bench to run, and where to record it.

    Attributes:
        config: the lab config's file.
        backend: who answers for every instrument; None for what the file says.
        virtual: in virtual time, or in real time.
        seed: seed of all noise.
        chip_seed: identity of the chip and the plant.
        root: folder to make the run folder in.
        calibrations: folder of stored calibrations; None to use none.
        command: command line, for the record.
    """

    config: Path
    backend: Backend | None
    virtual: bool
    seed: int
    chip_seed: int
    root: Path
    calibrations: Path | None
    command: tuple[str, ...]


def recorded(
    plan: RunPlan,
    wall_clock: Callable[[], datetime],
    work: Callable[[BenchConfig, RunFolder], Coroutine[Any, Any, dict[str, Any]]],
    conclude: Conclude = dict,
) -> dict[str, Any]:
    """Run `work` in a new run folder and return what it found, as plain values.

    The run folder is finished whatever happens: done, failed or interrupted. Work that found
    an ``error`` has failed, but what else it found is recorded and returned.

    Args:
        plan: on what bench.
        wall_clock: the present date and time, for the run folder's records only.
        work: opens the bench and does the work.
        conclude: called once the bench is down.

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
        found = run_to_order(work(config, folder), virtual=plan.virtual)
        results = conclude(found | {"run": str(folder.path)})
    except KeyboardInterrupt:
        folder.finish("interrupted", ended=wall_clock())
        raise
    except BaseException as error:
        folder.finish("failed", ended=wall_clock(), error=f"{type(error).__name__}: {error}")
        raise
    ended_by = results.get("error")  # of work that went on to its end all the same
    folder.finish(
        "done" if ended_by is None else "failed",
        ended=wall_clock(),
        results=results,
        error=ended_by,
    )
    return results | {"trace_hash": folder.trace.hexdigest()}
