"""Die temperature: where the light is, not where the sensor is.

A Luenberger observer runs the way from heat to die to lagging sensor,

    C dT/dt = P + (T_carrier - T) / R,    ds/dt = (T - s) / lag,

and is corrected by the difference between the sensor's reading and s. With the readings
gone it runs on as a model. Both error poles lie near 8 rad/s for the reference plant:
quicker follows the load better, slower passes less sensor noise to the phases.
"""

import math
from typing import Any

from lumina.compiled import compiled_tick

__all__ = ["estimate_die"]

TEMPERATURE_CORRECTION_PER_S = 10.0
SENSOR_CORRECTION_PER_S = 5.0


@compiled_tick
def estimate_die(parameters: Any, state: Any, power_w: float, dt_s: float) -> None:
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
        outflow_w = (state.die_estimate_c - state.carrier_c) / parameters.die_resistance_k_per_w
    heating_k_per_s = (power_w - outflow_w) / parameters.die_capacity_j_per_k
    sensing_k_per_s = (state.die_estimate_c - state.die_sensor_c) / max(
        parameters.sensor_lag_s, dt_s
    )
    state.die_estimate_c += dt_s * (heating_k_per_s + TEMPERATURE_CORRECTION_PER_S * surprise_k)
    state.die_sensor_c += dt_s * (sensing_k_per_s + SENSOR_CORRECTION_PER_S * surprise_k)
