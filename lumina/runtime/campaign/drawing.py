"""Random schedules of faults, such as a chip can survive when it is switched off in time.

A schedule whose room and neighbours alone would cook a chip that is off proves nothing
about the guard, so none is drawn: with TEC and load off and the fan as the schedule leaves
it, no node may settle above `SURVIVABLE_C`.
"""

import math
from collections.abc import Sequence

import numpy as np

from drivers.registry import Backend
from lumina.runtime.config import BenchConfig
from lumina.runtime.faults import CATALOGUE, FaultKind, PlannedFault
from lumina.runtime.faults.catalogue import Severity
from lumina.runtime.faults.planned import places_of
from twin.config import PlantConfig

__all__ = ["SURVIVABLE_C", "draw_schedule", "settles_below"]

SURVIVABLE_C = 85.0
SETTLED_S = 25.0
"""Faults strike from here on, for the most part: a bench is locked by then."""

EARLY_SHARE = 0.15
"""Of the faults that strike during bring-up."""

CLOSE_SHARE, CLOSE_S = 0.5, 10.0
"""Of the schedules whose faults strike soon after each other, and how soon in the mean."""

LASTING_SHARE = 0.4
"""Of the faults that last to the end."""

SHORTEST_S, LONGEST_S = 0.02, 60.0
MOST_REPLIES = 50
ATTEMPTS = 200
FAN_FAULTS = frozenset({"fan_stall", "fan_slow"})
MS = 1e3


def draw_schedule(
    rng: np.random.Generator,
    config: BenchConfig,
    plant: PlantConfig,
    duration_s: float,
    most: int,
) -> tuple[PlannedFault, ...]:
    """One to `most` faults within a run of `duration_s`.

    Args:
        rng: decides everything.
        config: the bench.
        plant: its plant as built.
        duration_s: of the run, s.
        most: faults at most.
    """
    wired = any(i.backend is Backend.FIRMWARE for i in config.instruments.values())
    kinds = [kind for kind in CATALOGUE.values() if kind.wire is None or wired]
    for _ in range(ATTEMPTS):
        count = int(rng.integers(1, most + 1))
        drawn = [kinds[rng.integers(len(kinds))] for _ in range(count)]
        times_s = _draw_times(rng, count, duration_s)
        faults = [_draw(rng, kind, config, at_s) for kind, at_s in zip(drawn, times_s, strict=True)]
        if settles_below(faults, plant, SURVIVABLE_C):
            return tuple(sorted(faults, key=lambda fault: fault.at_s))
    return ()


def _draw_times(rng: np.random.Generator, count: int, duration_s: float) -> list[float]:
    """When faults strike: anywhere in the run, or one soon after the other."""
    settled_s = min(SETTLED_S, 0.5 * duration_s)
    if rng.random() < CLOSE_SHARE:
        first_s = rng.uniform(settled_s, duration_s)
        later_s = rng.exponential(CLOSE_S, count)
        return [min(first_s + float(after_s), duration_s) for after_s in later_s]
    early = rng.random(count) < EARLY_SHARE
    return [float(rng.uniform(0.0 if e else settled_s, duration_s)) for e in early]


def _draw(
    rng: np.random.Generator, kind: FaultKind, config: BenchConfig, at_s: float
) -> PlannedFault:
    """One fault, anywhere, of any severity, for any time, on the millisecond."""
    places = places_of(kind, config)
    until_s = None
    if kind.wire is None and rng.random() > LASTING_SHARE:
        until_s = at_s + math.exp(rng.uniform(math.log(SHORTEST_S), math.log(LONGEST_S)))
        until_s = math.ceil(until_s * MS) / MS
    value = 0.0
    if kind.severity is not None:
        value = _draw_value(rng, kind.severity) if kind.wire is None else _draw_length(rng, kind)
    return PlannedFault(
        kind.name, places[rng.integers(len(places))], value, math.floor(at_s * MS) / MS, until_s
    )


def _draw_value(rng: np.random.Generator, severity: Severity) -> float:
    """As usual, at an end of what is possible, or anywhere between."""
    anywhere = float(f"{rng.uniform(severity.low, severity.high):.3g}")
    return float(rng.choice([severity.default, severity.low, severity.high, anywhere]))


def _draw_length(rng: np.random.Generator, kind: FaultKind) -> float:
    """How long a wire is wrong, s, or for how many replies: from hardly to hopeless."""
    if kind.severity is not None and kind.severity.unit == "replies":
        return float(rng.integers(1, MOST_REPLIES + 1))
    return math.ceil(MS * math.exp(rng.uniform(math.log(SHORTEST_S), math.log(LONGEST_S)))) / MS


def settles_below(faults: Sequence[PlannedFault], plant: PlantConfig, limit_c: float) -> bool:
    """Whether the plant, switched off under all of these faults at once, stays below a limit."""
    network = plant.heat_network()
    nodes = [*plant.thermal.nodes]
    if not any(fault.name in FAN_FAULTS for fault in faults):
        blown = nodes.index(plant.fan.node)
        network.to_ambient_w_per_k[blown] += (
            1.0 / plant.fan.full_speed_k_per_w - 1.0 / plant.fan.still_air_k_per_w
        )
    heat_w = np.zeros(len(nodes))
    ambient_c = plant.environment.ambient_c
    for fault in faults:
        if fault.name == "heat_pump" and fault.place == "carrier":
            heat_w[nodes.index(plant.tec.cold_node)] += fault.value
        elif fault.name == "ambient_step":
            ambient_c += max(fault.value, 0.0)
    return bool((network.steady_state_c(heat_w, ambient_c) < limit_c).all())
