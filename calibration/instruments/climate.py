"""A carrier held by a stand-alone temperature controller."""

import asyncio
from types import TracebackType
from typing import Self

from drivers.interfaces import TemperatureController
from lumina.errors import DeviceTimeoutError

__all__ = ["ControlledClimate"]

NEAR_K, FOR_S, WITHIN_S = 0.03, 5.0, 400.0
"""It stands when it has read within that of its target for so long; it has so much time."""

POLL_S, READINGS = 0.1, 20


class ControlledClimate:
    """Inside its block the controller regulates; after it, it is as it was found.

    Attributes:
        home_c: where the lab config wants the carrier, C.
        name: the controller's.
    """

    def __init__(self, controller: TemperatureController, home_c: float) -> None:
        self._controller, self.home_c, self.name = controller, home_c, controller.name
        self._found_c, self._was_on = home_c, False

    async def __aenter__(self) -> Self:
        self._found_c = await self._controller.read_target_c()
        self._was_on = await self._controller.is_enabled()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._controller.set_target_c(self._found_c)
        await self._controller.set_enabled(self._was_on)

    async def go_to(self, carrier_c: float) -> float:
        """Bring the carrier there and wait until it stands; returns what is read then, C.

        Raises:
            DeviceTimeoutError: it does not get there, or does not stand.
        """
        controller, loop = self._controller, asyncio.get_running_loop()
        await controller.set_target_c(carrier_c)
        await controller.set_enabled(True)
        until_s, since_s = loop.time() + WITHIN_S, loop.time()
        while loop.time() - since_s < FOR_S:
            await asyncio.sleep(POLL_S)
            away_k = await controller.read_temperature_c() - carrier_c
            if abs(away_k) > NEAR_K:
                since_s = loop.time()
            if loop.time() > until_s:
                text = f"unstable temperature: {away_k:+.2f} K from {carrier_c:g} C"
                raise DeviceTimeoutError(controller.name, f"{text} after {WITHIN_S:g} s")
        seen_c = []
        for _ in range(READINGS):
            seen_c.append(await controller.read_temperature_c())
            await asyncio.sleep(POLL_S)
        return sum(seen_c) / len(seen_c)
