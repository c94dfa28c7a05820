"""What a simulated source-measure unit keeps."""

from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["Reading", "Sense", "Settings", "Source"]


class Reading(NamedTuple):
    """One point in a buffer."""

    source: float
    value: float


@dataclass
class Sense:
    """Of one function."""

    range: float
    auto_range: bool = True
    nplc: float = 1.0
    four_wire: bool = False
    auto_zero: bool = True
    averaging: float = 10.0
    averages: bool = False
    filter: str = "REP"
    delay_s: float = 0.0


@dataclass
class Source:
    """Of one function; the limit is of the other quantity."""

    range: float
    limit: float
    level: float = 0.0
    auto_range: bool = True
    delay_s: float = 0.0
    auto_delay: bool = True
    read_back: bool = True


@dataclass
class Settings:
    """As after power-up."""

    on: bool = False
    source: str = "VOLT"
    sense: str = "CURR"
    terminals: str = "FRON"
    off_state: str = "NORM"
    count: float = 1
    sources: dict[str, Source] = field(
        default_factory=lambda: {"VOLT": Source(0.02, 1.05e-4), "CURR": Source(1e-8, 21.0)}
    )
    senses: dict[str, Sense] = field(
        default_factory=lambda: {"VOLT": Sense(0.02), "CURR": Sense(1e-8), "RES": Sense(20.0)}
    )
