"""`lumina calibrate`: learn a bench's chips, and store what was learned."""

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lumina.cli.run import calibrations_folder, live_or_log, parse_backend, write_report
from lumina.errors import UsageError

__all__ = ["calibrate"]


def calibrate(
    config: Annotated[Path, typer.Argument(help="Lab config, a YAML file.")],
    routines: Annotated[
        list[str] | None, typer.Argument(help="Routines to run; all that apply by default.")
    ] = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="Only see whether the stored calibration holds: a minute."),
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where an interrupted run stopped.")
    ] = False,
    backend: Annotated[
        str | None,
        typer.Option(help="Who answers for every instrument: twin, firmware or hardware."),
    ] = None,
    virtual: Annotated[
        bool, typer.Option("--virtual", help="In virtual time, as fast as the machine can.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of all noise.")] = 0,
    chip_seed: Annotated[int, typer.Option(min=0, help="Identity of chip and plant.")] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document on standard output.")
    ] = False,
) -> None:
    """Learn the chips of a bench through their own interfaces, and store what was learned.

    Each calibration becomes a new version beside the earlier ones. The next bring-up of the
    same chip uses the newest by itself, as long as it is fresh.

    With --check nothing is stored; the exit code is 0 if the newest calibration of every chip
    holds, and 1 if one has drifted. The routine `drift` then refits what moved.
    """
    from lumina.cli.calibration_view import CalibrationView
    from lumina.runtime.calibrating import CalibrationPlan, run_calibration, run_check
    from lumina.runtime.config import load_config
    from lumina.runtime.wall_clock import utc_now

    chosen = parse_backend(backend)
    settings = load_config(config, backend=chosen, to_run=True)
    plan = CalibrationPlan(
        config=config,
        backend=chosen,
        virtual=virtual,
        seed=seed,
        chip_seed=chip_seed,
        root=Path(settings.record.folder),
        calibrations=calibrations_folder(settings),
        command=("lumina", *sys.argv[1:]),
        routines=tuple(routines or ()),
        resume=resume,
    )
    if check and (routines or resume):
        raise UsageError("--check looks at what is stored: it takes no routine and no --resume")
    with ExitStack() as stack:
        work = run_check if check else run_calibration
        result = work(plan, utc_now, live_or_log(stack, CalibrationView(settings.name)))
    document = {"config": str(config), "chip_seed": chip_seed, "virtual": virtual, **result}
    document["report"] = write_report(Path(result["run"]))
    if as_json:
        typer.echo(json.dumps(document, indent=2))
    elif check:
        show_check(document)
    else:
        show(document)
    if not document.get("holds", True):
        raise typer.Exit(1)


def show(document: dict[str, Any]) -> None:
    """Print what was found, for people."""
    console = Console()
    for device, stored in document["calibrations"].items():
        console.print(_device_table(device, stored))
        for routine in stored["routines"].values():
            for fault in routine["faults"]:
                console.print(Text(f"left out  {fault}", style="yellow"))
        console.print(f"stored      {stored['file']}", highlight=False)
    console.print(f"run folder  {document['run']}", highlight=False)
    console.print(f"report      {document['report']}", highlight=False)


def show_check(document: dict[str, Any]) -> None:
    """Print what a check has shown, for people."""
    console = Console()
    for device, check in document["checks"].items():
        for name, verdict in check["routines"].items():
            word = "[green]holds[/]" if verdict["holds"] else "[red]has drifted[/]"
            error = verdict.get("transfer_error")
            known = "" if error is None else f": matrices predicted to {error:.2%}"
            console.print(f"{device}: {name} of calibration {check['version']} {word}{known}")
            for reason in verdict["stale"]:
                console.print(Text(f"  stale: {reason}", style="yellow"))
            for move in verdict["moved"]:
                console.print(Text(f"  {_move(move)}", style="yellow"))
    console.print(f"run folder  {document['run']}", highlight=False)
    if not document["holds"]:
        console.print(f"`lumina calibrate {document['config']} drift` refits what moved.")


def _move(move: dict[str, Any]) -> str:
    which = f"{move['part']} {'' if move['channel'] is None else move['channel']}".strip()
    return f"{which}: {move['quantity']} {move['by']:+.3g} +- {move['sigma']:.1g}"


def _device_table(device: str, stored: dict[str, Any]) -> Table:
    table = Table(title=f"{device}: calibration {stored['version']} of chip {stored['chip']}")
    table.add_column("routine")
    table.add_column("found")
    table.add_column("", justify="right")
    for name, routine in stored["routines"].items():
        for number, (figure, value) in enumerate(routine.items()):
            if figure != "faults":
                shown = f"{value:.4g}" if isinstance(value, float) else str(value)
                table.add_row("" if number else name, figure.replace("_", " "), shown)
    return table
