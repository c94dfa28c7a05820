"""A tape as what was seen: settings and transfer matrices, and the sweeps among them."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibration.tape._records import Exchange

__all__ = ["Looks", "looks_on"]


class Looks(NamedTuple):
    """Every measured transfer matrix with its circumstances; the first axis is time."""

    t_s: NDArray[np.float64]
    """Shape (looks,): bench time, in s."""
    drive_v: NDArray[np.float64]
    """Shape (looks, shifters): drives last set through the tape, in V; NaN before the first."""
    carrier_c: NDArray[np.float64]
    """Shape (looks,): carrier set point asked for last, in C; NaN before the first."""
    die_c: NDArray[np.float64]
    """Shape (looks,): die temperature told last, in C; NaN before the first."""
    repeats: NDArray[np.int64]
    """Shape (looks,): measurements averaged."""
    transfer: NDArray[np.complex128]
    """Shape (looks, outputs, inputs), of full scale."""

    def sweeps(self) -> dict[int, NDArray[np.int64]]:
        """Looks in which a single heater went through several drives, by its shifter.

        Of a heater that was swept several times the longest sweep counts.
        """
        found: dict[int, NDArray[np.int64]] = {}
        start, channel = 0, -1
        for look in range(1, len(self.t_s) + 1):
            moved = self._moved(look)
            if moved == channel and channel >= 0:
                continue
            if channel >= 0 and look - start > len(found.get(channel, ())):
                found[channel] = np.arange(start, look)
            start, channel = (look - 1, moved) if moved >= 0 else (look, -1)
        return {number: found[number] for number in sorted(found)}

    def _moved(self, look: int) -> int:
        """The one shifter that was set otherwise than a look before; -1 if not just one."""
        if look >= len(self.t_s):
            return -1
        changed = np.flatnonzero(self.drive_v[look] != self.drive_v[look - 1])
        return int(changed[0]) if len(changed) == 1 else -1


def looks_on(exchanges: Iterable[Exchange], shifters: int) -> Looks:
    """The looks on a tape of a chip with so many shifters."""
    drive_v, carrier_c, die_c = np.full(shifters, np.nan), np.nan, np.nan
    rows = []
    for exchange in exchanges:
        match exchange.question, exchange.argument, exchange.answer:
            case "set_drive_v", np.ndarray() as argument, _:
                drive_v = argument.real
            case "set_carrier_c", float() as argument, _:
                carrier_c = argument
            case "die_temperature_c", _, float() as answer:
                die_c = answer
            case "measure_transfer", float() as argument, np.ndarray() as answer:
                rows.append((exchange.t_s, drive_v, carrier_c, die_c, int(argument), answer))
    if not rows:
        nothing = np.empty(0)
        empty = np.empty((0, 0, 0), complex)
        return Looks(nothing, np.empty((0, shifters)), nothing, nothing, np.empty(0, int), empty)
    return Looks(*(np.array(column) for column in zip(*rows, strict=True)))
