"""A calibration live in the terminal: how far it is, how long it will take, its fringes."""

from collections import deque
from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from lumina.cli.live import LiveView

__all__ = ["CalibrationView", "braille"]

FRINGES = 4
CELLS = (18, 4)
"""Columns and lines of a fringe."""

DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bits of the braille patterns from U+2800 on, by line and column within a cell."""


class CalibrationView(LiveView):
    """The live view of a bench, with a calibration's progress below it."""

    def __init__(self, title: str) -> None:
        self._fringes: deque[tuple[int, Sequence[float], Sequence[float]]] = deque(maxlen=FRINGES)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=40),
            TextColumn("{task.completed:.0f} of {task.total:.0f} measurements"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        self._task = self._progress.add_task("calibration", total=None, visible=False)
        super().__init__(title)

    def pulse(self, source: str, values: dict[str, Any]) -> None:
        """Take present values in."""
        super().pulse(source, values)
        if "measured" in values:
            self._progress.update(
                self._task, completed=values["measured"], total=values["expected"], visible=True
            )
        if "channel" in values:
            if self._fringes and self._fringes[-1][0] == values["channel"]:
                self._fringes.pop()
            self._fringes.append((values["channel"], values["square_v2"], values["power"]))

    def _parts(self) -> list[RenderableType]:
        return [*super()._parts(), self._progress, self._fringe_table()]

    def _fringe_table(self) -> Table:
        """The latest fringes side by side: power over squared drive."""
        table = Table.grid(padding=(0, 3))
        table.add_row(*(Text(f"shifter {channel}", "dim") for channel, _, _ in self._fringes))
        table.add_row(
            *(
                Group(*(Text(line, "cyan") for line in braille(square_v2, power, *CELLS)))
                for _, square_v2, power in self._fringes
            )
        )
        return table


def braille(x: Sequence[float], y: Sequence[float], columns: int, lines: int) -> list[str]:
    """Points as text of so many columns and lines, two by four dots in each cell.

    Args:
        x: across; the least is at the left edge, the largest at the right.
        y: up; likewise.
        columns: characters across.
        lines: characters down.
    """
    cells = [[0] * columns for _ in range(lines)]
    across, up = _places(x, 2 * columns), _places(y, 4 * lines)
    for right, high in zip(across, up, strict=True):
        down = 4 * lines - 1 - high
        cells[down // 4][right // 2] |= DOTS[down % 4][right % 2]
    return ["".join(chr(0x2800 + bits) for bits in line) for line in cells]


def _places(values: Sequence[float], count: int) -> list[int]:
    """Each value's place among `count` from the least to the largest."""
    least = min(values, default=0.0)
    span = max(values, default=0.0) - least
    return [round((v - least) / span * (count - 1)) if span > 0.0 else 0 for v in values]
