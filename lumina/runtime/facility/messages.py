"""What a bench and the room's cooling say to each other, as plain values."""

import json
import math
from typing import Any

from lumina.control.records import Tier

__all__ = ["INLET_C", "airflow_wanted", "inlet_of", "report"]

INLET_C = (-40.0, 85.0)
"""Inlet temperatures that are believed, C."""


def report(row: Any, t_s: float, fan_limit_rpm: float, airflow_from: float) -> dict[str, Any]:
    """Temperatures and power of one processor, and how much more air it asks for.

    Args:
        row: its newest telemetry, dtype `lumina.control.records.TELEMETRY`.
        t_s: bench time, s.
        fan_limit_rpm: highest speed of its own fan, RPM.
        airflow_from: share of that speed from which more air is asked for.
    """
    return {
        "t_s": round(t_s, 3),
        "chip_c": _number(row["die_estimate_c"]),
        "carrier_c": _number(row["carrier_c"]),
        "sink_c": _number(row["sink_c"]),
        "inlet_c": _number(row["inlet_c"]),
        "power_w": _number(electrical_power_w(row)),
        "fan_rpm": _number(row["fan_rpm"]),
        "guard": Tier(int(row["tier"])).name.lower(),
        "airflow": round(airflow_wanted(row, fan_limit_rpm, airflow_from), 3),
    }


def electrical_power_w(row: Any) -> float:
    """What the board turns into heat: its load and its rails, or what we know of their parts."""
    rails_w = float(row["rail_voltage_v"] @ row["rail_current_a"])
    if rails_w == 0.0:
        rails_w = float(row["heater_power_w"] + abs(row["tec_current_a"] * row["tec_voltage_v"]))
    return float(row["compute_power_w"]) + rails_w


def airflow_wanted(row: Any, fan_limit_rpm: float, airflow_from: float) -> float:
    """How much more air is asked for, 0 none .. 1 all there is.

    The fan's own reserve is used first; a guard above normal asks for all.
    """
    if int(row["tier"]) > Tier.NORMAL:
        return 1.0
    used = float(row["fan_set_rpm"]) / fan_limit_rpm
    return min(max((used - airflow_from) / (1.0 - airflow_from), 0.0), 1.0)


def inlet_of(payload: bytes) -> float:
    """The inlet temperature that a message tells: ``23.4`` or ``{"temperature_c": 23.4}``.

    Raises:
        ValueError: it tells none, or one that is not believed; the text says why.
    """
    try:
        told = json.loads(payload)
    except (ValueError, RecursionError):
        raise ValueError("neither a number nor JSON") from None
    if isinstance(told, dict):
        told = told.get("temperature_c")
    if isinstance(told, bool) or not isinstance(told, int | float):
        raise ValueError("no temperature_c that is a number")
    low, high = INLET_C
    if not low <= told <= high:
        raise ValueError(f"not within {low:g} .. {high:g} C")
    return float(told)


def _number(value: float) -> float | None:
    """As JSON knows it: what is not a number is null."""
    return round(float(value), 3) if math.isfinite(value) else None
