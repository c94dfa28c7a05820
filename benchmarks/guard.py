"""How soon the guard acts, and how warm die and sink get under every fault of the plant.

*Reaction* is counted in ticks, from the first reading beyond a tier's threshold to the
actuator command that the tier calls for. *True* reaction is counted from the die itself, which
warms ahead of its lagging sensor. The faults are those of the catalogue, at their default and
at either extreme, struck while the plant carries its load and before it does.
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from benchmarks.harness import Benchmark, Figure, describe_machine
from benchmarks.thermal_twin import reference_loop, run_recorded
from benchmarks.working_loop import WorkingLoop
from lumina.frames import SAFE_STATE
from lumina.runtime.faults.catalogue import CATALOGUE, SENSOR_NAMES, FaultKind, Place, Places
from twin.config import PlantConfig
from twin.records import write_input

__all__ = ["run"]

LOAD_W, ROOM_C = 30.0, 25.0
HOTTEST_DIE_C, HOTTEST_SINK_C = 97.0, 95.0
REACTION_TICKS = 2.0
WARM_S, STRUCK_S, PAUSE_S = 20.0, 180.0, 1.0
JUMP_K_PER_S = 1000.0
"""A sensor that runs away by 1 K a tick: it crosses every tier within a tenth of a second."""

RUNAWAY_W = 150.0
PATIENCE_TICKS = 120_000

Acted = Callable[[WorkingLoop], bool]

TIERS: dict[str, Acted] = {
    "warning": lambda work: work.plant.actuator.head["laser_scale"][0] < 1.0,
    "critical": lambda work: work.plant.actuator.head["compute_scale"][0] == 0.0,
    "emergency": lambda work: work.plant.actuator.head["flags"][0] == SAFE_STATE,
}
"""What a tier does to the actuator frame."""


def run() -> Benchmark:
    """Measure every tier's reaction, then live through every fault."""
    machine = describe_machine()
    figures = {
        f"{part}_{tier}": reaction(part, tier)
        for part in ("die", "carrier_a", "sink")
        for tier in TIERS
    }
    dies, sinks = {}, {}
    for name, words in plant_faults(reference_loop().plant.config):
        dies[name], sinks[name] = hottest_c(words)
    figures["hottest_die"] = hottest("die", dies, HOTTEST_DIE_C)
    figures["hottest_sink"] = hottest("sink", sinks, HOTTEST_SINK_C)
    return Benchmark(figures, machine)


def hottest(part: str, peaks_c: Mapping[str, float], limit_c: float) -> Figure:
    """The worst of all faults."""
    worst = max(peaks_c, key=peaks_c.__getitem__)
    versus = f"the {part} under the worst of {len(peaks_c)} faults, {worst}; the limit"
    return Figure(peaks_c[worst], "C", versus, limit_c, "lower")


def threshold_c(work: WorkingLoop, part: str, tier: str) -> float:
    """Where a tier of die, carrier or sink begins, C."""
    prefix = "sink_" if part == "sink" else ""
    return float(getattr(work.control.config.guard, f"{prefix}{tier}_c"))


def reaction(part: str, tier: str) -> Figure:
    """Ticks from a reading beyond the threshold to the command."""
    work, channel = reference_loop(), SENSOR_NAMES.index(part)
    write_input(work.plant.inputs, f"sensor_drift_k_per_s[{channel}]", JUMP_K_PER_S)
    limit_c = threshold_c(work, part, tier)
    readings = work.control.arrays.channels
    crossed, acted = moments(work, lambda: readings["raw_c"][channel] >= limit_c, TIERS[tier])
    versus = f"ticks from a reading of {limit_c:g} C to the command"
    if part == "die":
        versus += f"; from the die itself: {true_reaction(tier):+d} ticks, while it runs away"
    return Figure(float(acted - crossed), "ticks", versus, REACTION_TICKS, "lower")


def true_reaction(tier: str) -> int:
    """Ticks from the die beyond the threshold to the command; negative when it comes before."""
    work = reference_loop()
    write_input(work.plant.inputs, "die_heat_w", RUNAWAY_W)
    limit_c = threshold_c(work, "die", tier)
    crossed, acted = moments(
        work, lambda: work.plant.temperatures_c()["die"] >= limit_c, TIERS[tier]
    )
    return acted - crossed


def moments(work: WorkingLoop, crossing: Callable[[], bool], acting: Acted) -> tuple[int, int]:
    """The ticks of the crossing and of the command.

    Raises:
        RuntimeError: one of them does not come.
    """
    crossed = acted = None
    for tick in range(PATIENCE_TICKS):
        work.runner.advance(1)
        if crossed is None and crossing():
            crossed = tick
        if acted is None and acting(work):
            acted = tick
        if crossed is not None and acted is not None:
            return crossed, acted
    raise RuntimeError(f"no reaction: crossed {crossed}, acted {acted}")


def plant_faults(plant: PlantConfig) -> Iterator[tuple[str, Mapping[str, float]]]:
    """Every fault of the catalogue that is physics: its name and the plant's inputs."""
    for kind in CATALOGUE.values():
        for place in places(kind, plant):
            for severity in severities(kind):
                if kind.words is not None:
                    name = " ".join(
                        filter(None, [kind.name, place.name, severity_text(kind, severity)])
                    )
                    yield name, kind.words(place, severity)


def places(kind: FaultKind, plant: PlantConfig) -> Iterator[Place]:
    """Where a kind of fault can strike."""
    names = {
        Places.NOWHERE: ("",),
        Places.SENSOR: SENSOR_NAMES,
        Places.NODE: ("die", "carrier"),
        Places.HEATER: ("0",),
        Places.RAIL: tuple(rail.name for rail in plant.rails),
    }
    for index, name in enumerate(names.get(kind.places, ())):
        yield Place(name, index, plant)


def severities(kind: FaultKind) -> tuple[float, ...]:
    """The default, and both extremes."""
    if kind.severity is None:
        return (0.0,)
    return (kind.severity.default, kind.severity.low, kind.severity.high)


def severity_text(kind: FaultKind, severity: float) -> str:
    """The severity in words."""
    return "" if kind.severity is None else f"{severity:g} {kind.severity.unit}".strip()


def hottest_c(words: Mapping[str, float]) -> tuple[float, float]:
    """Peak of die and sink, C, with the load on when it strikes and with the load after it."""
    peaks = [
        struck(words, before_w, pause_s) for before_w, pause_s in ((LOAD_W, 0.0), (0.0, PAUSE_S))
    ]
    return max(die for die, _ in peaks), max(sink for _, sink in peaks)


def struck(words: Mapping[str, float], before_w: float, pause_s: float) -> tuple[float, float]:
    """Peak of die and sink, C, after a fault."""
    work = reference_loop()
    live(work, before_w, WARM_S)
    for name, value in words.items():
        write_input(work.plant.inputs, name, value)
    live(work, before_w, pause_s)
    return live(work, LOAD_W, STRUCK_S)


def live(work: WorkingLoop, load_w: float, seconds: float) -> tuple[float, float]:
    """Peak of die and sink, C, over some seconds under a load."""
    ticks = round(seconds * 1000)
    truth = run_recorded(work, np.full(ticks, load_w), np.full(ticks, ROOM_C))
    if ticks == 0:
        return -np.inf, -np.inf
    return float(truth["die_c"].max()), float(truth["sink_c"].max())
