"""`lumina calibrate`: learn a bench's chips, and store what was learned."""

import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lumina.cli import calibration_tables as tables
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
from lumina.errors import UsageError

if TYPE_CHECKING:
    from lumina.runtime.config import BenchConfig

__all__ = ["calibrate"]


def calibrate(
    config: ConfigFile,
    routines: Annotated[
        list[str] | None, typer.Argument(help="Routines to run; all that apply by default.")
    ] = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="Only see whether what is stored still holds."),
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where an interrupted run stopped.")
    ] = False,
    diff: Annotated[
        str | None,
        typer.Option(
            "--diff", metavar="OLD..NEW", help="Only compare two stored versions, such as 2..3."
        ),
    ] = None,
    backend: BackendName = None,
    virtual: Virtual = False,
    seed: Seed = 0,
    chip_seed: ChipSeed = 0,
    as_json: AsJson = False,
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

    if sum((check, diff is not None, bool(routines or resume))) > 1:
        raise UsageError("--check, --diff, and routines or --resume: one at a time")
    chosen = parse_backend(backend)
    settings = load_config(config, backend=chosen, to_run=diff is None)
    if diff is not None:
        show(compared(settings, diff), tables.show_changes, as_json=as_json)
        return
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
    with ExitStack() as stack:
        work = run_check if check else run_calibration
        result = work(plan, utc_now, live_or_log(stack, CalibrationView(settings.name)))
    document = {"config": str(config), "chip_seed": chip_seed, "virtual": virtual, **result}
    document["report"] = write_report(Path(result["run"]))
    show(document, tables.show_check if check else tables.show_found, as_json=as_json)
    if not document.get("holds", True):
        raise typer.Exit(1)


def show(
    document: dict[str, Any], for_people: Callable[[dict[str, Any]], None], *, as_json: bool
) -> None:
    """Print what there is to say."""
    if as_json:
        print_json(document)
    else:
        for_people(document)


def compared(settings: "BenchConfig", versions: str) -> dict[str, Any]:
    """What changed from one stored version of each place to another.

    A plant without a processor that lacks one of the versions is passed by.

    Raises:
        UsageError: no two version numbers.
        StoreError: a version is missing or damaged.
        CalibrationError: they are of different chips.
    """
    from calibration.store import CalibrationStore, changes_between
    from lumina.runtime.places import lone_plants

    old, dots, new = versions.partition("..")
    if not (dots and old.isdecimal() and new.isdecimal()):
        raise UsageError(f"--diff {versions}: two versions are compared, such as 2..3")
    found = {}
    numbers = {int(old), int(new)}
    for device in (*settings.processors, *lone_plants(settings)):
        store = CalibrationStore(calibrations_folder(settings), settings.name, device)
        if device not in settings.processors and not numbers <= set(store.versions()):
            continue
        before, after = store.read(int(old)), store.read(int(new))
        before.require(after.chip)
        changes = [asdict(change) for change in changes_between(before, after)]
        found[device] = {"old": before.summary(), "new": after.summary(), "changes": changes}
    return {"diff": found}
