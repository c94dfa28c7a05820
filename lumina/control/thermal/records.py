"""Records of the thermal law: PID, relay, observer, and the model of the plant."""

from typing import NamedTuple

import numpy as np

from lumina.theory.thermal_model import ThermalModel

__all__ = ["OBSERVER", "PID_GAINS", "PID_STATE", "RELAY", "THERMAL_MODEL", "Relay"]


class Relay(NamedTuple):
    """Two outputs, and the band of temperature that a switch between them keeps to."""

    centre_c: float
    half_band_k: float
    below: float
    """Output from when the temperature has left the band downwards, in the actuator's unit."""
    above: float
    """Output from when it has left the band upwards."""


PID_GAINS = np.dtype(
    [
        (name, "f8")
        for name in ("kp", "ki", "kd", "derivative_filter_s", "setpoint_weight", "tracking_s")
    ]
)
PID_STATE = np.dtype(
    [
        ("integral", "f8"),
        ("filtered", "f8"),  # measurement behind the derivative filter
        ("output", "f8"),
        ("started", "i8"),
    ]
)
RELAY = np.dtype([(name, "f8") for name in Relay._fields])
OBSERVER = np.dtype(
    [
        ("node_c", "f8"),  # where the node is
        ("sensor_c", "f8"),  # where its lagging sensor should be
        ("unmetered_w", "f8"),  # heat into the node that is not accounted for
        ("rise_k_per_s", "f8"),  # in the last tick
        ("started", "i8"),
    ]
)
THERMAL_MODEL = np.dtype([(name, "f8") for name in ThermalModel.model_fields])
"""`ThermalModel` as compiled code reads it."""
