"""Where a node is, seen through a lagging sensor.

A Luenberger observer runs a node of capacity C under the heat that is known, its sensor,
and the heat W that is not:

    C dT/dt = q + W - a C (T - ...),    ds/dt = (T - s) / lag,    dW/dt = 0

and corrects all three by the surprise, the reading less s. W takes up what nobody meters:
a meter's gain error, a heater's resistance, a TEC that pumps otherwise than believed.
Without it the estimate would stand off by what the heat is off. With the readings gone the
model runs on.

The three error poles are put at one bandwidth p. With a the rate at which the node lets
go of heat and g = 1 / lag, matching (z + p)^3 gives

    l_s = 3 p - a - g,    l_T = (3 p^2 - a (3 p - a)) / g,    l_W = p^3 C / g

Quicker follows the load better; slower passes less noise.
"""

import math
from typing import Any

from lumina.compiled import compiled_tick

__all__ = ["observe"]

POLE_TIMES_STEP = 0.3
"""The observer is advanced by Euler's rule: its poles stay slow against the step."""


@compiled_tick
def observe(
    observer: Any,
    reading_c: float,
    heat_w: float,
    decay_per_s: float,
    capacity_j_per_k: float,
    lag_s: float,
    bandwidth_per_s: float,
    dt_s: float,
) -> None:
    """Advance an observer by one period.

    Args:
        observer: record OBSERVER.
        reading_c: what the sensor reads, C; NaN where it cannot be read.
        heat_w: heat known to flow into the node at the present estimate, W.
        decay_per_s: how much of an excess temperature the node lets go per second.
        capacity_j_per_k: the node's capacity, J/K.
        lag_s: the sensor's lag, s.
        bandwidth_per_s: the wanted error poles, 1/s.
        dt_s: period, s.
    """
    unreadable = math.isnan(reading_c)
    if observer.started == 0:
        if unreadable:
            return
        observer.node_c = observer.sensor_c = reading_c
        observer.started = 1
    lag_s = max(lag_s, dt_s)
    pole = min(bandwidth_per_s, POLE_TIMES_STEP / dt_s)
    surprise_k = 0.0 if unreadable else reading_c - observer.sensor_c
    node_gain = (3.0 * pole * pole - decay_per_s * (3.0 * pole - decay_per_s)) * lag_s
    sensor_gain = 3.0 * pole - decay_per_s - 1.0 / lag_s
    heat_gain = pole * pole * pole * capacity_j_per_k * lag_s
    rise_k_per_s = (heat_w + observer.unmetered_w) / capacity_j_per_k
    follow_k_per_s = (observer.node_c - observer.sensor_c) / lag_s
    observer.rise_k_per_s = rise_k_per_s + node_gain * surprise_k
    observer.node_c += dt_s * observer.rise_k_per_s
    observer.sensor_c += dt_s * (follow_k_per_s + sensor_gain * surprise_k)
    observer.unmetered_w += dt_s * heat_gain * surprise_k
