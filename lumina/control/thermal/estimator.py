"""Die temperature: where the light is, not where the sensor is.

A Luenberger observer runs the way from heat to die to lagging sensor,

    C dT/dt = P + W + (T_carrier - T) / R,    ds/dt = (T - s) / lag,    dW/dt = 0,

and is corrected by the difference between the sensor's reading and s. W is the heat that
nobody metered: the meter's gain error, a heater's resistance. Without it the estimate
would stand off by what the power is off. With the readings gone it runs on as a model. The
error poles lie near 5 rad/s for the reference plant: quicker follows the load better,
slower passes less sensor noise to the phases.
"""

import math
from typing import Any

from lumina.compiled import compiled_tick

__all__ = ["estimate_die"]

TEMPERATURE_CORRECTION_PER_S = 9.0
SENSOR_CORRECTION_PER_S = 3.3
HEAT_CORRECTION_PER_S2 = 50.0
"""Times the die's capacity, W per K and s."""


@compiled_tick
def estimate_die(model: Any, state: Any, power_w: float, dt_s: float) -> None:
    """Advance the estimate by one period under `power_w`, the heat into the die in W."""
    if state.estimating == 0:
        if math.isnan(state.die_c):
            return
        state.die_estimate_c = state.die_c
        state.die_sensor_c = state.die_c
        state.estimating = 1
    surprise_k = 0.0 if math.isnan(state.die_c) else state.die_c - state.die_sensor_c
    outflow_w = 0.0
    if not math.isnan(state.carrier_c):
        outflow_w = (state.die_estimate_c - state.carrier_c) / model.die_resistance_k_per_w
    heat_w = power_w + state.unmetered_w - outflow_w
    heating_k_per_s = heat_w / model.die_capacity_j_per_k
    sensing_k_per_s = (state.die_estimate_c - state.die_sensor_c) / max(model.die_lag_s, dt_s)
    state.die_estimate_c += dt_s * (heating_k_per_s + TEMPERATURE_CORRECTION_PER_S * surprise_k)
    state.unmetered_w += dt_s * HEAT_CORRECTION_PER_S2 * model.die_capacity_j_per_k * surprise_k
    state.die_sensor_c += dt_s * (sensing_k_per_s + SENSOR_CORRECTION_PER_S * surprise_k)
