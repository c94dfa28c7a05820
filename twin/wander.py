"""Slow wandering of what should stand still: the waveguides' phases, and the laser's power."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lumina.compiled import compiled_tick
from lumina.theory.noise import fill_normal
from twin.chip import Chip
from twin.config import PlantConfig
from twin.records import TICK_S

__all__ = ["WANDER_STREAM", "WANDER_TICKS", "Wander", "build_wander", "step_wander"]

WANDER_STREAM = 3
"""Noise stream of the random walks."""

WANDER_TICKS = 100
"""Ticks between two of their steps."""


class Wander(NamedTuple):
    """Two random walks, each step named by (seed, stream, tick)."""

    phase_step_rad: float
    power_step: float
    """Relative."""
    noise: NDArray[np.float64]
    """Scratch, shape (shifters + 1,) or longer: one number per phase, the last one the laser's."""


def build_wander(config: PlantConfig, chip: Chip) -> Wander:
    """Steps that add up to what the config says of an hour."""
    share = float(np.sqrt(WANDER_TICKS * TICK_S / 3600.0))
    numbers = chip.phi0_rad.size + 1
    return Wander(
        phase_step_rad=share * config.chip.phase_walk_rad,
        power_step=share * config.laser.power_walk,
        noise=np.zeros(numbers + numbers % 2),
    )


@compiled_tick
def step_wander(wander: Wander, state: Any, phi0_rad: NDArray[np.float64]) -> None:
    """Move the phases and the laser's power a step on, where it is time for one."""
    wanders = wander.phase_step_rad > 0.0 or wander.power_step > 0.0
    if not wanders or state.tick % WANDER_TICKS != 0:
        return
    noise = wander.noise
    fill_normal(state.seed, WANDER_STREAM, state.tick, noise)
    for i in range(phi0_rad.size):
        phi0_rad[i] += wander.phase_step_rad * noise[i]
    state.laser_drift *= 1.0 + wander.power_step * noise[phi0_rad.size]
