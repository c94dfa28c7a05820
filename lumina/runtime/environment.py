"""The room around a plant: what a run may do to it. Real benches have no such handle."""

import asyncio
from collections.abc import Callable

import numpy as np

from firmware_sim.faults import FaultKind
from lumina.errors import UsageError
from twin.config import PlantConfig

__all__ = ["Environment"]

RAMP_STEP_S = 0.1


class Environment:
    """Ambient temperature and compute load of one plant, and the wires of its instruments.

    Attributes:
        ambient_c: air temperature of the room, C.
        compute_power_w: compute load on the die, W, before any throttling.
        write: changes one word of the plant's input record (twin.records.PLANT_INPUTS).
    """

    def __init__(
        self,
        plant: PlantConfig,
        write: Callable[[str, float], None],
        disturb: Callable[[str, FaultKind, float, int], None] | None = None,
    ) -> None:
        """Start from a quiet room.

        Args:
            plant: the plant's config.
            write: changes one word of the plant's input record.
            disturb: lets something go wrong on an instrument's wire; None without wires.
        """
        self.write = write
        self._disturb = disturb
        self.ambient_c = plant.environment.ambient_c
        self.compute_power_w = 0.0

    def disturb_wire(
        self, instrument: str, kind: FaultKind, seconds: float, count: int = 1
    ) -> None:
        """Let something go wrong on an instrument's wire.

        Args:
            instrument: its name.
            kind: what goes wrong.
            seconds: how long.
            count: how many replies it strikes.

        Raises:
            UsageError: the plant's instruments have no wires.
        """
        if self._disturb is None:
            raise UsageError(f"{instrument}: there is no wire that could fail")
        self._disturb(instrument, kind, seconds, count)

    def set_compute_power_w(self, power_w: float) -> None:
        """Step the compute load, W."""
        self.write("compute_power_w", power_w)
        self.compute_power_w = power_w

    def set_ambient_c(self, ambient_c: float) -> None:
        """Step the room temperature, C."""
        self.write("ambient_c", ambient_c)
        self.ambient_c = ambient_c

    async def ramp_ambient_c(self, ambient_c: float, duration_s: float) -> None:
        """Move the room temperature evenly to `ambient_c` over `duration_s`."""
        start_c = self.ambient_c
        steps = max(1, round(duration_s / RAMP_STEP_S))
        for share in np.arange(1, steps + 1) / steps:
            await asyncio.sleep(duration_s / steps)
            self.set_ambient_c(start_c + float(share) * (ambient_c - start_c))
