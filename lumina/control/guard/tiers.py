"""The thermal guard: three tiers, judged every tick, above every other command.

    normal  -> warning    laser and compute throttled, from 1 at warning to 0 at critical
            -> critical   fully throttled, operations refused
            -> emergency  laser off, rails down in order, fan full, TEC safe; latched

The temperature it judges is the lag-corrected die estimate or the raw reading, whichever
is higher. A die sensor that cannot be read for `blind_ticks` is an emergency.
"""

import math
from typing import Any

from lumina.compiled import compiled_tick
from lumina.control.records import Tier

__all__ = ["guard_reset", "guard_step"]

NORMAL, WARNING, CRITICAL, EMERGENCY = (
    int(Tier.NORMAL),
    int(Tier.WARNING),
    int(Tier.CRITICAL),
    int(Tier.EMERGENCY),
)


@compiled_tick
def tier_at(parameters: Any, temperature_c: float, tier: int) -> int:
    """The tier for a temperature, given the present tier (hysteresis on the way down)."""
    slack_k = parameters.hysteresis_k
    if temperature_c >= parameters.emergency_c:
        return EMERGENCY
    if temperature_c >= parameters.critical_c - (slack_k if tier >= CRITICAL else 0.0):
        return CRITICAL
    if temperature_c >= parameters.warning_c - (slack_k if tier >= WARNING else 0.0):
        return WARNING
    return NORMAL


@compiled_tick
def throttle_at(parameters: Any, temperature_c: float) -> float:
    """Share of laser and compute power allowed: 1 up to warning, 0 from critical."""
    span_k = parameters.critical_c - parameters.warning_c
    share: float = (parameters.critical_c - temperature_c) / span_k
    return min(max(share, 0.0), 1.0)


@compiled_tick
def count_transition(state: Any, before: int, after: int) -> None:
    """Count what the user is told about: events, throttlings, shutdowns."""
    if after > before:
        state.warnings += 1
        if before == NORMAL:
            state.throttlings += 1
        if after == EMERGENCY:
            state.emergencies += 1


@compiled_tick
def guard_step(parameters: Any, state: Any) -> None:
    """Judge this tick: sets `tier` and `throttle`, and latches an emergency."""
    judged_c = state.die_estimate_c
    if math.isnan(state.die_c):
        state.blind += 1
    else:
        state.blind = 0
        judged_c = max(judged_c, state.die_c)
    before = state.tier
    after = before
    if before != EMERGENCY:
        after = tier_at(parameters, judged_c, before)
        if state.blind >= parameters.blind_ticks or math.isnan(judged_c):
            after = EMERGENCY
    count_transition(state, before, after)
    state.tier = after
    state.throttle = 1.0 if after == NORMAL else throttle_at(parameters, judged_c)
    if after >= CRITICAL:
        state.throttle = 0.0
    if after != NORMAL:
        state.throttled_ticks += 1


@compiled_tick
def guard_reset(parameters: Any, state: Any) -> None:
    """Leave a latched emergency, if the die is readable and below warning by the hysteresis."""
    cool = state.die_estimate_c < parameters.warning_c - parameters.hysteresis_k
    if state.tier == EMERGENCY and cool and state.blind == 0:
        state.tier = NORMAL
        state.throttle = 1.0
