"""Lateness of the 1 kHz loop in real time, beside a C program that only sleeps and wakes.

The loop of bench64.yaml runs in this process, as it does under the runtime; the probe
runs at the same time in a process of its own, at the privileges that the loop reached.
Whatever the machine does to both of them is so told apart from what the loop does to
itself. Every load of benchmarks.loads is put on the loop's process in turn.
"""

import threading
import time
from dataclasses import dataclass

from benchmarks.c_probe import Probe, ProbeResult, compiled_probe
from benchmarks.harness import Benchmark, Figure, describe_machine
from benchmarks.loads import LOADS
from benchmarks.working_loop import WorkingLoop, bench64_loop
from lumina.control.running.lateness import Lateness
from lumina.privileges import PrivilegeTier, raise_privileges

__all__ = ["run"]

TICKS = 10_000
MISSES_OVER_PROBE = 30.0
"""Misses per 10,000 ticks that the loop may have more than the probe."""

HOG_OVER_IDLE = 2.0
CORE_PERCENT = 3.0
TICK_US = 1000.0


@dataclass(frozen=True)
class Measurement:
    """Loop and probe under one load.

    Attributes:
        loop: lateness of the loop.
        loop_cpu_percent: processor time of the loop's thread, in % of a core.
        probe: what the probe met meanwhile.
    """

    loop: Lateness
    loop_cpu_percent: float
    probe: ProbeResult

    @property
    def missed_per_10_000(self) -> float:
        """Ticks of the loop that started 1 ms late or were skipped, per 10,000."""
        return 1e4 * self.loop.missed / self.loop.ticks


def run() -> Benchmark:
    """Measure the loop under every load."""
    machine = describe_machine()
    tier = reachable_tier()
    with compiled_probe() as probe:
        measured = {load: measure(load, probe, tier) for load in LOADS}
    figures: dict[str, Figure] = {}
    for load, measurement in measured.items():
        p99_limit_us = HOG_OVER_IDLE * measured["idle"].loop.p99_us if load == "gil_hog" else None
        figures |= load_figures(load, measurement, p99_limit_us)
    return Benchmark(figures, machine)


def measure(load: str, probe: Probe, tier: PrivilegeTier) -> Measurement:
    """Run loop and probe together under one load of `LOADS`."""
    work = bench64_loop()
    with LOADS[load]():
        work.runner.start()
        try:
            wait_for_ticks(work)
            clock = time.pthread_getcpuclockid(loop_thread().ident or 0)
            cpu_s, began_s = time.clock_gettime(clock), time.perf_counter()
            with probe.running(TICKS, tier) as running:
                probed = running.result()
            cpu_s, wall_s = time.clock_gettime(clock) - cpu_s, time.perf_counter() - began_s
        finally:
            work.runner.stop()
    lateness = work.runner.lateness()
    if lateness is None or lateness.tier is not tier:
        raise RuntimeError(f"the loop did not run at tier {tier.name}: {lateness}")
    return Measurement(lateness, 100.0 * cpu_s / wall_s, probed)


def load_figures(load: str, measured: Measurement, p99_limit_us: float | None) -> dict[str, Figure]:
    """The figures of one load; `p99_limit_us` where one is set that the probe does not give."""
    loop, probe = measured.loop, measured.probe
    tier = loop.tier.value if loop.tier else "none"
    beside = f"C probe beside it ({tier})"
    return {
        f"{load}_missed": Figure(
            measured.missed_per_10_000,
            "per 10,000",
            f"{beside}: {probe.missed_per_10_000:.1f}, and {MISSES_OVER_PROBE:g} more",
            probe.missed_per_10_000 + MISSES_OVER_PROBE,
            "lower",
        ),
        f"{load}_p50": lateness_figure(loop.p50_us, beside, probe.p50_us),
        f"{load}_p99": lateness_figure(loop.p99_us, beside, probe.p99_us, p99_limit_us),
        f"{load}_p99_9": lateness_figure(loop.p99_9_us, beside, probe.p999_us),
        f"{load}_cpu": Figure(
            measured.loop_cpu_percent,
            "% of a core",
            f"{beside}: {100.0 * probe.cpu_share:.2f} for nothing but sleeping and waking",
            CORE_PERCENT,
            "lower",
        ),
    }


def lateness_figure(
    value_us: float, beside: str, probe_us: float, limit_us: float | None = None
) -> Figure:
    """One percentile of the lateness beside the probe's."""
    versus = f"{beside}: {probe_us:.0f}"
    if limit_us is not None:
        return Figure(value_us, "us", f"{versus}; target: twice that when idle", limit_us, "lower")
    target_us = probe_us + TICK_US
    return Figure(value_us, "us", f"{versus}; target: one tick more", target_us, "lower")


def reachable_tier() -> PrivilegeTier:
    """What a thread of this process is granted; tried in a thread of its own."""
    granted: list[PrivilegeTier] = []
    thread = threading.Thread(target=lambda: granted.append(raise_privileges()))
    thread.start()
    thread.join()
    return granted[0]


def wait_for_ticks(work: WorkingLoop) -> None:
    """Wait until the thread has its privileges (locking memory takes a while) and ticks.

    Raises:
        RuntimeError: it does not tick within a second.
    """
    before, pause = work.runner.ticks, threading.Event()
    for _ in range(1000):
        if work.runner.ticks > before:
            return
        pause.wait(0.001)
    raise RuntimeError("the loop does not tick")


def loop_thread() -> threading.Thread:
    """The thread that runs the loop."""
    return next(thread for thread in threading.enumerate() if thread.name.startswith("loop-"))
