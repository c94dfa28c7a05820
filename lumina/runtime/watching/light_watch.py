"""Notices light at the chip that is not what it should be."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

__all__ = ["LightChange", "LightWatch"]

SHARE = 0.1
"""Of the light that is due, that may be missing or too much."""

LEAST_SCALE = 0.05
"""A board's attenuator that lets less through is not judged."""

PATIENCE_ROWS = 5
"""Telemetry rows in a row before it is believed: the light follows its command late."""


class LightChange(NamedTuple):
    """Light went wrong, or is right again.

    Attributes:
        row: the telemetry row that shows it.
        wrong: which of the two.
        message: in words.
    """

    row: Any
    wrong: bool
    message: str


class LightWatch:
    """Compares the board's light monitor with what laser and attenuator are set to.

    Args:
        laser_w: power that the lasers are set to, W; 0 where there is none to compare with.
    """

    def __init__(self, laser_w: float) -> None:
        self._laser_w = laser_w
        self._rows_off = 0
        self._wrong = False

    def changes(self, rows: Any) -> Iterator[LightChange]:
        """What changed within telemetry rows, in their order."""
        if self._laser_w == 0.0:
            return
        due_w = self._laser_w * rows["laser_scale"]
        judged = rows["laser_scale"] > LEAST_SCALE
        off = np.abs(rows["laser_power_w"] - due_w) > SHARE * due_w
        for index in np.flatnonzero(judged):
            self._rows_off = self._rows_off + 1 if off[index] else 0
            wrong = self._rows_off >= PATIENCE_ROWS
            if wrong != self._wrong and (wrong or not off[index]):
                self._wrong = wrong
                yield self._change(rows[index], float(due_w[index]))

    def _change(self, row: Any, due_w: float) -> LightChange:
        shown_mw, due_mw = 1e3 * float(row["laser_power_w"]), 1e3 * due_w
        if self._wrong:
            text = f"light: the board sees {shown_mw:.3g} mW where {due_mw:.3g} mW are due"
        else:
            text = f"light: {shown_mw:.3g} mW, as is due, again"
        return LightChange(row, self._wrong, text)
