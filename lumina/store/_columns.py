"""Columns of the tables in a run's ``frames.h5``."""

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["TELEMETRY", "channel_columns", "rail_columns"]

_MEASURED = (
    "carrier_c",  # carrier temperature, mean of its two thermistors
    "die_estimate_c",  # the control step's estimate of the die temperature
    "sink_c",
    "inlet_c",  # air at the fan's inlet
    "setpoint_c",  # carrier set point in force, after its ramp
    "tec_current_a",  # positive cools
    "tec_voltage_v",
    "fan_rpm",
    "fan_set_rpm",
    "compute_power_w",
    "laser_scale",  # 0 dark .. 1 full
    "laser_power_w",
    "heater_power_w",  # sum over all heaters
    "true_die_c",  # the twin's truth; NaN on hardware
    "true_carrier_c",
)

TELEMETRY: np.dtype[Any] = np.dtype(
    [
        ("t_s", "<f8"),
        *((name, "<f4") for name in _MEASURED),
        ("tier", "<i4"),  # thermal guard: 0 normal, 1 warning, 2 critical, 3 emergency
        ("missed_ticks", "<i8"),  # since the loop started
    ]
)
"""One row of a photonic processor's telemetry."""


def rail_columns(rails: Sequence[str]) -> "np.dtype[Any]":
    """Columns of the table ``rails``: voltage and current of every power rail."""
    return np.dtype(
        [
            ("t_s", "<f8"),
            *((f"rail_{name}_v", "<f4") for name in rails),
            *((f"rail_{name}_a", "<f4") for name in rails),
        ]
    )


def channel_columns(channels: int, quantity: str) -> "np.dtype[Any]":
    """Columns of a table with one value per channel, for example ``drive_v``.

    The column reads back as a two-dimensional array, shape (rows, channels).
    """
    return np.dtype([("t_s", "<f8"), (quantity, "<f4", (channels,))])
