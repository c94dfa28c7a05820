"""Whether gains can work at all on a plant that is as believed: a check that costs nothing.

The carrier is an integrator of the heat that is pumped, seen through its sensor's lag; the
sink is one of the fan's speed, behind the fan's spin-up and its sensor's lag. What the law
adds to its PIDs (feed-forward, estimators) is left out: `lumina.control.linear` has it all,
and takes a second.
"""

import numpy as np
from numpy.typing import NDArray

from lumina.control.config import PidConfig
from lumina.control.records import TICK_S
from lumina.theory.feedback import StateSpace
from lumina.theory.thermal_model import ThermalModel

__all__ = ["cooling_per_rpm", "why_unstable"]

FloatArray = NDArray[np.float64]

DELAY_TICKS = 2

LARGEST_GAIN = 1e6
"""Per second: a plant that answers faster is no integrator."""

TYPICAL_AWAY_K, TYPICAL_SHARE = 15.0, 0.5
"""Sink above the air, and fan speed of full, at which the fan's gain is looked at."""


def why_unstable(
    model: ThermalModel, tec: PidConfig, fan: PidConfig, period_s: float = TICK_S
) -> str:
    """Which loop cannot work, in words; empty if both can.

    Args:
        model: the plant.
        tec: gains of the carrier's PID, W per K.
        fan: gains of the sink's PID, RPM per K.
        period_s: time between two steps, s.
    """
    carrier = _lagging(1.0 / model.carrier_capacity_j_per_k, (model.carrier_lag_s,), period_s)
    fan_gain = cooling_per_rpm(model, TYPICAL_AWAY_K, TYPICAL_SHARE)
    sink = _lagging(fan_gain, (model.fan_spin_up_s, model.sink_lag_s), period_s)
    # A board's wire delays by two ticks, an instrument's by less than a period.
    delay = DELAY_TICKS if period_s == TICK_S else 1
    for name, plant, pid in (("TEC", carrier, tec), ("fan", sink, fan)):
        loop = _pid(pid, period_s).then(StateSpace.delay(delay, period_s)).then(plant)
        if not loop.closed_radius() < 1.0:
            return f"the {name}'s gains are unstable on the plant of thermal_model"
    return ""


def cooling_per_rpm(model: ThermalModel, away_k: float, share: float) -> float:
    """Rate at which one more RPM cools the sink, K/s per RPM.

    Args:
        model: the plant.
        away_k: sink above the air, K.
        share: of full speed, at which the fan turns.
    """
    added_w_per_k = 1.0 / model.full_speed_k_per_w - 1.0 / model.still_air_k_per_w
    steepness = model.fan_exponent * share ** (model.fan_exponent - 1.0) / model.full_speed_rpm
    return float(max(added_w_per_k, 0.0) * steepness * away_k / model.sink_capacity_j_per_k)


def _lagging(gain_per_s: float, lags_s: tuple[float, ...], period_s: float) -> StateSpace:
    """An integrator with first-order lags behind it, from tick to tick."""
    count = len(lags_s) + 1
    A, B = np.eye(count), np.zeros(count)
    B[0] = min(gain_per_s, LARGEST_GAIN) * period_s
    for i, lag_s in enumerate(lags_s, start=1):
        share = -np.expm1(-period_s / max(lag_s, 0.1 * period_s))
        A[i, i], A[i, i - 1] = 1.0 - share, share
    return StateSpace(A, B, np.eye(count)[-1], 0.0, period_s)


def _pid(pid: PidConfig, period_s: float) -> StateSpace:
    """The law of `lumina.control.thermal.pid`: memory is the filtered value and the integral."""
    filter_s = pid.derivative_filter_s + period_s
    share = period_s / filter_s
    # An integral that nothing feeds would stand among the poles, at 1.
    used = slice(0, 2 if pid.ki > 0.0 else 1)
    return StateSpace(
        np.diag([1.0 - share, 1.0])[used, used],
        np.array([share, period_s * pid.ki])[used],
        np.array([-pid.kd / filter_s, 1.0])[used],
        pid.kp + pid.kd / filter_s,
        period_s,
    )
