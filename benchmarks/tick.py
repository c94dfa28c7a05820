"""What one tick costs: the control step alone, and with the twin that it controls."""

from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.harness import Benchmark, Figure, describe_machine
from benchmarks.working_loop import WorkingLoop, bench64_loop, working_loop
from lumina.compiled import compiled
from lumina.control.config import ControlConfig
from lumina.control.loop import ControlLoop
from lumina.control.records import ControlArrays, FanMode, TecMode
from lumina.control.step import control_step
from lumina.frames import ActuatorFrame, SensorFrame
from lumina.theory.thermistor import code_from_temperature
from twin.config import PlantConfig

__all__ = ["control_cost_us", "run"]

BATCH_TICKS = 2_000
BATCHES = 100
TICK_US = 1000.0
CORE_SHARE = 0.03
"""What the loop may take of a core at 64 channels."""

BATCH_SPEED = 500.0
"""Times real time that a batch of ticks has to reach at 64 channels."""

LARGE_PLANT = PlantConfig.model_validate({"chip": {"ports": 32}})


def run() -> Benchmark:
    """Time the control step at 1, 64 and 1024 channels, and the whole tick at the latter two."""
    machine = describe_machine()
    figures = {f"control_step_{n}": control_figure(n) for n in (1, 64, 1024)}
    figures["whole_tick_64"] = tick_figure(bench64_loop(), 64)
    figures["whole_tick_1024"] = tick_figure(
        working_loop(LARGE_PLANT, ControlConfig(), "npu"), 1024
    )
    return Benchmark(figures, machine)


def control_figure(channels: int) -> Figure:
    """Cost of the control step alone."""
    share = f"{CORE_SHARE:.0%} of a core at 1 kHz, the loop's limit at 64 channels"
    return Figure(control_cost_us(channels), "us", share, CORE_SHARE * TICK_US, "lower")


def control_cost_us(channels: int) -> float:
    """Cost of the control step alone, by a board that answers with constant temperatures, us."""
    loop = ControlLoop("npu", ControlConfig(), heaters=channels, full_scale_v=10.0, heater_bits=16)
    loop.set_tec_mode(TecMode.REGULATE)
    loop.set_fan_mode(FanMode.REGULATE)
    loop.set_heater_phases(np.full(channels, 3.0))
    sensor, actuator = SensorFrame.zeros(max(channels, 2)), ActuatorFrame.zeros(channels)
    for name in ("carrier_a_code", "carrier_b_code", "die_code", "sink_code"):
        law = loop.config.sensors.die
        sensor.head[name] = code_from_temperature(
            44.0, law.resistance_25c_ohm, law.beta_k, law.reference_ohm
        )
    return fastest_us(lambda: control_steps(loop.arrays, sensor, actuator, BATCH_TICKS))


def tick_figure(work: WorkingLoop, channels: int) -> Figure:
    """Cost of a tick of plant and controller together, in a batch."""
    cost_us = fastest_us(lambda: work.runner.advance(BATCH_TICKS))
    if channels == 64:
        versus = f"{BATCH_SPEED:g} times real time, the batch's limit at 64 channels"
        return Figure(cost_us, "us", versus, TICK_US / BATCH_SPEED, "lower")
    share = f"{CORE_SHARE:.0%} of a core at 1 kHz, the limit at 64 channels"
    return Figure(cost_us, "us", share, CORE_SHARE * TICK_US, "lower")


def fastest_us(batch: Any) -> float:
    """Cost of a tick in the fastest of some batches, in us.

    Whatever else runs on the machine only adds to a batch, so the fastest tells the cost.
    """
    batch()  # compiles
    costs_s = []
    for _ in range(BATCHES):
        began_s = perf_counter()
        batch()
        costs_s.append(perf_counter() - began_s)
    return min(costs_s) / BATCH_TICKS * 1e6


@compiled
def control_steps(
    control: ControlArrays, sensor: SensorFrame, actuator: ActuatorFrame, ticks: int
) -> None:
    """The control step, over and over, on frames that differ in their tick alone."""
    head = sensor.head[0]
    for _ in range(ticks):
        head.tick += 1
        head.time_ns += 1_000_000
        control_step(control, sensor, actuator)
