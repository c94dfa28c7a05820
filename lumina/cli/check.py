"""`lumina check`: validate a lab config and say what it describes."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from lumina.cli.common import AsJson, ConfigFile, print_json

if TYPE_CHECKING:
    from lumina.control.config import ControlConfig
    from lumina.control.guard.config import GuardConfig
    from lumina.runtime.config import BenchConfig

__all__ = ["check"]

FRAME_RATE_HZ = 1000
SERIAL_BYTES_PER_S = 300_000
"""A serial line at 3 Mbaud: ten bits per byte."""


def check(
    config: ConfigFile,
    as_json: AsJson = False,
) -> None:
    """Validate a lab config and explain what it describes; nothing is started.

    Every problem is reported at once, with its line and the allowed values.
    """
    from lumina.runtime.config import load_config

    summary = summarise(config, load_config(config))
    if as_json:
        print_json(summary)
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
        "carriers": {name: _carrier(config, name) for name in config.instrument_loops},
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
        "tiers_c": _tiers(control.guard, ""),
        "sink_tiers_c": _tiers(control.guard, "sink_"),
        "tec_limit_a": control.tec.current_limit_a,
        "fan_max_rpm": control.fan.max_rpm,
        "frame_rate_hz": FRAME_RATE_HZ,
        "rails": _rails(control),
    }


def _carrier(config: "BenchConfig", name: str) -> dict[str, Any]:
    control = config.control[name]
    assert control.instruments is not None
    return {
        "fan": control.instruments.fan,
        "rate_hz": control.instruments.rate_hz,
        "setpoint_c": control.setpoint_c,
        "tiers_c": _tiers(control.guard, ""),
        "sink_tiers_c": _tiers(control.guard, "sink_"),
        "tec_limit_a": control.tec.current_limit_a,
        "fan_max_rpm": control.fan.max_rpm,
    }


def _tiers(guard: "GuardConfig", prefix: str) -> dict[str, float]:
    """Where the guard's tiers begin, C."""
    names = ("warning", "critical", "emergency")
    return {name: getattr(guard, f"{prefix}{name}_c") for name in names}


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
        say(_aligned(_processor_rows(processor), indent=2))
        say(_aligned(_rail_rows(processor["rails"]), indent=2))
    for name, carrier in summary["carriers"].items():
        say()
        say(f"{name} and {carrier['fan']}, a chip without a board", "bold")
        say(_aligned(_carrier_rows(carrier), indent=2))
    say()
    say(_aligned(_instrument_rows(summary["instruments"])))
    say()
    say(f"Recorded at {summary['record_hz']:g} Hz in {summary['run_folders']}/")
    if summary["can_run"]:
        say(f"{summary['file']} is valid and can run.", "green")
    else:
        say(f"{summary['file']} is valid, but cannot run yet:", "yellow")
        for problem in summary["why_not"]:
            say(f"  {problem}")


def _aligned(rows: Iterable[tuple[str, ...]], indent: int = 0) -> str:
    """Rows in columns. Not a table of fixed width: an address must stay in one piece."""
    table = list(rows)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in table
    )
    return "\n".join(" " * indent + line.rstrip() for line in lines)


def _processor_rows(processor: dict[str, Any]) -> Iterator[tuple[str, str]]:
    mesh = processor["mesh"]
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
    yield from _thermal_rows(processor)


def _carrier_rows(carrier: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "loop", f"{carrier['rate_hz']:g} steps per second"
    yield from _thermal_rows(carrier)


def _thermal_rows(processor: dict[str, Any]) -> Iterator[tuple[str, str]]:
    tiers = processor["tiers_c"]
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
    sink = processor["sink_tiers_c"]
    yield "", f"of the sink: {sink['warning']:g}, {sink['critical']:g}, {sink['emergency']:g} C"


def _rail_rows(rails: list[dict[str, Any]]) -> Iterator[tuple[str, ...]]:
    if not rails:
        yield ("no rails",)
        return
    yield "rails, as they come up", "voltage", "trips above", "ramp"
    for rail in rails:
        yield (
            rail["name"],
            f"{rail['voltage_v']:g} V",
            f"{rail['current_limit_a']:g} A, {rail['over_voltage_v']:g} V",
            f"{rail['ramp_s']:g} s",
        )


def _instrument_rows(instruments: dict[str, dict[str, Any]]) -> Iterator[tuple[str, ...]]:
    yield "instrument", "role", "driver", "backend", "at"
    for name, instrument in instruments.items():
        role = instrument["role"].replace("_", " ")
        yield name, role, instrument["driver"], instrument["backend"], instrument["at"]
