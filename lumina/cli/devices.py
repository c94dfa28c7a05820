"""`lumina devices`: the drivers of this installation, and what is plugged in."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = ["devices"]

SERIAL_BY_ID = Path("/dev/serial/by-id")
"""Where Linux lists USB serial ports under names that stay the same."""


def devices(
    scan: Annotated[
        bool, typer.Option("--scan", help="Also list the serial ports of this machine.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document on standard output.")
    ] = False,
) -> None:
    """List the known drivers and, with --scan, the serial ports that are plugged in."""
    found: dict[str, Any] = known_drivers()
    if scan:
        found["serial_ports"] = serial_ports(SERIAL_BY_ID)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        _show(found, Console())


def known_drivers() -> dict[str, Any]:
    """Every driver of this installation, and the packages whose drivers do not load."""
    from drivers.registry import registry

    known = registry()
    return {
        "drivers": {
            entry.name: {
                "role": entry.role,
                "description": entry.description,
                "backends": [str(backend) for backend in entry.factories],
            }
            for entry in known.entries()
        },
        "broken": known.broken(),
    }


def serial_ports(folder: Path) -> list[dict[str, str]]:
    """USB serial ports: the name that stays, and the device that it is at present."""
    if not folder.is_dir():
        return []
    return [
        {"address": str(link), "device": str(link.resolve())} for link in sorted(folder.iterdir())
    ]


def _show(found: dict[str, Any], console: Console) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for head in ("driver", "role", "backends"):
        table.add_column(head, no_wrap=True)
    table.add_column("instrument")
    for name, entry in found["drivers"].items():
        role, backends = entry["role"].replace("_", " "), ", ".join(entry["backends"])
        table.add_row(name, role, backends, Text(entry["description"]))
    console.print(table)
    for point, reason in found["broken"].items():
        console.print(Text(f"cannot be loaded: {point}: {reason}", "red"), soft_wrap=True)
    if "serial_ports" in found:
        console.print(Text(_ports(found["serial_ports"])), soft_wrap=True)


def _ports(ports: list[dict[str, str]]) -> str:
    seen = "\n".join(f"  {port['address']}  ({port['device']})" for port in ports)
    return (
        f"\nUSB serial ports:\n{seen or '  none'}\n"
        "Ports are listed, not asked who they are. Network, VISA and USBTMC instruments do\n"
        "not show here."
    )
