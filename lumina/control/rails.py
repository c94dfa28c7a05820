"""Power rails: up one after the other with ramps, down in reverse, tripped on a fault.

    OFF -> RAMPING_UP -> ON -> RAMPING_DOWN -> OFF,   any -> FAULT

A rail that draws more than its limit, or rises above its over-voltage level, for
`SUSPECT_TICKS` in a row trips, and so does one that does not follow its ramp; then every
rail goes down in reverse order. A tripped rail is off at once and stays in FAULT until
the rails are asked up again.
"""

from typing import Any

from lumina.compiled import compiled_tick
from lumina.control.records import RailState

__all__ = ["FAULT_NAMES", "rails_are_up", "rails_request_up", "rails_step"]

OFF, RAMPING_UP, ON, RAMPING_DOWN, FAULT = (int(state) for state in RailState)

OVER_CURRENT, OVER_VOLTAGE, UNDER_VOLTAGE = 1, 2, 3
FAULT_NAMES = ("none", "over-current", "over-voltage", "under-voltage")

SUSPECT_TICKS = 3
"""Ticks in a row beyond a limit before a rail trips: one bad sample is no fault."""

GOOD_SHARE = 0.95
"""Share of nominal voltage at which a rail counts as up."""

DEAD_SHARE = 0.05
"""Share of nominal voltage at which a rail counts as down."""

PATIENCE = 3.0
"""A rail must follow within this many ramp times (and at least 50 ms)."""


@compiled_tick
def rail_violation(rail: Any, voltage_v: float, current_a: float, dt_s: float) -> int:
    """Which limit this sample breaks: 0 for none."""
    if current_a > rail.current_limit_a:
        return OVER_CURRENT
    if voltage_v > rail.over_voltage_v:
        return OVER_VOLTAGE
    late = rail.waited_ticks * dt_s > PATIENCE * rail.ramp_s + 0.05
    sagging = voltage_v < GOOD_SHARE * rail.nominal_v
    if sagging and (rail.state == ON or (rail.state == RAMPING_UP and late)):
        return UNDER_VOLTAGE
    return 0


@compiled_tick
def watch_rails(state: Any, rails: Any, head: Any, dt_s: float) -> None:
    """Trip every rail that has been beyond a limit for `SUSPECT_TICKS`."""
    for i in range(rails.size):
        rail = rails[i]
        if rail.state == FAULT or rail.state == OFF:
            continue
        violation = rail_violation(rail, head.rail_voltage_v[i], head.rail_current_a[i], dt_s)
        rail.suspect_ticks = rail.suspect_ticks + 1 if violation != 0 else 0
        if rail.suspect_ticks >= SUSPECT_TICKS:
            rail.state, rail.fault, rail.set_v = FAULT, violation, 0.0
            state.rails_wanted = 0
            state.rail_faults += 1


@compiled_tick
def raise_rails(rails: Any, head: Any, dt_s: float) -> None:
    """Move the first rail that is not up yet; the others wait for it."""
    for i in range(rails.size):
        rail = rails[i]
        if rail.state == ON:
            continue
        if rail.state == FAULT:
            return
        if rail.state != RAMPING_UP:
            rail.state, rail.waited_ticks = RAMPING_UP, 0
        rail.waited_ticks += 1
        rail.set_v = min(rail.set_v + rail.nominal_v * dt_s / rail.ramp_s, rail.nominal_v)
        if head.rail_voltage_v[i] >= GOOD_SHARE * rail.nominal_v and rail.set_v >= rail.nominal_v:
            rail.state = ON
        return


@compiled_tick
def lower_rails(rails: Any, head: Any, dt_s: float) -> None:
    """Move the last rail that is not down yet; the others wait for it."""
    for i in range(rails.size - 1, -1, -1):
        rail = rails[i]
        if rail.state == OFF or rail.state == FAULT:
            continue
        if rail.state != RAMPING_DOWN:
            rail.state, rail.waited_ticks = RAMPING_DOWN, 0
        rail.waited_ticks += 1
        rail.set_v = max(rail.set_v - rail.nominal_v * dt_s / rail.ramp_s, 0.0)
        patient = rail.waited_ticks * dt_s < PATIENCE * rail.ramp_s + 0.05
        if rail.set_v <= 0.0 and (
            head.rail_voltage_v[i] <= DEAD_SHARE * rail.nominal_v or not patient
        ):
            rail.state = OFF
        return


@compiled_tick
def rails_are_up(rails: Any) -> bool:
    """Whether every rail is on."""
    for i in range(rails.size):
        if rails[i].state != ON:
            return False
    return True


@compiled_tick
def rails_request_up(state: Any, rails: Any) -> None:
    """Ask all rails up; clears earlier trips."""
    for i in range(rails.size):
        if rails[i].state == FAULT:
            rails[i].state = OFF
        rails[i].fault = 0
        rails[i].suspect_ticks = 0
    state.rails_wanted = 1


@compiled_tick
def rails_step(state: Any, rails: Any, head: Any, dt_s: float) -> None:
    """Watch and move the rails for one tick. `head` is the sensor frame's header."""
    watch_rails(state, rails, head, dt_s)
    if state.rails_wanted == 1:
        raise_rails(rails, head, dt_s)
    else:
        lower_rails(rails, head, dt_s)
