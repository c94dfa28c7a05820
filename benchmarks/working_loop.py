"""A loop at work on a twin, without the asyncio bench around it: what timing is taken on."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lumina.control.config import ControlConfig
from lumina.control.loop import ControlLoop
from lumina.control.records import FanMode, RailState, TecMode
from lumina.control.running.twin import TwinRunner
from lumina.runtime.config import load_config
from twin.config import PlantConfig
from twin.plant import Plant

__all__ = ["BENCH64", "WorkingLoop", "bench64_loop", "working_loop"]

BENCH64 = Path(__file__).parents[1] / "lab_configs" / "bench64.yaml"
"""The bench on which the speed figures are quoted: 64 heaters on an 8x8 mesh."""

WARM_UP_TICKS = 2000
MEAN_PHASE_RAD = 3.0


@dataclass(frozen=True)
class WorkingLoop:
    """A plant with rails up, laser on, heaters driven and all regulators at work.

    Attributes:
        plant: the twin.
        control: its 1 kHz loop.
        runner: runs both.
    """

    plant: Plant
    control: ControlLoop
    runner: TwinRunner


def bench64_loop() -> WorkingLoop:
    """The loop of bench64.yaml."""
    config = load_config(BENCH64)
    (name,) = config.processors
    return working_loop(config.plants["main"], config.control_for(name), name)


def working_loop(plant_config: PlantConfig, control: ControlConfig, name: str) -> WorkingLoop:
    """Bring a loop up in virtual time, as the runtime would, and leave it at work.

    Raises:
        RuntimeError: a rail is not on after the warm-up: the timing would be of an idle loop.
    """
    plant = Plant(plant_config, seed=1, chip_seed=1)
    heater = plant_config.chip.heater
    loop = ControlLoop(
        name,
        control,
        heaters=plant.architecture.shifters,
        full_scale_v=heater.max_drive_v,
        heater_bits=heater.bits,
    )
    runner = TwinRunner(plant, loop)
    plant.inputs["laser_on"] = 1.0
    loop.rails_up()
    loop.set_laser_scale(1.0)
    loop.set_tec_mode(TecMode.REGULATE)
    loop.set_fan_mode(FanMode.REGULATE)
    loop.set_heater_phases(np.full(loop.heaters, MEAN_PHASE_RAD))
    runner.advance(WARM_UP_TICKS)
    if any(loop.arrays.rails["state"] != RailState.ON):
        raise RuntimeError(f"rails are not up: states {loop.arrays.rails['state'].tolist()}")
    return WorkingLoop(plant, loop, runner)
