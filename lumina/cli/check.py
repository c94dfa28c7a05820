"""`lumina check`: validate a lab config and say what it describes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from lumina.control.config import ControlConfig
    from lumina.runtime.config import BenchConfig

__all__ = ["check"]

FRAME_RATE_HZ = 1000
SERIAL_BYTES_PER_S = 300_000
"""A serial line at 3 Mbaud: ten bits per byte."""


def check(
    config: Annotated[Path, typer.Argument(help="Lab config, a YAML file.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document on standard output.")
    ] = False,
) -> None:
    """Validate a lab config and explain what it describes; nothing is started.

    Every problem is reported at once, with its line and the allowed values.
    """
    from lumina.runtime.config import load_config

    summary = summarise(config, load_config(config))
    if as_json:
        typer.echo(json.dumps(summary, indent=2))
    else:
        explain(summary, Console())


def summarise(file: Path, config: "BenchConfig") -> dict[str, Any]:
    """What a valid lab config describes, as plain values."""
    from lumina.runtime.config import backend_problems

    problems = [str(problem) for problem in backend_problems(config)]
    return {
        "file": str(file),
        "name": config.name,
        "description": config.description,
        "can_run": not problems,
        "why_not": problems,
        "processors": {name: _processor(config, name) for name in config.processors},
        "instruments": {
            name: {
                "role": instrument.entry.role,
                "driver": instrument.driver,
                "backend": str(instrument.backend),
                "at": _whereabouts(config, name),
            }
            for name, instrument in config.instruments.items()
        },
        "record_hz": config.record.rate_hz,
        "run_folders": config.record.folder,
    }


def _whereabouts(config: "BenchConfig", name: str) -> str:
    """Where an instrument is: its address, or the plant that its twin acts on."""
    instrument = config.instruments[name]
    if instrument.backend == "hardware":
        return str(instrument.address)
    return f"plant {instrument.plant}"


def _processor(config: "BenchConfig", name: str) -> dict[str, Any]:
    control = config.control_for(name)
    return {
        "mesh": _mesh(config, name),
        "setpoint_c": control.setpoint_c,
        "tiers_c": {
            "warning": control.guard.warning_c,
            "critical": control.guard.critical_c,
            "emergency": control.guard.emergency_c,
        },
        "tec_limit_a": control.tec.current_limit_a,
        "fan_max_rpm": control.fan.max_rpm,
        "frame_rate_hz": FRAME_RATE_HZ,
        "rails": _rails(control),
    }


def _mesh(config: "BenchConfig", name: str) -> dict[str, Any] | None:
    """The mesh as the plant has it; None where only the real board can tell."""
    from lumina.frames import ACTUATOR_HEADER

    instrument = config.processors[name]
    if instrument.backend == "hardware":
        return None
    chip = config.plants[instrument.plant].chip.architecture()
    frame_bytes = ACTUATOR_HEADER.itemsize + 2 * chip.shifters
    return {
        "kind": chip.kind,
        "ports": chip.ports,
        "interferometers": chip.interferometers,
        "shifters": chip.shifters,
        "frame_bytes": frame_bytes,
        "link": "a serial line of 3 Mbaud"
        if frame_bytes * FRAME_RATE_HZ <= SERIAL_BYTES_PER_S
        else "TCP: it is too much for a serial line",
    }


def _rails(control: "ControlConfig") -> list[dict[str, Any]]:
    return [rail.model_dump() for rail in control.rails]


def explain(summary: dict[str, Any], console: Console) -> None:
    """Print the summary for a reader."""

    def say(text: str = "", style: str = "") -> None:
        console.print(Text(text, style), soft_wrap=True)

    say(f"{summary['name']}: {summary['description']}")
    for name, processor in summary["processors"].items():
        say()
        say(f"{name}, photonic processor", "bold")
        for label, text in _processor_lines(processor):
            say(f"  {label:12} {text}")
        console.print(_rail_table(processor["rails"]))
    say()
    console.print(_instrument_table(summary["instruments"]))
    say()
    say(f"Recorded at {summary['record_hz']:g} Hz in {summary['run_folders']}/")
    if summary["can_run"]:
        say(f"{summary['file']} is valid and can run.", "green")
    else:
        say(f"{summary['file']} is valid, but cannot run yet:", "yellow")
        for problem in summary["why_not"]:
            say(f"  {problem}")


def _processor_lines(processor: dict[str, Any]) -> Iterator[tuple[str, str]]:
    mesh, tiers = processor["mesh"], processor["tiers_c"]
    if mesh is None:
        yield "mesh", "told by the board when it is connected"
    else:
        yield (
            "mesh",
            f"{mesh['ports']}x{mesh['ports']} {mesh['kind']}, {mesh['interferometers']} "
            f"interferometers, {mesh['shifters']} phase shifters",
        )
        rate = f"{processor['frame_rate_hz']} per second of {mesh['frame_bytes']} bytes"
        yield "frames", f"{rate}; a board would need {mesh['link']}"
    yield (
        "set point",
        f"{processor['setpoint_c']:g} C, TEC up to {processor['tec_limit_a']:g} A, "
        f"fan up to {processor['fan_max_rpm']:g} RPM",
    )
    yield (
        "guard",
        f"throttles from {tiers['warning']:g} C, refuses work from {tiers['critical']:g} C, "
        f"shuts down at {tiers['emergency']:g} C",
    )


def _rail_table(rails: list[dict[str, Any]]) -> RenderableType:
    if not rails:
        return "  rails        none"
    table = Table("  up", "rail", "voltage", "trips above", "ramp", box=None, padding=(0, 2, 0, 0))
    for order, rail in enumerate(rails, 1):
        trips = f"{rail['current_limit_a']:g} A, {rail['over_voltage_v']:g} V"
        volts, ramp = f"{rail['voltage_v']:g} V", f"{rail['ramp_s']:g} s"
        table.add_row(f"  {order}", rail["name"], volts, trips, ramp)
    return table


def _instrument_table(instruments: dict[str, dict[str, Any]]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for head in ("instrument", "role", "driver", "backend"):
        table.add_column(head, no_wrap=True)
    table.add_column("at", overflow="fold")
    for name, instrument in instruments.items():
        role = instrument["role"].replace("_", " ")
        where = Text(instrument["at"])
        table.add_row(name, role, instrument["driver"], instrument["backend"], where)
    return table
