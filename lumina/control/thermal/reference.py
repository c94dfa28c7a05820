"""The set point's way: how fast the carrier is asked to move, and how its sensor shows it.

The working set point goes towards the commanded one at the ramp rate, but no faster than
the pump can move heat: a regulator that never saturates on a ramp does not wind up. It
gathers and loses speed gradually, so that the current does not jump. The carrier gets the
ramp's heat beforehand, and its lagging sensor is compared with an equally lagging picture
of the working set point, so that a ramp makes no error by itself. Where the heat comes late, as
over an instrument's wire, the picture lags by as much more.
"""

import math
from typing import Any

from lumina.compiled import compiled_tick

__all__ = ["advance_reference", "restart_reference"]

ACCELERATION_K_PER_S2 = 10.0
"""How soon a ramp gathers and loses its rate."""

REACH_SHARE = 0.9
"""The share of the pump's reach that a ramp may take; the rest is for the load."""


@compiled_tick
def ramp_rate_k_per_s(
    parameters: Any, state: Any, lowest_w: float, highest_w: float, dt_s: float
) -> float:
    """Rate of the working set point in this period, K/s."""
    capacity = parameters.model.carrier_capacity_j_per_k
    standing_w = state.tec.output - state.ramp_heat_w
    fastest_up = max((standing_w - REACH_SHARE * lowest_w) / capacity, 0.0)
    fastest_down = max((REACH_SHARE * highest_w - standing_w) / capacity, 0.0)
    missing_k = parameters.setpoint_c - state.ramped_setpoint_c
    in_time = math.sqrt(2.0 * ACCELERATION_K_PER_S2 * abs(missing_k))
    limit = min(parameters.ramp_k_per_s, in_time, abs(missing_k) / dt_s)
    wanted = min(limit, fastest_up) if missing_k > 0.0 else -min(limit, fastest_down)
    change = ACCELERATION_K_PER_S2 * dt_s
    rate: float = min(max(wanted, state.ramp_k_per_s - change), state.ramp_k_per_s + change)
    return rate


@compiled_tick
def advance_reference(
    parameters: Any, state: Any, lowest_w: float, highest_w: float, dt_s: float
) -> None:
    """Advance working set point, its lagging picture and the heat that the ramp needs.

    Args:
        parameters: record PARAMETERS.
        state: record STATE.
        lowest_w: least heat that the pump can take out of the carrier (negative heats), W.
        highest_w: most heat that it can take out, W.
        dt_s: period, s.
    """
    rate = ramp_rate_k_per_s(parameters, state, lowest_w, highest_w, dt_s)
    state.ramped_setpoint_c += rate * dt_s
    state.ramp_k_per_s = rate
    state.ramp_heat_w = -rate * parameters.model.carrier_capacity_j_per_k
    lag_s = parameters.model.carrier_lag_s + parameters.answer_s
    share = 1.0 - math.exp(-dt_s / max(lag_s, dt_s))
    state.reference_c += share * (state.ramped_setpoint_c - state.reference_c)


@compiled_tick
def restart_reference(state: Any) -> None:
    """Start from where the carrier's sensor stands."""
    seen = state.carrier.started == 1
    state.reference_c = state.carrier.sensor_c if seen else state.carrier_c
    state.ramped_setpoint_c = state.reference_c
    state.ramp_k_per_s = state.ramp_heat_w = 0.0
