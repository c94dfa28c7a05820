"""What commands share: options that mean the same everywhere, and how they answer."""

import json
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lumina.errors import UsageError

if TYPE_CHECKING:
    from drivers.registry import Backend
    from lumina.cli.live import LiveView
    from lumina.runtime.config import BenchConfig

__all__ = [
    "AsJson",
    "BackendName",
    "ChipSeed",
    "ConfigFile",
    "Seed",
    "Virtual",
    "calibrations_folder",
    "live_or_log",
    "parse_backend",
    "print_json",
    "write_report",
]

ConfigFile = Annotated[Path, typer.Argument(help="Lab config, a YAML file.")]

BackendName = Annotated[
    str | None, typer.Option(help="Who answers for every instrument: twin, firmware or hardware.")
]

Virtual = Annotated[
    bool, typer.Option("--virtual", help="In virtual time, as fast as the machine can.")
]

Seed = Annotated[int, typer.Option(min=0, help="Seed of all noise.")]

ChipSeed = Annotated[int, typer.Option(min=0, help="Identity of chip and plant.")]

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]


def print_json(document: Mapping[str, Any]) -> None:
    """The one document that a command prints under --json."""
    typer.echo(json.dumps(document, indent=2))


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
