"""`lumina devices`: the drivers of this installation, and what is plugged in."""

from itertools import groupby
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lumina.cli.common import AsJson, print_json

__all__ = ["devices"]


def devices(
    scan: Annotated[bool, typer.Option("--scan", help="Also look what is plugged in.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the known drivers and, with --scan, serial ports and VISA instruments."""
    found: dict[str, Any] = known_drivers()
    if scan:
        from lumina.cli.scan import serial_ports, visa_instruments

        found["serial_ports"] = serial_ports()
        found["visa"] = visa_instruments()
    if as_json:
        print_json(found)
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


def _show(found: dict[str, Any], console: Console) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("driver", no_wrap=True)
    table.add_column("instrument")
    table.add_column("backends", no_wrap=True)
    for role, entries in groupby(found["drivers"].items(), lambda item: str(item[1]["role"])):
        table.add_row(Text(role.replace("_", " "), "bold"))
        for name, entry in entries:
            backends = ", ".join(entry["backends"])
            table.add_row(f"  {name}", Text(entry["description"]), backends)
    console.print(table)
    for point, reason in found["broken"].items():
        console.print(Text(f"cannot be loaded: {point}: {reason}", "red"), soft_wrap=True)
    if "serial_ports" in found:
        console.print(Text(_plugged_in(found)), soft_wrap=True)


def _plugged_in(found: dict[str, Any]) -> str:
    ports = [
        f"  {port['address']}  ({port['device']}, {port['description']})"
        for port in found["serial_ports"]
    ]
    visa = [
        f"  {entry['resource']}  {entry.get('identity') or 'no answer: ' + entry['error']}"
        for entry in found["visa"]
    ]
    return "\n".join(
        (
            "\nSerial ports:",
            *(ports or ["  none"]),
            "Ports are listed, not asked who they are.",
            "\nVISA instruments, by their answer to *IDN?:",
            *(visa or ["  none"]),
            "Raw network sockets, and networks behind a router, do not show here.",
        )
    )
