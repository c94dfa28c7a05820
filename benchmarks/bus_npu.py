"""The 1 kHz loop against an NPU board in another process, on a pty and on TCP.

The board of bench64.yaml is simulated, with the twin as its physics; the loop runs in this
process, as under the runtime. A C program that only sleeps and wakes runs beside them: what
the machine does to anybody is so told apart from what the wire does to the frames. What
it cannot tell apart is a pty's own way: the kernel passes its bytes on in a worker without
real-time priority, so a busy machine delays frames there and not on TCP.
"""

import asyncio
from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchmarks.c_probe import Probe, ProbeResult, compiled_probe
from benchmarks.harness import Figure
from benchmarks.working_loop import BENCH64, MEAN_PHASE_RAD
from drivers.config import InstrumentConfig
from drivers.instruments.lumina_npu import LuminaNpu
from drivers.npu.link import WireLink
from drivers.options import ProcessorOptions
from drivers.registry import Mounting
from firmware_sim.description import InstrumentDescription, PlantDescription, WorldDescription
from firmware_sim.process import spawned
from lumina.control.loop import ControlLoop
from lumina.control.records import FanMode, TecMode
from lumina.control.running.lateness import Lateness
from lumina.control.running.wire import WireRunner
from lumina.privileges import PrivilegeTier
from lumina.runtime.config import load_config

__all__ = ["npu_figures"]

Wire = Literal["pty", "tcp"]

FRAMES = 10_000
WARM_UP_S = 1.0
ADDED_LATENCY_US = 500.0


@dataclass(frozen=True)
class Measurement:
    """The loop on one wire.

    Attributes:
        missed: frames missed while the probe ran.
        frames: frames due meanwhile.
        lateness: of the whole run.
        round_trip_p50_us: sensor frame out to its actuator frame in, as the board sees it.
        round_trip_p99_us: its 99th percentile.
        probe: what the C program met meanwhile.
    """

    missed: int
    frames: int
    lateness: Lateness
    round_trip_p50_us: float
    round_trip_p99_us: float
    probe: ProbeResult


def npu_figures() -> dict[str, Figure]:
    """Missed frames on each wire, and what the slower one adds to the loop's answer."""
    with compiled_probe() as probe:
        measured = {wire: measure(wire, probe) for wire in ("pty", "tcp")}
    figures = {f"npu_{wire}_missed": missed_figure(m) for wire, m in measured.items()}
    figures["npu_added_latency_p99"] = Figure(
        max(m.round_trip_p99_us for m in measured.values()),
        "us",
        "sensor frame out to its actuator frame in, seen by the board: "
        + "; ".join(
            f"{wire} p50 {m.round_trip_p50_us:.0f}, p99 {m.round_trip_p99_us:.0f}"
            for wire, m in measured.items()
        ),
        ADDED_LATENCY_US,
        "lower",
    )
    return figures


def missed_figure(measured: Measurement) -> Figure:
    """Missed frames beside the probe's missed deadlines."""
    probe = measured.probe
    return Figure(
        1e4 * measured.missed / measured.frames,
        "per 10,000",
        f"C probe beside it: {probe.missed_per_10_000:.1f}; p99 of the frames "
        f"{measured.lateness.p99_us:.0f} us, of the probe {probe.p99_us:.0f}",
        probe.missed_per_10_000,
        "lower",
    )


def measure(wire: Wire, probe: Probe) -> Measurement:
    """Run loop and probe together on one wire."""
    config = load_config(BENCH64)
    (name,) = config.processors
    board = InstrumentConfig.model_validate({"driver": "lumina_npu"})
    world = WorldDescription(
        plants={"main": PlantDescription(config=config.plants["main"], seed=1, chip_seed=1)},
        instruments={name: InstrumentDescription(config=board, served=wire)},
    )
    with spawned(world) as document:
        return asyncio.run(exchange(document["instruments"][name]["resource"], probe))


async def exchange(resource: str, probe: Probe) -> Measurement:
    """The loop at work on a board, and the probe beside it."""
    npu = LuminaNpu(Mounting("npu", ProcessorOptions(), None, resource))
    await npu.connect()
    loop = working_loop(npu)
    link = npu.frame_link()
    assert isinstance(link, WireLink)
    runner = WireRunner(link, loop)
    runner.start()
    try:
        await asyncio.sleep(WARM_UP_S)
        before = so_far(runner)
        skipped = runner.counters()["skipped"]
        with probe.running(FRAMES, before.tier or PrivilegeTier.TIMER_SLACK) as running:
            probed = await asyncio.to_thread(running.result)
        after, status = so_far(runner), await npu.status()
        skipped = runner.counters()["skipped"] - skipped
    finally:
        runner.stop()
        await npu.close()
    return Measurement(
        missed=after.missed - before.missed,
        frames=after.ticks - before.ticks + skipped,
        lateness=after,
        round_trip_p50_us=status["round_trip_p50_us"],
        round_trip_p99_us=status["round_trip_p99_us"],
        probe=probed,
    )


def so_far(runner: WireRunner) -> Lateness:
    """The runner's lateness.

    Raises:
        RuntimeError: it has not worked on a single frame.
    """
    lateness = runner.lateness()
    if lateness is None:
        raise RuntimeError(f"no frames: {runner.fault or 'the board is silent'}")
    return lateness


def working_loop(npu: LuminaNpu) -> ControlLoop:
    """A loop with all regulators at work and all heaters driven."""
    config = load_config(BENCH64)
    (name,) = config.processors
    has = npu.capabilities
    loop = ControlLoop(
        name,
        config.control_for(name),
        heaters=has.heaters,
        full_scale_v=has.max_drive_v,
        heater_bits=has.heater_bits,
    )
    loop.rails_up()
    loop.set_laser_scale(1.0)
    loop.set_tec_mode(TecMode.REGULATE)
    loop.set_fan_mode(FanMode.REGULATE)
    loop.set_heater_phases(np.full(loop.heaters, MEAN_PHASE_RAD))
    return loop
