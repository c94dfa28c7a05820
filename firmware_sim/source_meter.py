"""What a simulated source-measure unit keeps, and where its source settles on a heater."""

from dataclasses import dataclass, field
from typing import NamedTuple

from lumina.theory.drive import heater_power_w

__all__ = ["Load", "Reading", "Sense", "Settings", "Source"]


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


@dataclass(frozen=True)
class Load:
    """A heater as a source sees it: its resistance grows with its own power."""

    resistance_ohm: float
    feedback_per_w: float

    def settle(self, function: str, source: Source) -> tuple[float, float]:
        """Voltage (V) and current (A) of a source of ``VOLT`` or ``CURR``, within its limit."""
        sources_volts = function == "VOLT"
        if sources_volts:
            volts, amperes = source.level, self.amperes(source.level)
        else:
            volts, amperes = self.volts(source.level), source.level
        if abs(amperes if sources_volts else volts) <= source.limit:
            return volts, amperes
        held = source.limit if source.level > 0.0 else -source.limit
        return (self.volts(held), held) if sources_volts else (held, self.amperes(held))

    def amperes(self, volts: float) -> float:
        """Current at a voltage."""
        if volts == 0.0:
            return 0.0
        return float(heater_power_w(abs(volts), self.resistance_ohm, self.feedback_per_w) / volts)

    def volts(self, amperes: float) -> float:
        """Voltage at a current: V = I R0 / (1 - f I^2 R0), held where it would run away."""
        cold_w = amperes * amperes * self.resistance_ohm
        runaway = max(1.0 - self.feedback_per_w * cold_w, 0.01)
        return cold_w / runaway / amperes if amperes else 0.0
