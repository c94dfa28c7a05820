"""The time of a plant that no board's loop advances: it passes when somebody looks."""

import asyncio

from twin.plant import Plant
from twin.records import TICK_S

__all__ = ["Pace"]

CHUNK = 1000
"""Ticks between two looks at what else the event loop has to do."""


class Pace:
    """Brings one plant to the event loop's time, shared by all instruments on it.

    An hour that nobody looked at costs nothing until somebody does.
    """

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._start_s: float | None = None

    async def catch_up(self) -> None:
        """Let the time pass that has passed; the first call sets the beginning."""
        now_s = asyncio.get_running_loop().time()
        if self._start_s is None:
            self._start_s = now_s - self._plant.tick * TICK_S
        while (due := round((now_s - self._start_s) / TICK_S) - self._plant.tick) > 0:
            self._plant.step(min(due, CHUNK))
            await asyncio.sleep(0.0)
