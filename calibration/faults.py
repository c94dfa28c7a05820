"""What can be wrong with a channel, and how findings keep it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ChannelFault", "Fault", "Part", "fault_columns", "faults_in"]


class Part(StrEnum):
    """What a channel number counts."""

    SHIFTER = "shifter"
    INPUT = "input"
    OUTPUT = "output"
    TAP = "tap"


class Fault(StrEnum):
    """What can be wrong with a channel."""

    DEAD = "dead"  # nothing answers: heater open, detector dark
    SWAPPED = "swapped"  # acts in another channel's place, and is used there
    NO_FRINGE = "no fringe"  # what it draws is no circle, or off the data sheet
    SATURATED = "saturated"
    UNSTABLE = "unstable"  # does not repeat
    DARK = "dark"  # sees no light
    OPEN = "open"  # carries no current
    SHORTED = "shorted"  # carries far too much
    OFF_SHEET = "off its data sheet"


@dataclass(frozen=True)
class ChannelFault:
    """What is wrong with one channel; the others are calibrated all the same.

    Attributes:
        part: what `channel` counts: a `Part`, or an instrument's name.
        channel: from 0.
        fault: what is wrong.
        reason: the same for people, with the figures that tell.
    """

    part: str
    channel: int
    fault: Fault
    reason: str

    def __str__(self) -> str:
        return f"{self.part} {self.channel}: {self.fault}, {self.reason}"


_PARTS: Mapping[str, str] = {part.value: part for part in Part}


def fault_columns(faults: Sequence[ChannelFault]) -> dict[str, NDArray[Any]]:
    """Faults as a table of findings."""
    return {
        "part": np.array([str(fault.part) for fault in faults], str),
        "number": np.array([fault.channel for fault in faults], np.int64),
        "fault": np.array([fault.fault.value for fault in faults], str),
        "reason": np.array([fault.reason for fault in faults], str),
    }


def faults_in(columns: Mapping[str, NDArray[Any]]) -> tuple[ChannelFault, ...]:
    """The inverse of `fault_columns`.

    Raises:
        KeyError: a column is missing.
        ValueError: columns of unequal length, or a fault that this version does not know.
    """
    rows = zip(*(columns[name].tolist() for name in fault_columns(())), strict=True)
    return tuple(ChannelFault(_PARTS.get(p, p), int(c), Fault(f), r) for p, c, f, r in rows)
