"""Die, carrier and sink as they are now, and the heat that flows between them.

The die is not where its sensor is: it stands several kelvin above the carrier under load,
and its sensor lags. The metered load comes late by a known delay; leading it by that delay,
P + d dP/dt, gives the die at once what it got meanwhile.
"""

import math
from typing import Any

from lumina.compiled import compiled_tick
from lumina.control.thermal.observer import observe
from lumina.theory.peltier import peltier_flows
from lumina.theory.thermal_rates import module_of

__all__ = ["estimate_nodes", "heat_from_die_w"]

DIE_BANDWIDTH_PER_S = 12.0
CARRIER_BANDWIDTH_PER_S = 6.0
SINK_BANDWIDTH_PER_S = 2.0


@compiled_tick
def heat_from_die_w(model: Any, state: Any) -> float:
    """Heat that flows from die to carrier, W; 0 before both were seen."""
    if state.die.started == 0 or state.carrier.started == 0:
        return 0.0
    return (state.die.node_c - state.carrier.node_c) / model.die_resistance_k_per_w  # type: ignore[no-any-return]


@compiled_tick
def load_heat_w(model: Any, state: Any, metered_w: float, dt_s: float) -> float:
    """The compute load's heat now, by what the meter says of a moment ago, W."""
    load_w = model.meter_gain * metered_w
    change_w = load_w - state.load_w if state.die.started == 1 else 0.0
    state.load_w = load_w
    return load_w + model.meter_delay_s / dt_s * change_w  # type: ignore[no-any-return]


@compiled_tick
def estimate_die(model: Any, state: Any, heat_w: float, dt_s: float) -> None:
    """The die under the heat that flows into it, less what flows on to the carrier."""
    observe(
        state.die,
        state.die_c,
        heat_w,
        1.0 / (model.die_resistance_k_per_w * model.die_capacity_j_per_k),
        model.die_capacity_j_per_k,
        model.die_lag_s,
        DIE_BANDWIDTH_PER_S,
        dt_s,
    )
    state.die_estimate_c = state.die.node_c if state.die.started == 1 else math.nan


@compiled_tick
def estimate_carrier(model: Any, state: Any, heat_w: float, dt_s: float) -> None:
    """The carrier under the heat from the die, less what the TEC takes."""
    exchange = 1.0 / model.die_resistance_k_per_w + model.tec_conductance_w_per_k
    observe(
        state.carrier,
        state.carrier_c,
        heat_w,
        exchange / model.carrier_capacity_j_per_k,
        model.carrier_capacity_j_per_k,
        model.carrier_lag_s,
        CARRIER_BANDWIDTH_PER_S,
        dt_s,
    )


@compiled_tick
def estimate_sink(model: Any, state: Any, heat_w: float, air_k_per_w: float, dt_s: float) -> None:
    """The sink under what the TEC releases, less what the air takes."""
    observe(
        state.sink,
        state.sink_c,
        heat_w,
        1.0 / (air_k_per_w * model.sink_capacity_j_per_k),
        model.sink_capacity_j_per_k,
        model.sink_lag_s,
        SINK_BANDWIDTH_PER_S,
        dt_s,
    )


@compiled_tick
def estimate_nodes(model: Any, state: Any, dt_s: float) -> None:
    """Advance the estimates of die, carrier and sink by one period.

    Args:
        model: record THERMAL_MODEL.
        state: record STATE; its readings are those of this period.
        dt_s: period, s.
    """
    load_w = load_heat_w(model, state, state.metered_w, dt_s) + state.heater_power_w
    flow_w = heat_from_die_w(model, state)
    absorbed_w, released_w, _ = peltier_flows(
        module_of(model), state.measured_a, state.carrier.node_c, state.sink.node_c
    )
    air = state.air_k_per_w
    to_air_w = (state.sink.node_c - state.inlet_c) / air
    estimate_die(model, state, load_w - flow_w, dt_s)
    estimate_carrier(model, state, flow_w - absorbed_w, dt_s)
    estimate_sink(model, state, released_w - to_air_w, air, dt_s)
