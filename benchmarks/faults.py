"""What every fault of the plant and the host leads to: small.yaml at 30 W, in virtual time.

Each fault strikes a locked bench with its default severity and lasts to the end. The die
and the sink are the plant's truth, in every tick. `python -m benchmarks.faults` prints the
table of docs/reference/faults.md.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.harness import Benchmark, Figure, describe_machine
from lumina.control.records import TICK_S, Tier
from lumina.runtime.bench import open_bench
from lumina.runtime.campaign.invariants import DIE_LIMIT_C, SINK_LIMIT_C
from lumina.runtime.campaign.watched import WatchedRunner, watched_runner_for
from lumina.runtime.config import BenchConfig, load_config
from lumina.runtime.faults import CATALOGUE, PlannedFault, Story, parse_fault
from lumina.runtime.recording.journal import Journal
from lumina.runtime.virtual_time import run_virtual

__all__ = ["run"]

CONFIG = Path(__file__).parents[1] / "lab_configs" / "small.yaml"
STRIKES_S, LOADED_S, ENDS_S = 30.0, 20.0, 330.0
LOAD_W = 30.0
TOLD_HZ = 1000.0
"""Telemetry rate: reactions are told to the millisecond."""

TELLING = frozenset({"reason", "light"})
"""Events that say what was found."""


@dataclass(frozen=True)
class Measured:
    """What one fault led to.

    Attributes:
        spec: the fault, as on a command line.
        noticed_s: from the strike to the guard's first finding, s; None if it found nothing.
        found: what it found first.
        tier: the highest tier.
        safe_s: from the strike to a bench without light and load, s; None if it stayed up.
        die_c: hottest die.
        sink_c: hottest sink.
    """

    spec: str
    noticed_s: float | None
    found: str
    tier: str
    safe_s: float | None
    die_c: float
    sink_c: float

    @classmethod
    def of(cls, fault: PlannedFault, story: Story, watch: Any, began_s: float) -> "Measured":
        """What was told, and what the watch saw of a loop that began to tick at `began_s`."""
        found = [r for r in story.reactions() if r["event"] in TELLING and r["level"] != "info"]
        after_s = began_s - fault.at_s + watch["since"] * TICK_S
        reached = [tier for tier in Tier if watch["since"][tier] > 0]
        noticed_s = [r["after_s"] for r in found[:1]] + [after_s[t] for t in reached if t > 0]
        return cls(
            spec=str(fault).partition("@")[0],
            noticed_s=min(noticed_s, default=None),
            found=found[0]["message"].removeprefix("guard: ") if found else "",
            tier=reached[-1].name.lower(),
            safe_s=float(after_s[Tier.CRITICAL]) if Tier.CRITICAL in reached else None,
            die_c=float(watch["worst_die_c"]),
            sink_c=float(watch["worst_sink_c"]),
        )


def run() -> Benchmark:
    """Measure every fault."""
    machine = describe_machine()
    figures = {}
    for measured in measure_all():
        name = measured.spec.partition("@")[0].partition("=")[0].replace(":", "_")
        held = f"true, in every tick, after {measured.spec}"
        figures[f"{name}_die"] = Figure(measured.die_c, "C", f"die {held}", DIE_LIMIT_C, "lower")
        figures[f"{name}_sink"] = Figure(
            measured.sink_c, "C", f"sink {held}", SINK_LIMIT_C, "lower"
        )
    return Benchmark(figures, machine)


def measure_all() -> Iterable[Measured]:
    """Every fault that needs no wire, in the catalogue's order, at its usual place."""
    config = told_often()
    for kind in CATALOGUE.values():
        if kind.wire is None:
            yield measure(config, f"{kind.name}@{STRIKES_S:g}")


def told_often() -> BenchConfig:
    """The bench, with a telemetry row per tick."""
    config = load_config(CONFIG)
    often = config.record.model_copy(update={"rate_hz": TOLD_HZ})
    return config.model_copy(update={"record": often})


def measure(config: BenchConfig, spec: str) -> Measured:
    """Let one fault strike."""
    fault = parse_fault(spec, config)
    story = Story([fault])
    runners: list[WatchedRunner] = []

    async def live() -> float:
        def watched(link: object, loop: object) -> WatchedRunner:
            runners.append(watched_runner_for(link, loop))  # type: ignore[arg-type]
            return runners[-1]

        async with open_bench(
            config, journal=Journal(story), faults=[fault], runners=watched
        ) as bench:
            assert bench.environment is not None
            await asyncio.sleep(LOADED_S - bench.journal.now_s())
            bench.environment.set_compute_power_w(LOAD_W)
            await asyncio.sleep(ENDS_S - bench.journal.now_s())
            return bench.journal.now_s() - runners[0].ticks * TICK_S

    began_s = run_virtual(live())
    return Measured.of(fault, story, runners[0].watch[0], began_s)


def table(rows: Iterable[Measured]) -> str:
    """The rows of the table in docs/reference/faults.md."""
    return "\n".join(
        f"| `{row.spec}` | {row.found or 'nothing'} | {seconds(row.noticed_s)} | {row.tier} "
        f"| {seconds(row.safe_s) if row.safe_s is not None else 'stays up'} "
        f"| {row.die_c:.1f} | {row.sink_c:.1f} |"
        for row in rows
    )


def seconds(value: float | None) -> str:
    """A time as people read it."""
    if value is None:
        return ""
    return f"{1e3 * value:.0f} ms" if value < 1.0 else f"{value:.1f} s"


if __name__ == "__main__":
    print(table(measure_all()))
