"""Tiers by temperature: warning, critical, emergency, for die, carrier and sink.

The die is judged by its lag-corrected estimate or its reading, whichever is higher: behind
a lag of 0.2 s a die that warms by 24 K/s reads 95 C when it has reached 99.7 C. Where nothing
measures the die, the carrier under it is all that is judged.
"""

import math
from typing import Any

from lumina.compiled import compiled_tick
from lumina.control.records import Tier
from lumina.control.sensing.frame import CARRIER_A, CARRIER_B, DIE, SINK
from lumina.control.sensing.records import Trouble

__all__ = ["judge_temperatures"]

NORMAL, WARNING, CRITICAL, EMERGENCY = (int(tier) for tier in Tier)
ABSENT = int(Trouble.ABSENT)


@compiled_tick
def tier_at(
    temperature_c: float,
    warning_c: float,
    critical_c: float,
    emergency_c: float,
    slack_k: float,
    tier: int,
) -> int:
    """The tier for a temperature, given the present tier (hysteresis on the way down)."""
    if temperature_c >= emergency_c:
        return EMERGENCY
    if temperature_c >= critical_c - (slack_k if tier >= CRITICAL else 0.0):
        return CRITICAL
    if temperature_c >= warning_c - (slack_k if tier >= WARNING else 0.0):
        return WARNING
    return NORMAL


@compiled_tick
def share_at(temperature_c: float, warning_c: float, critical_c: float) -> float:
    """Share of laser and compute power allowed: 1 up to warning, 0 from critical."""
    share: float = (critical_c - temperature_c) / (critical_c - warning_c)
    return min(max(share, 0.0), 1.0)


@compiled_tick
def tier_of_chip(limits: Any, temperature_c: float, tier: int) -> int:
    """Tier of die or carrier."""
    return tier_at(
        temperature_c,
        limits.warning_c,
        limits.critical_c,
        limits.emergency_c,
        limits.hysteresis_k,
        tier,
    )


@compiled_tick
def hotter(estimate_c: float, channel: Any) -> float:
    """Estimate or reading, whichever is higher; whether the reading is believed or not."""
    if math.isnan(channel.raw_c):
        return estimate_c
    return channel.raw_c if math.isnan(estimate_c) else max(estimate_c, channel.raw_c)  # type: ignore[no-any-return]


@compiled_tick
def judge_temperatures(limits: Any, guard: Any, state: Any, channels: Any) -> None:
    """Set the tier of die, carrier and sink, and the share of power that they allow."""
    die_c = hotter(state.die_estimate_c, channels[DIE])
    carrier_c = hotter(state.carrier.node_c, channels[CARRIER_A])
    carrier_c = hotter(carrier_c, channels[CARRIER_B])
    sink_c = hotter(state.sink.node_c, channels[SINK])
    guard.judged_c = carrier_c if channels[DIE].trouble == ABSENT else die_c
    chip_c = carrier_c if math.isnan(die_c) else max(die_c, carrier_c)
    guard.die_tier = tier_of_chip(limits, die_c, guard.die_tier)
    guard.carrier_tier = tier_of_chip(limits, carrier_c, guard.carrier_tier)
    guard.sink_tier = tier_at(
        sink_c,
        limits.sink_warning_c,
        limits.sink_critical_c,
        limits.sink_emergency_c,
        limits.hysteresis_k,
        guard.sink_tier,
    )
    guard.thermal = max(guard.die_tier, guard.carrier_tier, guard.sink_tier)
    guard.allowed = min(
        share_at(chip_c, limits.warning_c, limits.critical_c),
        share_at(sink_c, limits.sink_warning_c, limits.sink_critical_c),
    )
