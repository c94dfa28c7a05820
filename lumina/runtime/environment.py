"""The room around a twin: what a run may do to it. Real benches have no such handle."""

import asyncio
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Environment"]

RAMP_STEP_S = 0.1


class Environment:
    """Ambient temperature and compute load of one plant."""

    def __init__(self, inputs: NDArray[Any]) -> None:
        """Args: inputs: the plant's input record, shape (1,)."""
        self._inputs = inputs

    @property
    def ambient_c(self) -> float:
        """Air temperature of the room, C."""
        return float(self._inputs["ambient_c"][0])

    @property
    def compute_power_w(self) -> float:
        """Compute load on the die, W, before any throttling."""
        return float(self._inputs["compute_power_w"][0])

    def set_compute_power_w(self, power_w: float) -> None:
        """Step the compute load, W."""
        self._inputs["compute_power_w"] = power_w

    def set_ambient_c(self, ambient_c: float) -> None:
        """Step the room temperature, C."""
        self._inputs["ambient_c"] = ambient_c

    async def ramp_ambient_c(self, ambient_c: float, duration_s: float) -> None:
        """Move the room temperature evenly to `ambient_c` over `duration_s`."""
        start_c = self.ambient_c
        steps = max(1, round(duration_s / RAMP_STEP_S))
        for share in np.arange(1, steps + 1) / steps:
            await asyncio.sleep(duration_s / steps)
            self.set_ambient_c(start_c + float(share) * (ambient_c - start_c))
