"""`ThermalModel` as equations: how fast die, carrier and sink warm.

    C_d dT_d/dt = P + (T_c - T_d) / R_d
    C_c dT_c/dt = (T_d - T_c) / R_d - Q_c(I, T_c, T_s)
    C_s dT_s/dt = Q_h(I, T_c, T_s) - G(n) (T_s - T_air),     G(n) = G_0 + (G_1 - G_0) (n / n_1)^m

with the TEC's Q_c and Q_h of `lumina.theory.peltier`, G_0 the sink's conductance in still
air and G_1 at the fan's full speed n_1. Each node's sensor follows it with a first-order
lag. `model` is a record with the fields of `ThermalModel`.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lumina.compiled import compiled_tick
from lumina.theory.peltier import PeltierParameters, peltier_flows

__all__ = [
    "CARRIER",
    "CARRIER_SENSOR",
    "DIE",
    "DIE_SENSOR",
    "SINK",
    "SINK_SENSOR",
    "STATES",
    "air_conductance_w_per_k",
    "module_of",
    "thermal_rates",
    "thermal_step",
]

DIE, CARRIER, SINK, DIE_SENSOR, CARRIER_SENSOR, SINK_SENSOR = range(6)
"""Where the temperatures of a believed plant stand in its array of states."""

STATES = 6


@compiled_tick
def module_of(model: Any) -> PeltierParameters:
    """The TEC that a model believes in."""
    return PeltierParameters(
        model.tec_seebeck_v_per_k,
        model.tec_resistance_ohm,
        model.tec_conductance_w_per_k,
        0.0,
        0.0,
        0.0,
        25.0,
    )


@compiled_tick
def air_conductance_w_per_k(model: Any, fan_rpm: float) -> float:
    """Conductance from sink to inlet air at a fan speed, W/K."""
    still = 1.0 / model.still_air_k_per_w
    share = min(max(fan_rpm / model.full_speed_rpm, 0.0), 1.0)
    return still + (1.0 / model.full_speed_k_per_w - still) * share**model.fan_exponent  # type: ignore[no-any-return]


@compiled_tick
def thermal_rates(
    model: Any,
    die_c: float,
    carrier_c: float,
    sink_c: float,
    current_a: float,
    to_air_w_per_k: float,
    heat_w: float,
    air_c: float,
) -> tuple[float, float, float]:
    """Rates of die, carrier and sink, K/s, under a TEC current and heat into the die."""
    absorbed_w, released_w, _ = peltier_flows(module_of(model), current_a, carrier_c, sink_c)
    up_w = (die_c - carrier_c) / model.die_resistance_k_per_w
    return (
        (heat_w - up_w) / model.die_capacity_j_per_k,
        (up_w - absorbed_w) / model.carrier_capacity_j_per_k,
        (released_w - to_air_w_per_k * (sink_c - air_c)) / model.sink_capacity_j_per_k,
    )


@compiled_tick
def follow(sensor_c: float, node_c: float, lag_s: float, dt_s: float) -> float:
    """A sensor after one step, its node having come to `node_c`."""
    if lag_s <= 0.0:
        return node_c
    return node_c + (sensor_c - node_c) * math.exp(-dt_s / lag_s)


@compiled_tick
def thermal_step(
    model: Any,
    states_c: NDArray[np.float64],
    current_a: float,
    to_air_w_per_k: float,
    heat_w: float,
    air_c: float,
    dt_s: float,
) -> None:
    """Advance nodes and sensors, shape (STATES,), C, by one step under held inputs.

    By Heun's rule, the mean of the rates at both ends: good for steps that are short against
    the time constants.
    """
    die_c, carrier_c, sink_c = states_c[DIE], states_c[CARRIER], states_c[SINK]
    first = thermal_rates(model, die_c, carrier_c, sink_c, current_a, to_air_w_per_k, heat_w, air_c)
    last = thermal_rates(
        model,
        die_c + dt_s * first[0],
        carrier_c + dt_s * first[1],
        sink_c + dt_s * first[2],
        current_a,
        to_air_w_per_k,
        heat_w,
        air_c,
    )
    states_c[DIE] = die_c + 0.5 * dt_s * (first[0] + last[0])
    states_c[CARRIER] = carrier_c + 0.5 * dt_s * (first[1] + last[1])
    states_c[SINK] = sink_c + 0.5 * dt_s * (first[2] + last[2])
    states_c[DIE_SENSOR] = follow(states_c[DIE_SENSOR], states_c[DIE], model.die_lag_s, dt_s)
    states_c[CARRIER_SENSOR] = follow(
        states_c[CARRIER_SENSOR], states_c[CARRIER], model.carrier_lag_s, dt_s
    )
    states_c[SINK_SENSOR] = follow(states_c[SINK_SENSOR], states_c[SINK], model.sink_lag_s, dt_s)
