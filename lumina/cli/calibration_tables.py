"""What `lumina calibrate` prints for people."""

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = ["show_changes", "show_check", "show_found"]


def show_found(document: dict[str, Any]) -> None:
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


def show_changes(document: dict[str, Any]) -> None:
    """Print what changed between two versions, for people."""
    for device, diff in document["diff"].items():
        title = f"{device}: calibration {diff['old']['version']} to {diff['new']['version']}"
        table = Table(title=title)
        for column in ("routine", "quantity", "rms change", "largest change", "at"):
            table.add_column(column, justify="left" if column != "rms change" else "right")
        for change in diff["changes"]:
            at = "" if change["channel"] is None else f"{change['of']} {change['channel']}"
            figures = (_figure(change["rms"]), _figure(change["largest"]))
            table.add_row(change["routine"], change["quantity"], *figures, at)
        Console().print(table if diff["changes"] else f"{title}: nothing changed")


def _figure(value: float | None) -> str:
    return "other" if value is None else f"{value:.3g}"


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
