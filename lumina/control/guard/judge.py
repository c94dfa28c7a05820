"""The thermal guard, judged every tick, above every other command.

    normal  -> warning    laser and compute throttled, from 1 at warning to 0 at critical
            -> critical   fully throttled, operations refused
            -> emergency  laser off, rails down in order, fan full, TEC off; latched

Temperatures lead to tiers by themselves. Every other finding has to last for its patience
before it is believed, leads to the tier that the table gives it, and is believed until it
has been gone for a second.
"""

import math
from typing import Any

from lumina.compiled import compiled_tick
from lumina.control.guard.records import REASONS
from lumina.control.guard.tiers import judge_temperatures
from lumina.control.guard.watches import find
from lumina.control.records import Tier
from lumina.control.sensing.frame import DIE
from lumina.control.sensing.records import Trouble

__all__ = ["guard_reset", "guard_step"]

NORMAL, WARNING, CRITICAL, EMERGENCY = (int(tier) for tier in Tier)
COUNT = REASONS
ABSENT = int(Trouble.ABSENT)


@compiled_tick
def believe(limits: Any, guard: Any, found: int) -> None:
    """Turn findings that last into active reasons, and drop those that are long gone."""
    if found == 0 and guard.suspected == 0 and guard.active == 0:
        return
    for i in range(COUNT):
        mark = 1 << i
        if found & mark:
            guard.found_periods[i] += 1
            guard.gone[i] = 0
            if 0 < limits.patience[i] <= guard.found_periods[i]:
                guard.active |= mark
        else:
            guard.found_periods[i] = 0
            guard.gone[i] += 1
            if guard.gone[i] >= limits.gone_periods or limits.reaction[i] == NORMAL:
                guard.active &= ~mark
    guard.suspected = found


@compiled_tick
def tier_by_reason(limits: Any, guard: Any) -> int:
    """The highest tier that an active reason leads to."""
    tier = NORMAL
    if guard.active != 0:
        for i in range(COUNT):
            if guard.active & (1 << i):
                tier = max(tier, limits.reaction[i])
    return tier


@compiled_tick
def count_transition(state: Any, before: int, after: int) -> None:
    """Count what the user is told about: events, throttlings, shutdowns."""
    if after > before:
        state.warnings += 1
        if before == NORMAL:
            state.throttlings += 1
        if after == EMERGENCY:
            state.emergencies += 1
            state.guard.cause = state.guard.active


@compiled_tick
def guard_step(
    parameters: Any, state: Any, channels: Any, rails: Any, heartbeat: int, dt_s: float
) -> None:
    """Judge this tick: sets `tier` and `throttle`, and latches an emergency.

    Args:
        parameters: record PARAMETERS.
        state: record STATE; its readings and estimates are those of this tick.
        channels: shape (4,), dtype CHANNEL.
        rails: shape (rails,), dtype RAIL.
        heartbeat: the host's count of heartbeats.
        dt_s: period, s.
    """
    limits, guard = parameters.guard, state.guard
    judge_temperatures(limits, guard, state, channels)
    believe(limits, guard, find(parameters, state, channels, rails, heartbeat, dt_s))
    before = state.tier
    after = max(guard.thermal, tier_by_reason(limits, guard))
    if before == EMERGENCY:
        after = EMERGENCY
    count_transition(state, before, after)
    state.tier = after
    state.throttle = 0.0 if after >= CRITICAL else guard.allowed
    if state.throttle < 1.0:
        state.throttled_ticks += 1


@compiled_tick
def guard_reset(parameters: Any, state: Any, channels: Any) -> None:
    """Leave a latched emergency, if nothing calls for one and the chip is cool."""
    limits, guard = parameters.guard, state.guard
    cool = guard.judged_c < limits.warning_c - limits.hysteresis_k
    seen_c = state.carrier_c if channels[DIE].trouble == ABSENT else state.die_c
    suspected = guard.suspected
    guard.active &= suspected  # what is gone is forgiven at once
    urgent = tier_by_reason(limits, guard) == EMERGENCY or guard.thermal == EMERGENCY
    if state.tier == EMERGENCY and cool and not urgent and not math.isnan(seen_c):
        state.tier = NORMAL
        state.throttle = 1.0
        guard.cause = 0
