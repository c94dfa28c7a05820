"""Die and carrier as they are now, and the heat that flows between them.

The die is not where its sensor is: it stands several kelvin above the carrier under load,
and its sensor lags. The metered load comes late by a known delay; leading it by that delay,
P + d dP/dt, gives the die at once what it got meanwhile.
"""

import math
from typing import Any

from lumina.compiled import compiled_tick
from lumina.control.thermal.observer import observe
from lumina.control.thermal.pump import pumped_heat_w

__all__ = ["estimate_nodes", "heat_from_die_w"]

DIE_BANDWIDTH_PER_S = 12.0
CARRIER_BANDWIDTH_PER_S = 6.0


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
def estimate_nodes(model: Any, state: Any, metered_w: float, dt_s: float) -> None:
    """Advance the estimates of die and carrier by one period.

    Args:
        model: record THERMAL_MODEL.
        state: the step's state; its readings are those of this period.
        metered_w: compute power as metered, W.
        dt_s: period, s.
    """
    load_w = load_heat_w(model, state, metered_w, dt_s) + state.heater_power_w
    flow_w = heat_from_die_w(model, state)
    exchange_w_per_k = 1.0 / model.die_resistance_k_per_w
    observe(
        state.die,
        state.die_c,
        load_w - flow_w,
        exchange_w_per_k / model.die_capacity_j_per_k,
        model.die_capacity_j_per_k,
        model.die_lag_s,
        DIE_BANDWIDTH_PER_S,
        dt_s,
    )
    carrier_c = state.carrier.node_c
    sink_c = carrier_c if math.isnan(state.sink_c) else state.sink_c
    observe(
        state.carrier,
        state.carrier_c,
        flow_w - pumped_heat_w(model, state.measured_a, carrier_c, sink_c),
        (exchange_w_per_k + model.tec_conductance_w_per_k) / model.carrier_capacity_j_per_k,
        model.carrier_capacity_j_per_k,
        model.carrier_lag_s,
        CARRIER_BANDWIDTH_PER_S,
        dt_s,
    )
    state.die_estimate_c = state.die.node_c
