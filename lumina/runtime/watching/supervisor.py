"""Watches one device ten times a second: records it, tells what changed, acts on trouble.

The control loop keeps the chip safe by itself. The supervisor is the slower second pair of
eyes: it writes the run folder, and it makes the other instruments follow the guard.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np

from lumina.control.guard.reasons import REACTIONS, reasons_in
from lumina.control.guard.words import severity, words_for
from lumina.control.rails import FAULT_NAMES
from lumina.control.records import RailState, Tier
from lumina.errors import DeviceError, StoreError
from lumina.runtime.device import DeviceState
from lumina.runtime.recording.journal import Journal, Level
from lumina.runtime.recording.recorder import Recorder
from lumina.runtime.station import BaseStation
from lumina.runtime.watching.light_watch import LightWatch

__all__ = ["Supervisor"]

PERIOD_S = 0.1

STALL_S, STALL_PERIODS = 0.5, 5.0
"""Telemetry that stands still for so long, and so many periods, means that the loop has stopped."""

POWER_OFF_S = 2.0
"""After so long nobody knows what the board does: its supply is switched off."""

TIER_LEVEL: dict[Tier, Level] = {
    Tier.NORMAL: "info",
    Tier.WARNING: "warning",
    Tier.CRITICAL: "error",
    Tier.EMERGENCY: "error",
}


NEWS_LEVEL: dict[str, Level] = {"lost": "error", "back": "info", "changed": "warning"}


class Supervisor:
    """Follows one device's telemetry until cancelled.

    In an emergency or after a rail fault the lasers go off. When the loop stands still, or
    finds its board powered down, the station falls back to where it was before bring-up.

    Args:
        station: the device to watch, and what serves it.
        journal: where changes are told.
        recorder: where rows go; None to record nothing.
    """

    def __init__(self, station: BaseStation, journal: Journal, recorder: Recorder | None) -> None:
        self._station = station
        self._period_s = station.device.loop.period_s
        self._loop_words = f"the {station.device.loop.pace} loop"
        self._device = station.device
        self._journal = journal
        self._recorder = recorder
        self._started_s: float | None = None
        self._cursor = 0
        self._tier = Tier.NORMAL
        self._reasons = 0
        self._rails = [RailState.OFF] * len(station.device.config.rails)
        self._light = LightWatch(station.laser_w)
        self._silent_s = 0.0
        self._stalled = False
        self._powerless = False
        self._lockouts = 0

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await asyncio.sleep(PERIOD_S)
            if self._device.attended:
                await self.look()

    async def look(self) -> None:
        """Take in the rows written since the last look, and show the loop that we live."""
        self._device.loop.beat()
        self._tell_news()
        rows, self._cursor, lost = self._device.loop.rows_since(self._cursor)
        if lost:
            self._tell_lost(lost, rows)
        await self._watch_stall(bool(rows.size))
        await self._watch_lockouts()
        if rows.size == 0:
            return
        self._record(rows)
        self._journal.pulse(self._device.name, **{self._station.row_name: rows[-1]})
        for row in rows[self._changes(rows)]:
            self._follow_reasons(row)
            await self._follow_tier(row)  # first: rails follow the guard
            await self._follow_rails(row)
        if self._device.lifecycle is DeviceState.READY:
            self._follow_light(rows)

    def _tell_news(self) -> None:
        for one in self._station.news():
            self._journal.tell(one.instrument, one.kind, one.text, level=NEWS_LEVEL[one.kind])

    def _tell_lost(self, lost: int, rows: Any) -> None:
        """Say so before what the oldest row left shows, which may have happened long before."""
        text = f"{lost} telemetry rows lost: the reader was late, and so is what is told next"
        self._tell("telemetry", text, "warning", at_s=self._time_of(rows[0]))

    def _changes(self, rows: Any) -> Any:
        """Which rows differ from the one before, in tier, its reasons or rails."""
        rails = rows["rail_state"][:, : len(self._rails)]
        now = np.column_stack([rows["tier"], rows["reasons"], rails])
        seen = [int(self._tier), self._reasons, *map(int, self._rails)]
        before = np.vstack([[seen], now[:-1]])
        return (now != before).any(axis=1)

    def _record(self, rows: Any) -> None:
        if self._recorder is None:
            return
        lateness = self._station.runner.lateness()
        missed = lateness.missed if lateness is not None else 0
        try:
            self._recorder.record(self._device, rows, started_s=self._start_s(), missed=missed)
        except StoreError as error:
            # The bench outlives its record: what was written stays, the run goes on.
            self._recorder = None
            self._tell("recording", f"recording stopped: {error}", "error")

    def _follow_reasons(self, row: Any) -> None:
        before, self._reasons = self._reasons, int(row["reasons"])
        at_s = self._time_of(row)
        for reason in reasons_in(self._reasons & ~before):
            level, text = TIER_LEVEL[severity(reason, row)], f"guard: {words_for(reason, row)}"
            self._tell("reason", text, level, at_s=at_s, reason=reason.name, active=True)
        for reason in reasons_in(before & ~self._reasons):
            text = f"guard: no longer: {REACTIONS[reason].words}"
            self._tell("reason", text, "info", at_s=at_s, reason=reason.name, active=False)

    async def _follow_tier(self, row: Any) -> None:
        tier = Tier(int(row["tier"]))
        if tier is self._tier:
            return
        before, self._tier = self._tier, tier
        change = f"{before.name.lower()} -> {tier.name.lower()}"
        where = "carrier" if np.isnan(row["die_estimate_c"]) else "die_estimate"
        text = f"guard: {change}, {where.partition('_')[0]} {row[f'{where}_c']:.1f} C"
        at_s = self._time_of(row)
        self._tell("tier", text, TIER_LEVEL[tier], at_s=at_s, before=before.name, after=tier.name)
        if tier >= self._station.dark_from > before:
            await self._secure(self._station.make_safe)

    async def _follow_rails(self, row: Any) -> None:
        for index, rail in enumerate(self._device.config.rails):
            state = RailState(int(row["rail_state"][index]))
            if state is self._rails[index]:
                continue
            self._rails[index] = state
            faulty = state is RailState.FAULT
            text = f"rail {rail.name} {state.name.lower().replace('_', ' ')}"
            if faulty:
                text += f": {FAULT_NAMES[int(row['rail_fault'][index])]}"
                self._device.fail(text)
            level: Level = "error" if faulty else "info"
            at_s = self._time_of(row)
            self._tell("rail", text, level, at_s=at_s, rail=rail.name, state=state.name)
            if faulty:
                await self._secure(self._station.make_safe)

    def _follow_light(self, rows: Any) -> None:
        if self._device.relit:
            return
        for change in self._light.changes(rows):
            level: Level = "warning" if change.wrong else "info"
            self._tell("light", change.message, level, at_s=self._time_of(change.row))

    async def _watch_stall(self, alive: bool) -> None:
        if self._cursor == 0:
            return  # it has not begun
        self._silent_s = 0.0 if alive else self._silent_s + PERIOD_S
        if alive:
            self._powerless = False
        if alive and self._stalled:
            self._stalled = False
            self._tell("stall", f"{self._loop_words} ticks again", "warning")
            self._device.come_down(f"{self._loop_words} had stopped")
        elif self._silent_s >= max(STALL_S, STALL_PERIODS * self._period_s) and not self._stalled:
            self._stalled = True
            fault = self._station.runner.fault
            because = f": {fault}" if fault is not None else ""
            self._tell("stall", f"{self._loop_words} has stopped{because}", "error")
            self._device.fail(f"{self._loop_words} has stopped{because}")
            await self._secure(self._station.fall_back)
        elif self._silent_s >= POWER_OFF_S and not self._powerless:
            self._powerless = True
            text = f"{self._loop_words} is still silent: {self._station.last_resort}"
            self._tell("power", text, "error")
            await self._secure(self._station.cut_power)

    async def _watch_lockouts(self) -> None:
        """A board that was powered down by itself has its rails off, as before bring-up."""
        lockouts = int(self._device.loop.arrays.state["lockouts"][0])
        if lockouts == self._lockouts:
            return
        self._lockouts = lockouts
        text = self._station.lockout
        self._tell("lockout", text, "error")
        self._device.come_down(text)
        await self._secure(self._station.fall_back)

    async def _secure(self, make_safe: Callable[[], Awaitable[None]]) -> None:
        try:
            await make_safe()
        except DeviceError as error:
            self._tell("unsafe", f"could not be made safe: {error}", "error")

    def _time_of(self, row: Any) -> float:
        """Bench time of a telemetry row, s."""
        return self._start_s() + float(row["tick"]) * self._period_s

    def _start_s(self) -> float:
        """Bench time of the loop's tick 0, s; taken at the first look."""
        if self._started_s is None:
            ticks = float(self._device.loop.arrays.state["tick"][0])
            self._started_s = self._journal.now_s() - ticks * self._period_s
        return self._started_s

    def _tell(self, event: str, message: str, level: Level, **data: Any) -> None:
        self._journal.tell(self._device.name, event, message, level=level, **data)
