"""The live view of a run in the terminal: stages, temperatures, rails, accuracies."""

import sys
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from lumina.store import Event

__all__ = ["LiveView", "LogView"]

TIER_STYLE = {"NORMAL": "green", "WARNING": "yellow", "CRITICAL": "red", "EMERGENCY": "bold red"}
RAIL_STYLE = {"ON": "green", "FAULT": "bold red"}
OUTCOME_MARK = {"done": "[green]done[/]", "failed": "[red]failed[/]"}
SHOWN_STAGES = 9


class LogView:
    """One line per event on standard error, for terminals that are not."""

    def event(self, event: Event) -> None:
        """Print what matters."""
        if event.level != "debug":
            print(f"{event.t_s:9.3f} s  {event.message}", file=sys.stderr, flush=True)

    def pulse(self, source: str, values: dict[str, Any]) -> None:
        """Present values are not worth a line."""


class LiveView:
    """A panel that is redrawn several times a second on standard error."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._stages: list[tuple[str, float, str | None]] = []
        self._rails: dict[str, str] = {}
        self._accuracy: dict[str, float] = {}
        self._step: tuple[str, float] | None = None
        self._row: Any = None
        self._now_s = 0.0
        self._tier = "NORMAL"
        self._notes: list[str] = []
        self._live = Live(
            get_renderable=self._render, console=Console(stderr=True), refresh_per_second=6
        )

    def __enter__(self) -> "LiveView":
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def event(self, event: Event) -> None:
        """Take an event in."""
        self._now_s = event.t_s
        data = event.data
        if event.event == "stage":
            self._take_stage(event)
        elif event.event == "rail":
            self._rails[data["rail"]] = data["state"]
        elif event.event == "accuracy":
            self._accuracy[data["name"]] = data["accuracy"]
        elif event.event == "tier":
            self._tier = data["after"]
        if event.level in ("warning", "error"):
            self._notes.append(f"{event.t_s:8.2f} s  {event.message}")

    def pulse(self, source: str, values: dict[str, Any]) -> None:
        """Take present values in."""
        if "row" in values:
            self._row = values["row"]
            self._now_s = float(self._row["tick"]) * 1e-3
        if "fraction" in values:
            self._step = (values["step"], values["fraction"])

    def _take_stage(self, event: Event) -> None:
        self._step = None
        if event.data["phase"] == "start":
            self._stages.append((event.message, event.t_s, None))
        else:
            message, began_s, _ = self._stages[-1]
            self._stages[-1] = (message, event.t_s - began_s, event.data["outcome"])

    def _render(self) -> RenderableType:
        title = f"{self._title}   bench time {self._now_s:7.1f} s"
        notes = [Text(note, style="yellow") for note in self._notes[-3:]]
        body = Group(*self._parts(), *notes)
        return Panel(body, title=title, title_align="left", border_style="cyan")

    def _parts(self) -> list[RenderableType]:
        """What is shown, from top to bottom."""
        parts: list[RenderableType] = [self._stage_table(), self._state_table()]
        if self._accuracy:
            parts.append(self._accuracy_table())
        return parts

    def _stage_table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for message, seconds, outcome in self._stages[-SHOWN_STAGES:]:
            if outcome is not None:
                table.add_row(OUTCOME_MARK.get(outcome, outcome), message, f"{seconds:.1f} s")
            elif self._step is not None:
                step, fraction = self._step
                bar = ProgressBar(total=1.0, completed=fraction, width=24)
                table.add_row("[cyan]now[/]", f"{message} ({step})", bar)
            else:
                table.add_row("[cyan]now[/]", message, f"{self._now_s - seconds:.1f} s")
        return table

    def _state_table(self) -> Table:
        table = Table.grid(padding=(0, 3))
        row = self._row
        if row is not None:
            table.add_row(
                f"carrier {row['carrier_c']:7.3f} C",
                f"die {row['die_estimate_c']:7.3f} C",
                f"sink {row['sink_c']:5.1f} C",
                f"TEC {row['tec_current_a']:+6.2f} A",
                f"fan {row['fan_rpm']:4.0f} RPM",
                f"room {row['inlet_c']:4.1f} C",
                f"load {row['compute_power_w']:4.1f} W",
            )
        cells = [f"guard [{TIER_STYLE[self._tier]}]{self._tier.lower()}[/]"]
        for name, state in self._rails.items():
            style = RAIL_STYLE.get(state, "yellow" if "RAMP" in state else "dim")
            cells.append(f"[{style}]{name} {state.lower().replace('_', ' ')}[/]")
        table.add_row(*cells)
        return table

    def _accuracy_table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for name, value in self._accuracy.items():
            bar = ProgressBar(total=1.0, completed=value, width=40, complete_style="green")
            table.add_row(name.replace("_", " "), bar, f"{value:6.1%}")
        return table
