"""`lumina run`: bring a bench up and run the main job on it."""

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from lumina.errors import UsageError

if TYPE_CHECKING:
    from drivers.registry import Backend
    from lumina.cli.live import LiveView
    from lumina.runtime.config import BenchConfig

__all__ = ["run"]

FAILED = 1


def run(
    config: Annotated[Path, typer.Argument(help="Lab config, a YAML file.")],
    backend: Annotated[
        str | None,
        typer.Option(help="Who answers for every instrument: twin, firmware or hardware."),
    ] = None,
    virtual: Annotated[
        bool, typer.Option("--virtual", help="In virtual time, as fast as the machine can.")
    ] = False,
    duration: Annotated[
        float | None,
        typer.Option(min=0, help="Hold the bench for so many seconds instead of the main job."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of all noise.")] = 0,
    seeds: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=100,
            help="Noise seeds that accuracies are the mean of; `job.seeds` of the config in "
            "virtual time, 1 in real time, where each takes minutes.",
        ),
    ] = None,
    chip_seed: Annotated[int, typer.Option(min=0, help="Identity of chip and plant.")] = 0,
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
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document on standard output.")
    ] = False,
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
        typer.echo(json.dumps(document, indent=2))
    else:
        show(document)
    if "error" in document:
        raise typer.Exit(FAILED)


def calibrations_folder(settings: "BenchConfig") -> Path:
    """Where calibrations are kept: where the config says, or beside the run folders."""
    beside = Path(settings.record.folder).parent / "calibrations"
    return Path(settings.calibration.folder or beside)


def parse_backend(name: str | None) -> "Backend | None":
    """The backend of that name.

    Raises:
        UsageError: there is none.
    """
    from drivers.registry import Backend

    if name is None:
        return None
    try:
        return Backend(name)
    except ValueError:
        known = ", ".join(Backend)
        raise UsageError(f"--backend {name}: no such backend (allowed: {known})") from None


def live_or_log(stack: ExitStack, live: "LiveView") -> Any:
    """A live view on a terminal, a log anywhere else; both on standard error."""
    from lumina.cli.live import LogView

    return stack.enter_context(live) if sys.stderr.isatty() else LogView()


def write_report(folder: Path) -> str:
    """Make the run's report and return its path."""
    from lumina.cli.runs import report_of
    from lumina.store import open_run

    return str(report_of(open_run(folder.parent, folder.name)))


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
