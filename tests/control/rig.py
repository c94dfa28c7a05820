"""The reference plant and the loop, by beliefs that differ from it: what tests of either share."""

import numpy as np

from lumina.control.config import ControlConfig
from lumina.control.loop import ControlLoop
from lumina.control.records import FanMode, TecMode
from lumina.control.running.twin import TwinRunner
from twin.config import PlantConfig
from twin.plant import Plant

__all__ = ["Rig"]

SAMPLE_TICKS = 10


class Rig:
    """Reference plant and loop, without light or rails."""

    def __init__(self, config: ControlConfig | None = None) -> None:
        self.plant = Plant(PlantConfig(), seed=1, chip_seed=1)
        self.loop = ControlLoop(
            "npu",
            config or ControlConfig(),
            heaters=self.plant.architecture.shifters,
            full_scale_v=10.0,
            heater_bits=16,
        )
        self.runner = TwinRunner(self.plant, self.loop)
        self.loop.set_tec_mode(TecMode.REGULATE)
        self.loop.set_fan_mode(FanMode.REGULATE)

    def run(self, seconds: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """True carrier temperature every 10 ms."""
        carrier_c = np.empty(round(seconds * 1000) // SAMPLE_TICKS)
        for k in range(carrier_c.size):
            self.runner.advance(SAMPLE_TICKS)
            carrier_c[k] = self.plant.temperatures_c()["carrier"]
        return carrier_c

    def state(self, name: str) -> float:
        return float(self.loop.arrays.state[name][0])
