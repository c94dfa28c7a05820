"""How TEC and fan share the cooling: the fan speed that takes the least electrical power.

A faster fan costs power with the cube of its speed and cools the sink; a colder sink saves
TEC current. For the heat that is being pumped, every speed has one settled sink
temperature and one current; the cheapest speed that leaves the TEC a margin to its clamp
is asked for. One candidate is judged per tick, so that the search costs no time.

TEC and fan do not fight: the pump takes the sink's present temperature into account at
once, so the fan disturbs nothing, and the fan follows the demand slowly on its way down.
"""

import math
from typing import Any

from lumina.compiled import compiled_tick
from lumina.theory.peltier import coupled_optimum_a, current_for_heat_on_sink, settled_hot_side_c
from lumina.theory.thermal_rates import air_conductance_w_per_k, module_of

__all__ = ["air_resistance_k_per_w", "seek_fan_speed"]

CANDIDATES = 33
MARGIN_SHARE = 0.7
"""Of the clamp: what the settled current may take; the rest answers the next load step."""

ATTACK_S = 0.3
RELEASE_S = 60.0
"""Time constants with which more and less demand is believed."""

SPEED_S = 2.0
"""Time constant with which the fan follows the cheapest speed."""


@compiled_tick
def air_resistance_k_per_w(model: Any, speed_rpm: float) -> float:
    """Thermal resistance from sink to inlet air at a fan speed, K/W."""
    return 1.0 / air_conductance_w_per_k(model, speed_rpm)


@compiled_tick
def cooling_power_w(parameters: Any, state: Any, speed_rpm: float) -> float:
    """Electrical power of TEC and fan, settled at a speed, W; infinite without margin."""
    model = parameters.model
    module, carrier_c = module_of(model), parameters.setpoint_c
    air = air_resistance_k_per_w(model, speed_rpm)
    most_a = MARGIN_SHARE * min(
        parameters.tec_limit_a, coupled_optimum_a(module, carrier_c, state.inlet_c, air)
    )
    current_a = current_for_heat_on_sink(
        module, state.demand_w, carrier_c, state.inlet_c, air, -parameters.tec_limit_a, most_a
    )
    if current_a >= most_a:
        return math.inf
    sink_c = settled_hot_side_c(module, current_a, carrier_c, state.inlet_c, air)
    voltage_v = module.seebeck_v_per_k * (sink_c - carrier_c) + module.resistance_ohm * current_a
    fan_w = model.fan_full_power_w * (speed_rpm / model.full_speed_rpm) ** 3
    return abs(voltage_v * current_a) + fan_w  # type: ignore[no-any-return]


@compiled_tick
def follow_demand(state: Any, heat_w: float, dt_s: float) -> None:
    """Believe more demand soon, less demand late."""
    time_s = ATTACK_S if heat_w > state.demand_w else RELEASE_S
    state.demand_w += (1.0 - math.exp(-dt_s / time_s)) * (heat_w - state.demand_w)


@compiled_tick
def seek_fan_speed(parameters: Any, state: Any, dt_s: float) -> float:
    """The fan speed to drive for the least electrical power, RPM."""
    follow_demand(state, state.tec.output, dt_s)
    speed_rpm = parameters.fan_limit_rpm * state.candidate / (CANDIDATES - 1)
    cost_w = cooling_power_w(parameters, state, speed_rpm)
    if cost_w < state.cheapest_w:
        state.cheapest_w, state.cheapest_rpm = cost_w, speed_rpm
    state.candidate += 1
    if state.candidate == CANDIDATES:
        # Nothing has a margin: all that the fan can give.
        enough = state.cheapest_w < math.inf
        state.efficient_rpm = state.cheapest_rpm if enough else parameters.fan_limit_rpm
        state.candidate, state.cheapest_w = 0, math.inf
    share = 1.0 - math.exp(-dt_s / SPEED_S)
    state.sought_rpm += share * (state.efficient_rpm - state.sought_rpm)
    return state.sought_rpm  # type: ignore[no-any-return]
