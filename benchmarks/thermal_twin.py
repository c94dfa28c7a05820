"""The reference plant under a given load and room, tick by tick, with its truth recorded."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.working_loop import WorkingLoop, working_loop
from lumina.compiled import compiled
from lumina.control.config import ControlConfig
from lumina.control.records import ControlArrays
from lumina.control.step import control_step
from lumina.runtime.config import load_config
from twin.kernel import PlantArrays, plant_tick

__all__ = ["REFERENCE", "TRUTH", "reference_loop", "run_recorded"]

FloatArray = NDArray[np.float64]

REFERENCE = Path(__file__).parents[1] / "lab_configs" / "reference_plant.yaml"

TRUTH = np.dtype(
    [
        ("carrier_c", "f8"),
        ("die_c", "f8"),
        ("sink_c", "f8"),
        ("current_a", "f8"),
        ("fan_rpm", "f8"),
    ]
)
"""What is recorded of the plant after a tick."""


def reference_loop(control: ControlConfig | None = None) -> WorkingLoop:
    """The reference plant and its loop.

    Args:
        control: beliefs and gains, such as `benchmarks.identified.identified_control` finds;
            those of its config by default.
    """
    config = load_config(REFERENCE)
    (name,) = config.processors
    return working_loop(config.plants["main"], control or config.control_for(name), name)


def run_recorded(work: WorkingLoop, load_w: FloatArray, ambient_c: FloatArray) -> NDArray[Any]:
    """Run one tick per entry of `load_w` and `ambient_c`, shape (ticks,).

    Returns:
        Shape (ticks,), dtype TRUTH.
    """
    truth = np.zeros(load_w.size, TRUTH)
    plant = work.plant
    run_ticks(
        plant.arrays, work.control.arrays, plant.sensor, plant.actuator, load_w, ambient_c, truth
    )
    return truth


@compiled
def run_ticks(
    plant: PlantArrays,
    control: ControlArrays,
    sensor: Any,
    actuator: Any,
    load_w: FloatArray,
    ambient_c: FloatArray,
    truth: Any,
) -> None:
    """Plant and control step, tick by tick, under the given load and room."""
    inputs, state = plant.inputs[0], plant.state[0]
    for k in range(load_w.size):
        inputs.compute_power_w, inputs.ambient_c = load_w[k], ambient_c[k]
        plant_tick(plant, actuator, sensor)
        control_step(control, sensor, actuator)
        row = truth[k]
        row.carrier_c = plant.heat.temperature_c[plant.cooling.cold]
        row.die_c = plant.heat.temperature_c[plant.heat.die]
        row.sink_c = plant.heat.temperature_c[plant.cooling.hot]
        row.current_a, row.fan_rpm = state.tec_current_a, state.fan_rpm
