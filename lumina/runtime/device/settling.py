"""Waiting for a device to stand as commanded: loop, temperatures, phases."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass

from drivers.interfaces import Light, TapLight
from lumina.control.loop import ControlLoop
from lumina.control.records import TICK_S, Tier
from lumina.errors import DeviceTimeoutError, ThermallyUnsafeError
from lumina.frames import HELD_SAFE

__all__ = ["LockCriterion", "Settling"]

COMMAND_TIMEOUT_S = 1.0
"""A loop that has not applied a command for so long is not running, and a board that has
not acted on it is not listening."""

LOCK_POLL_S = 0.05

HEAT_STEP_K = 0.005
"""A change of heater power that moves the die by less than this is not waited for: at
0.075 rad/K it turns a phase by 0.4 mrad."""

STILL_K = 0.002
STILL_S = 0.2
"""The die stands still when it has moved by no more than 2 mK in 0.2 s."""


@dataclass(frozen=True)
class LockCriterion:
    """When a temperature counts as locked.

    Attributes:
        tolerance_k: largest deviation from the set point, K.
        settle_s: time within the tolerance, s.
        timeout_s: longest wait, s.
    """

    tolerance_k: float = 0.01
    settle_s: float = 1.0
    timeout_s: float = 300.0


class Settling:
    """What there is to wait for on one control loop."""

    def __init__(
        self, loop: ControlLoop, lock: LockCriterion, heed: Callable[[], None] = lambda: None
    ) -> None:
        """Wait on a loop.

        Args:
            loop: the loop.
            lock: when a temperature counts as locked.
            heed: asked again and again in long waits: raises when there is nothing to wait
                for any more.
        """
        self._loop = loop
        self._lock = lock
        self._heed = heed
        self._epoch = 0

    async def applied(self, sequence: int) -> None:
        """Wait until the loop has applied a command.

        Raises:
            DeviceTimeoutError: it does not: the loop stands still.
        """
        waited_s = 0.0
        while self._loop.acknowledged < sequence:
            if waited_s >= COMMAND_TIMEOUT_S:
                text = f"the {self._loop.pace} loop does not take commands"
                raise DeviceTimeoutError(self._loop.device, text)
            await asyncio.sleep(TICK_S)
            waited_s += TICK_S

    async def carrier_locked(self) -> None:
        """Wait until the carrier has settled at its set point, by the lock criterion.

        Raises:
            DeviceTimeoutError: it does not in time.
            ThermallyUnsafeError: the guard went to emergency meanwhile.
        """
        lock, locked_s, waited_s = self._lock, 0.0, 0.0
        while locked_s < lock.settle_s:
            if waited_s >= lock.timeout_s:
                raise DeviceTimeoutError(
                    self._loop.device,
                    f"no temperature lock within {lock.timeout_s:g} s: "
                    f"{self._lock_error_k():.3f} K from the set point",
                )
            await asyncio.sleep(LOCK_POLL_S)
            waited_s += LOCK_POLL_S
            within = self._lock_error_k() <= lock.tolerance_k
            locked_s = locked_s + LOCK_POLL_S if within else 0.0
            self._heed_all()

    async def die_still(self) -> None:
        """Wait until the die's temperature stands.

        Raises:
            DeviceTimeoutError: it does not in time.
            ThermallyUnsafeError: the guard went to emergency meanwhile.
        """
        before_c = math.inf
        for _ in range(round(self._lock.timeout_s / STILL_S)):
            now_c = self._state("die_estimate_c")
            if abs(now_c - before_c) <= STILL_K:
                return
            before_c = now_c
            await asyncio.sleep(STILL_S)
            self._heed_all()
        raise DeviceTimeoutError(self._loop.device, "the die's temperature does not come to rest")

    async def heaters_acting(self, sequence: int) -> None:
        """Wait until heaters act as commanded and their heat has moved the die.

        The die may be moving for other reasons: those are not waited for.
        """
        step_k = await self._acting(sequence)
        if step_k > HEAT_STEP_K:
            model = self._loop.thermal_model
            constant_s = model.die_resistance_k_per_w * model.die_capacity_j_per_k
            await asyncio.sleep(constant_s * math.log(step_k / HEAT_STEP_K))

    async def heaters_still(self, sequence: int) -> None:
        """Wait until heaters act as commanded and the die stands again.

        Raises:
            DeviceTimeoutError: it does not come to rest.
        """
        if await self._acting(sequence) > HEAT_STEP_K:
            await self.die_still()

    def showed(self, light: Light | TapLight) -> bool:
        """Whether light was seen under what was last waited for.

        A board that hears nothing for 20 ms switches its heaters off by itself and begins
        another epoch; what is seen then, or before the die has recovered, is worthless.
        """
        return light.steady and light.epoch == self._epoch

    async def recovered(self) -> None:
        """Wait until the board acts as commanded again and the die stands.

        Raises:
            DeviceTimeoutError: it does not.
        """
        await self._acting(self._loop.acknowledged)
        await self.die_still()

    async def _acting(self, sequence: int) -> float:
        """Wait until a command acts; how far its heat will move the die, K.

        After an interruption, all of the heaters' heat is new to the die.
        """
        before_w, before_epoch = self._state("heater_power_w"), self._epoch
        await self.applied(sequence)
        await self._acted_on()
        power_w = self._state("heater_power_w")
        step_w = abs(power_w - before_w) if self._epoch == before_epoch else power_w
        return step_w * self._loop.thermal_model.die_resistance_k_per_w

    async def _acted_on(self) -> None:
        """Wait for a sample that the board took under the last command; note its epoch.

        Raises:
            DeviceTimeoutError: the board does not act on commands.
            ThermallyUnsafeError: the guard keeps it safe.
        """
        waited_s = 0.0
        while not self._acts():
            self._heed_all()
            if waited_s >= COMMAND_TIMEOUT_S:
                raise DeviceTimeoutError(self._loop.device, "the board does not act on commands")
            await asyncio.sleep(TICK_S)
            waited_s += TICK_S
        self._epoch = int(self._state("epoch"))

    def _acts(self) -> bool:
        held_safe = int(self._state("board_flags")) & HELD_SAFE
        return not held_safe and self._state("acted_tick") >= self._state("commanded_tick")

    def _state(self, name: str) -> float:
        return float(self._loop.arrays.state[name][0])

    def _lock_error_k(self) -> float:
        target_c = float(self._loop.arrays.parameters["setpoint_c"][0])
        return abs(self._state("carrier_c") - target_c)

    def _heed_all(self) -> None:
        self._heed()
        if self._state("tier") == Tier.EMERGENCY:
            raise ThermallyUnsafeError(
                self._loop.device,
                "emergency",
                float(self._loop.arrays.state["guard"]["judged_c"][0]),
                self._loop.guard_findings(),
            )
