"""A fault that shall strike: which, where, how hard, from when to when.

Written NAME[:PLACE][=VALUE]@T[..T2], in seconds of bench time:

    fan_stall@30                    from 30 s on, to the end
    sensor_drift:die=-0.5@30..60    the die's thermistor drifts by -0.5 K/s for 30 s
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from drivers.registry import Backend
from lumina.errors import UsageError
from lumina.runtime.config import BenchConfig
from lumina.runtime.faults.catalogue import CATALOGUE, SENSOR_NAMES, FaultKind, Place, Places

__all__ = ["PlannedFault", "parse_fault", "parse_faults", "place_of", "places_of"]

SPEC = re.compile(
    r"(?P<name>\w+)(?::(?P<place>\w+))?(?:=(?P<value>[^@]+))?@(?P<at>.+?)(?:\.\.(?P<until>.+))?"
)
FORM = "NAME[:PLACE][=VALUE]@T or @T..T2, T in seconds of bench time"
LATEST_S = 1e6


@dataclass(frozen=True)
class PlannedFault:
    """One fault of a run.

    Attributes:
        name: of its kind, in the catalogue.
        place: where it strikes; empty where there is just one place.
        value: how hard; 0 where there are no degrees.
        at_s: bench time at which it strikes, s.
        until_s: bench time at which it is lifted, s; None for the end of the run.
    """

    name: str
    place: str
    value: float
    at_s: float
    until_s: float | None = None

    @property
    def kind(self) -> FaultKind:
        """Its kind."""
        return CATALOGUE[self.name]

    def __str__(self) -> str:
        """As it is written on the command line."""
        place = f":{self.place}" if self.place else ""
        value = f"={self.value:.12g}" if self.kind.severity is not None else ""
        until = "" if self.until_s is None else f"..{self.until_s:.12g}"
        return f"{self.name}{place}{value}@{self.at_s:.12g}{until}"

    @property
    def words(self) -> str:
        """What happens, for people."""
        severity = self.kind.severity
        degree = f", {self.value:g} {severity.unit}".rstrip() if severity is not None else ""
        return f"{self.kind.what}{f' ({self.place})' if self.place else ''}{degree}"


def parse_faults(texts: Iterable[str], config: BenchConfig) -> tuple[PlannedFault, ...]:
    """The faults that a command line asks for, in the order of their time.

    Raises:
        UsageError: one cannot be planted on this bench; says what can.
    """
    return tuple(sorted((parse_fault(text, config) for text in texts), key=lambda f: f.at_s))


def parse_fault(text: str, config: BenchConfig) -> PlannedFault:
    """One fault, as it is written on the command line.

    Args:
        text: NAME[:PLACE][=VALUE]@T[..T2].
        config: the bench on which it shall strike.

    Raises:
        UsageError: it cannot be planted on this bench; says what can.
    """
    parts = SPEC.fullmatch(text)
    if parts is None:
        raise _refused(text, "is not a fault", FORM)
    kind = CATALOGUE.get(parts["name"])
    if kind is None:
        raise _refused(text, f"no fault is called {parts['name']}", ", ".join(CATALOGUE))
    at_s = _number(text, "T", parts["at"], 0.0, LATEST_S, "s")
    until_s = None
    if parts["until"] is not None:
        until_s = _number(text, "T2", parts["until"], math.nextafter(at_s, math.inf), LATEST_S, "s")
    return PlannedFault(
        kind.name,
        _place(text, kind, parts["place"], config),
        _value(text, kind, parts["value"]),
        at_s,
        until_s,
    )


def _place(text: str, kind: FaultKind, name: str | None, config: BenchConfig) -> str:
    """Where it shall strike: the named place, or the first."""
    allowed = places_of(kind, config)
    if name is not None and name not in allowed:
        what = f"{kind.name} cannot strike {name}"
        raise _refused(text, what, _shortened(allowed) if allowed[0] else "no place")
    return allowed[0] if name is None else name


def _shortened(names: tuple[str, ...]) -> str:
    return ", ".join(names) if len(names) < 12 else f"{names[0]} .. {names[-1]}"


def _value(text: str, kind: FaultKind, value: str | None) -> float:
    """How hard it shall strike."""
    severity = kind.severity
    if severity is None:
        if value is not None:
            raise _refused(text, f"{kind.name} has no degrees", f"{kind.name}@T")
        return 0.0
    if value is None:
        return severity.default
    return _number(text, severity.what, value, severity.low, severity.high, severity.unit)


def _number(text: str, what: str, value: str, low: float, high: float, unit: str) -> float:
    allowed = f"{low:g} .. {high:g} {unit}".rstrip()
    try:
        number = float(value)
    except ValueError:
        raise _refused(text, f"{what} is {value}", allowed) from None
    if not low <= number <= high:
        raise _refused(text, f"{what} is {value}", allowed)
    return number


def _refused(text: str, why: str, allowed: str) -> UsageError:
    return UsageError(f"--fault {text}: {why} (allowed: {allowed})")


def places_of(kind: FaultKind, config: BenchConfig) -> tuple[str, ...]:
    """Names of the places on a bench where a fault can strike; the first is the usual one.

    Raises:
        UsageError: there is none on this bench.
    """
    processor = _processor(config)
    plant = config.plants[config.instruments[processor].plant]
    match kind.places:
        case Places.NOWHERE:
            return ("",)
        case Places.SENSOR:
            return ("die", *(name for name in SENSOR_NAMES if name != "die"))
        case Places.NODE:
            return ("die", "carrier")
        case Places.HEATER:
            return tuple(map(str, range(plant.chip.architecture().shifters)))
        case Places.RAIL:
            names = tuple(rail.name for rail in reversed(plant.rails))
        case Places.INSTRUMENT:
            simulated = {
                name for name, i in config.instruments.items() if i.backend is Backend.FIRMWARE
            }
            names = (*(simulated & {processor}), *sorted(simulated - {processor}))
    if not names:
        needs = "power rails" if kind.places is Places.RAIL else "backend firmware"
        raise UsageError(f"--fault {kind.name}: the bench has none of it, it needs {needs}")
    return names


def place_of(fault: PlannedFault, config: BenchConfig) -> Place:
    """The place of a fault in the plant."""
    plant = config.plants[config.instruments[_processor(config)].plant]
    index = 0
    match fault.kind.places:
        case Places.SENSOR:
            index = SENSOR_NAMES.index(fault.place)
        case Places.HEATER:
            index = int(fault.place)
        case Places.RAIL:
            index = [rail.name for rail in plant.rails].index(fault.place)
    return Place(fault.place, index, plant)


def _processor(config: BenchConfig) -> str:
    """The processor on whose plant faults strike.

    Raises:
        UsageError: there are several, or it is real.
    """
    names = list(config.processors)
    if len(names) != 1:
        raise UsageError(f"--fault: the bench needs one processor, not {len(names)}")
    if config.instruments[names[0]].backend is Backend.HARDWARE:
        raise UsageError(f"--fault: {names[0]} is real hardware, which nobody breaks on purpose")
    return names[0]
