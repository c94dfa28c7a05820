"""Watches one device ten times a second: records it, tells what changed, acts on trouble.

The 1 kHz loop keeps the chip safe by itself. The supervisor is the slower second pair of
eyes: it writes the run folder, and it makes the other instruments follow the guard.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np

from lumina.control.rails import FAULT_NAMES
from lumina.control.records import TICK_S, RailState, Tier
from lumina.control.running import Runner
from lumina.errors import DeviceError, StoreError
from lumina.runtime.device import DeviceState, PhotonicDevice
from lumina.runtime.journal import Journal, Level
from lumina.runtime.recording import Recorder

__all__ = ["Supervisor"]

PERIOD_S = 0.1

STALL_S = 0.5
"""Telemetry that stands still for so long means that the loop has stopped."""

TIER_LEVEL: dict[Tier, Level] = {
    Tier.NORMAL: "info",
    Tier.WARNING: "warning",
    Tier.CRITICAL: "error",
    Tier.EMERGENCY: "error",
}


class Supervisor:
    """Follows one device's telemetry until cancelled.

    Args:
        device: the device to watch.
        runner: runs its loop.
        journal: where changes are told.
        recorder: where rows go; None to record nothing.
        make_safe: makes the device's other instruments safe (laser off); called once per
            emergency, rail fault or stall.
    """

    def __init__(
        self,
        device: PhotonicDevice,
        runner: Runner,
        journal: Journal,
        recorder: Recorder | None,
        make_safe: Callable[[], Awaitable[None]],
    ) -> None:
        self._device = device
        self._runner = runner
        self._journal = journal
        self._recorder = recorder
        self._make_safe = make_safe
        self._started_s: float | None = None
        self._cursor = 0
        self._tier = Tier.NORMAL
        self._rails = [RailState.OFF] * len(device.config.rails)
        self._silent_s = 0.0
        self._stalled = False

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await asyncio.sleep(PERIOD_S)
            await self.look()

    async def look(self) -> None:
        """Take in the rows written since the last look."""
        rows, self._cursor, lost = self._device.loop.rows_since(self._cursor)
        if lost:
            self._tell("telemetry", f"{lost} telemetry rows lost: the reader was late", "warning")
        await self._watch_stall(bool(rows.size))
        if rows.size == 0:
            return
        self._record(rows)
        self._journal.pulse(self._device.name, row=rows[-1])
        for row in rows[self._changes(rows)]:
            self._follow_rails(row)
            await self._follow_tier(row)

    def _changes(self, rows: Any) -> Any:
        """Which rows differ from the one before, in tier or rails."""
        now = np.column_stack([rows["tier"], rows["rail_state"][:, : len(self._rails)]])
        before = np.vstack([[[int(self._tier), *map(int, self._rails)]], now[:-1]])
        return (now != before).any(axis=1)

    def _record(self, rows: Any) -> None:
        if self._recorder is None:
            return
        lateness = self._runner.lateness()
        missed = lateness.missed if lateness is not None else 0
        try:
            self._recorder.record(self._device, rows, started_s=self._start_s(), missed=missed)
        except StoreError as error:
            # The bench outlives its record: what was written stays, the run goes on.
            self._recorder = None
            self._tell("recording", f"recording stopped: {error}", "error")

    async def _follow_tier(self, row: Any) -> None:
        tier = Tier(int(row["tier"]))
        if tier is self._tier:
            return
        before, self._tier = self._tier, tier
        change = f"{before.name.lower()} -> {tier.name.lower()}"
        text = f"guard: {change}, die {row['die_estimate_c']:.1f} C"
        at_s = self._time_of(row)
        self._tell("tier", text, TIER_LEVEL[tier], at_s=at_s, before=before.name, after=tier.name)
        if tier is Tier.EMERGENCY:
            await self._secure()

    def _follow_rails(self, row: Any) -> None:
        for index, rail in enumerate(self._device.config.rails):
            state = RailState(int(row["rail_state"][index]))
            if state is self._rails[index]:
                continue
            self._rails[index] = state
            faulty = state is RailState.FAULT
            text = f"rail {rail.name} {state.name.lower().replace('_', ' ')}"
            if faulty:
                text += f": {FAULT_NAMES[int(row['rail_fault'][index])]}"
                self._device.lifecycle = DeviceState.ERROR
            level: Level = "error" if faulty else "info"
            at_s = self._time_of(row)
            self._tell("rail", text, level, at_s=at_s, rail=rail.name, state=state.name)

    async def _watch_stall(self, alive: bool) -> None:
        self._silent_s = 0.0 if alive else self._silent_s + PERIOD_S
        if self._silent_s >= STALL_S and not self._stalled:
            self._stalled = True
            self._device.lifecycle = DeviceState.ERROR
            fault = self._runner.fault
            because = f": {fault}" if fault is not None else ""
            self._tell("stall", f"the 1 kHz loop has stopped{because}", "error")
            await self._secure()

    async def _secure(self) -> None:
        try:
            await self._make_safe()
        except DeviceError as error:
            self._tell("unsafe", f"could not be made safe: {error}", "error")

    def _time_of(self, row: Any) -> float:
        """Bench time of a telemetry row, s."""
        return self._start_s() + float(row["tick"]) * TICK_S

    def _start_s(self) -> float:
        """Bench time of the loop's tick 0, s; taken at the first look."""
        if self._started_s is None:
            ticks = float(self._device.loop.arrays.state["tick"][0])
            self._started_s = self._journal.now_s() - ticks * TICK_S
        return self._started_s

    def _tell(self, event: str, message: str, level: Level, **data: Any) -> None:
        self._journal.tell(self._device.name, event, message, level=level, **data)
