"""Records of the thermal law: gains, memory of a PID, and the model of the plant."""

import numpy as np

from lumina.theory.thermal_model import ThermalModel

__all__ = ["PID_GAINS", "PID_STATE", "THERMAL_MODEL"]

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
THERMAL_MODEL = np.dtype([(name, "f8") for name in ThermalModel.model_fields])
"""`ThermalModel` as compiled code reads it."""
