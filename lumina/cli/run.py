"""`lumina run`: bring a bench up and run the main job on it."""

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from lumina.cli.common import (
    AsJson,
    BackendName,
    ChipSeed,
    ConfigFile,
    Seed,
    Virtual,
    calibrations_folder,
    live_or_log,
    parse_backend,
    print_json,
    write_report,
)

if TYPE_CHECKING:
    pass

__all__ = ["run"]

FAILED = 1


def run(
    config: ConfigFile,
    backend: BackendName = None,
    virtual: Virtual = False,
    duration: Annotated[
        float | None,
        typer.Option(min=0, help="Hold the bench for so many seconds instead of the main job."),
    ] = None,
    seed: Seed = 0,
    seeds: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=100,
            help="Noise seeds that accuracies are the mean of; `job.seeds` of the config in "
            "virtual time, 1 in real time, where each takes minutes.",
        ),
    ] = None,
    chip_seed: ChipSeed = 0,
    recalibrate: Annotated[
        bool,
        typer.Option("--recalibrate", help="Measure the chip even if a stored calibration holds."),
    ] = False,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            help="Let NAME[:PLACE][=VALUE] go wrong @T or @T..T2 s of bench time; repeatable. "
            "A wrong name is answered with the right ones.",
            metavar="NAME@T",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Bring a bench up, run the main job on it, and shut it down in order.

    The main job reads handwritten digits in the light: uncalibrated, calibrated, and
    disturbed under three levels of control. In virtual time every accuracy is the mean
    over several noise seeds; in real time, and with faults, one seed is run unless more are
    asked for. A run that its faults end is told and reported all the same, and exits with 1.
    """
    from lumina.cli.live import LiveView
    from lumina.runtime.config import load_config
    from lumina.runtime.faults import parse_faults
    from lumina.runtime.main_job.seeds import run_seeds
    from lumina.runtime.main_job.session import SessionPlan
    from lumina.runtime.wall_clock import utc_now

    chosen = parse_backend(backend)
    settings = load_config(config, backend=chosen, to_run=True)
    plan = SessionPlan(
        config=config,
        backend=chosen,
        virtual=virtual,
        seed=seed,
        chip_seed=chip_seed,
        duration_s=duration,
        recalibrate=recalibrate,
        root=Path(settings.record.folder),
        calibrations=calibrations_folder(settings),
        command=("lumina", *sys.argv[1:]),
        faults=parse_faults(fault or (), settings),
    )
    if seeds is None or duration is not None:
        seeds = settings.job.seeds if virtual and duration is None and not fault else 1
    with ExitStack() as stack:
        result = run_seeds(plan, seeds, utc_now, live_or_log(stack, LiveView(settings.name)))
    document = {"config": str(config), "chip_seed": chip_seed, "virtual": virtual, **result}
    document["report"] = write_report(Path(result["run"]))
    if as_json:
        print_json(document)
    else:
        show(document)
    if "error" in document:
        raise typer.Exit(FAILED)


def show(document: dict[str, Any]) -> None:
    """Print what was found, for people."""
    console = Console()
    for reaction in document.get("reactions", ()):
        after = f"{reaction['after_s']:8.3f} s after {reaction['after']}"
        console.print(f"{after}  {reaction['message']}", highlight=False, markup=False)
    if "error" in document:
        console.print(document["error"], highlight=False, markup=False)
    if "accuracy" in document:
        seeds = len(document.get("per_seed", [0]))
        over = "one seed" if seeds == 1 else f"mean of {seeds} seeds"
        table = Table(title=f"{document['digits']} held-out digits, {over}")
        table.add_column("digits read with")
        table.add_column("accuracy", justify="right")
        for name, value in document["accuracy"].items():
            table.add_row(name.replace("_", " "), f"{value:.1%}")
        console.print(table)
    console.print(f"run folder  {document['run']}", highlight=False)
    console.print(f"report      {document['report']}", highlight=False)
