"""Gains for a plant that is known, by Skogestad's rules.

The carrier's PID asks for heat, so its plant is an integrator, 1 / C, behind the sensor's
lag. SIMC for an integrator with one lag gives, in series form with the lag as T_d,

    K_c = C / (tau_c + theta),    T_i = 4 (tau_c + theta),    T_d = lag

and in the parallel form that the loop computes k_p = K_c (1 + T_d / T_i), k_i = K_c / T_i,
k_d = K_c T_d. The fan's plant is an integrator as well, dT/dt = -G'(n) (T - T_air) / C per
RPM, behind the fan's spin-up and the sensor's lag, which PI meets as a delay.

theta is what comes between a sample and its answer: two ticks on a board's wire; half a
period of a slow loop, and its instruments' wire.

Source: Skogestad, J. Process Control 13, 291 (2003).
"""

from collections.abc import Iterator

import numpy as np

from lumina.control.config import ControlConfig, PidConfig
from lumina.control.pace import TICK_S
from lumina.control.thermal.stability import cooling_per_rpm
from lumina.theory.thermal_model import ThermalModel

__all__ = ["BOARD_DELAY_TICKS", "candidates", "delay_s", "fan_gains", "tec_gains"]

LAGS = 1.5
"""tau_c over the carrier sensor's lag: quicker asks more of the model than it knows."""

SLOWER = 1.3
TRIES = 6

FILTER_SHARE = 0.25
"""Derivative filter over derivative time."""

SETPOINT_WEIGHT = 0.6

BOARD_DELAY_TICKS = 2
"""By which frames over a wire and a late thread may delay an answer: margins hold with it."""

FAN_LAGS = 10.0
"""The fan's tau_c over its spin-up and its sensor's lag: it only follows slow heat."""

FAN_SLOWEST_SHARE = 0.1
"""Of full speed: where the fan's gain is taken, for it is highest when the fan is slow."""


def delay_s(period_s: float, wire_s: float) -> float:
    """What comes between a sample and its answer, in the mean, s.

    Args:
        period_s: time between two steps, s.
        wire_s: time that an instrument's exchange takes, s; 0 for a board.
    """
    return BOARD_DELAY_TICKS * TICK_S if period_s == TICK_S else 0.5 * period_s + wire_s


def candidates(
    model: ThermalModel, theta_s: float, period_s: float = TICK_S
) -> Iterator[tuple[PidConfig, float]]:
    """Gains of the carrier's PID and their tau_c, s; the quickest first."""
    for number in range(TRIES):
        closed_loop_s = LAGS * SLOWER**number * max(model.carrier_lag_s, 10.0 * TICK_S)
        yield tec_gains(model, closed_loop_s, theta_s, period_s), closed_loop_s


def tec_gains(
    model: ThermalModel,
    closed_loop_s: float,
    theta_s: float = BOARD_DELAY_TICKS * TICK_S,
    period_s: float = TICK_S,
) -> PidConfig:
    """SIMC gains of the carrier's PID, W per K.

    Args:
        model: the plant.
        closed_loop_s: tau_c, s.
        theta_s: what comes between a sample and its answer, s; on a board by default.
        period_s: time between two steps, s; a slow one is a filter by itself.
    """
    response_s = closed_loop_s + theta_s
    kc = model.carrier_capacity_j_per_k / response_s
    integral_s, derivative_s = 4.0 * response_s, model.carrier_lag_s
    filter_s = FILTER_SHARE * derivative_s - (period_s if period_s > TICK_S else 0.0)
    return PidConfig(
        kp=kc * (1.0 + derivative_s / integral_s),
        ki=kc / integral_s,
        kd=kc * derivative_s,
        derivative_filter_s=max(filter_s, 0.002),
        setpoint_weight=SETPOINT_WEIGHT,
        tracking_s=float(np.sqrt(integral_s * max(derivative_s, TICK_S))),
    )


def fan_gains(model: ThermalModel, config: ControlConfig, inlet_c: float) -> PidConfig:
    """SIMC gains of the sink's PID, RPM per K."""
    away_k = max(config.fan.sink_limit_c - inlet_c, 1.0)
    gain = cooling_per_rpm(model, away_k, FAN_SLOWEST_SHARE)
    lag_s = model.fan_spin_up_s + model.sink_lag_s
    response_s = (FAN_LAGS + 1.0) * lag_s
    kc = 1.0 / (max(gain, 1e-9) * response_s)
    return PidConfig(
        kp=kc,
        ki=kc / (4.0 * response_s),
        setpoint_weight=1.0,
        tracking_s=float(np.sqrt(4.0 * response_s * lag_s)),
    )
