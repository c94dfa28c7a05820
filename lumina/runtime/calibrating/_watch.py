"""What there is to see while a routine measures: how far it is, and the fringe at hand."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lumina.runtime.recording.journal import Journal

__all__ = ["Watch"]


class Watch:
    """Shows measurements to whoever watches the journal.

    Args:
        journal: where values are shown.
        expected: measurements that all routines together will take.
    """

    def __init__(self, journal: Journal, expected: int) -> None:
        self._journal, self._expected = journal, expected
        self._measured = 0
        self._drive_v: NDArray[np.float64] = np.empty(0)
        self._swept = -1
        self._points: list[tuple[float, NDArray[np.float64]]] = []

    def begin(self, expected_before: int) -> None:
        """A routine begins; those before it were expected to take so many."""
        self._measured = expected_before

    def look(
        self, drive_v: NDArray[np.float64] | None, transfer: NDArray[Any], repeats: int
    ) -> None:
        """Something was measured at these drives."""
        self._measured += repeats
        shown: dict[str, Any] = {"measured": self._measured, "expected": self._expected}
        if drive_v is not None:
            shown |= self._fringe(drive_v, np.abs(transfer) ** 2)
        self._journal.pulse("calibrate", **shown)

    def _fringe(self, drive_v: NDArray[np.float64], power: NDArray[np.float64]) -> dict[str, Any]:
        """The sweep that this look goes on with, if one heater alone was set otherwise."""
        before, self._drive_v = self._drive_v, drive_v
        if before.shape != drive_v.shape:
            return {}
        moved = np.flatnonzero(before != drive_v)
        if len(moved) == 1 and moved[0] != self._swept:
            self._swept, self._points = int(moved[0]), self._points[-1:]
            self._points = [(float(before[moved[0]] ** 2), p) for _, p in self._points]
        elif len(moved) != 1:
            self._swept, self._points = -1, []
        self._points.append((float(drive_v[self._swept] ** 2) if self._swept >= 0 else 0.0, power))
        if self._swept < 0 or len(self._points) < 2:
            return {}
        powers = np.array([p for _, p in self._points])
        element = int(np.argmax(np.var(powers, axis=0)))
        return {
            "channel": self._swept,
            "square_v2": [square for square, _ in self._points],
            "power": powers.reshape(len(powers), -1)[:, element].tolist(),
        }
