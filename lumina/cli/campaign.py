"""`lumina campaign`: random faults on random benches, with the safety invariants under watch."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from lumina.cli.common import AsJson, parse_backend, print_json

if TYPE_CHECKING:
    from lumina.runtime.campaign.trial import Outcome

__all__ = ["campaign"]

FAILED = 1


def campaign(
    config: Annotated[Path, typer.Argument(help="Lab config, a YAML file, of one processor.")],
    seeds: Annotated[int, typer.Option(min=1, help="How many trials, one per seed.")],
    hours: Annotated[
        float, typer.Option(min=0.001, max=1000, help="Bench time of a trial, in hours.")
    ] = 0.05,
    backend: Annotated[str, typer.Option(help="twin, or firmware: then wires fail, too.")] = "twin",
    from_seed: Annotated[int, typer.Option(min=0, help="The first seed.")] = 0,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            help="Instead of random ones, this fault in every trial, as for `lumina run`; "
            "repeatable.",
            metavar="NAME@T",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Let random faults strike random twins of a bench, in virtual time, on all cores.

    Thermal parts, set point, room and load differ from seed to seed. In every tick it is
    checked that die and sink stay below their limits, that commands are numbers within
    their limits, that a refused laser is dark, that an emergency is safe and stays latched,
    and that the loss of die sensor, fan or host is acted on in time. A schedule that breaks
    one of these is shortened as far as it goes, told with its seed, and the exit code is 1.
    """
    from drivers.registry import Backend
    from lumina.runtime.campaign.running import run_campaign

    found = run_campaign(
        config,
        range(from_seed, from_seed + seeds),
        hours,
        backend=parse_backend(backend) or Backend.TWIN,
        faults=fault or (),
        told=tell,
    )
    if as_json:
        print_json(found)
    else:
        show(found)
    if found["failed"]:
        raise typer.Exit(FAILED)


def tell(outcome: "Outcome") -> None:
    """A line per trial on standard error."""
    schedule = " ".join(map(str, outcome.trial.faults))
    print(
        f"seed {outcome.trial.seed}: {outcome.words or 'safe'}, "
        f"die {outcome.worst_die_c:.1f} C, sink {outcome.worst_sink_c:.1f} C  {schedule}",
        file=sys.stderr,
        flush=True,
    )


def show(found: dict[str, Any]) -> None:
    """Print what was found, for people."""
    console = Console()
    table = Table(title=f"{found['trials']} trials, {found['bench_hours']:.2f} h of bench time")
    table.add_column("checked in every tick")
    table.add_column("worst", justify="right")
    table.add_column("limit", justify="right")
    for name in ("die", "sink"):
        table.add_row(name, f"{found[f'worst_{name}_c']:.1f} C", f"{found[f'{name}_limit_c']:g} C")
    table.add_row("trials that broke an invariant", str(len(found["failed"])), "0")
    console.print(table)
    for failure in found["failed"]:
        console.print(
            f"seed {failure['seed']}: {failure['what']} at {failure['t_s']:.3f} s",
            f"  shortest: {' '.join(failure['shortest']['schedule'])}",
            f"  again:    {failure['again']}",
            sep="\n",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
