"""Two-degree-of-freedom PID in parallel form, one compiled step.

    u = u_ff + kp (y - b r) + I + kd dy_f/dt,   dI/dt = ki (y - r) + (u_sat - u) / T_t

The sign is that of a cooler: a measurement above the set point raises the output. The
derivative acts on the low-passed measurement alone, so a set-point step does not kick.
Back-calculation (time constant T_t) bleeds the integral while the actuator saturates.
Source: Astrom and Hagglund, Advanced PID Control, ISA 2006, ch. 3.
"""

from typing import Any

from lumina.compiled import compiled_tick

__all__ = ["pid_follow", "pid_step"]


@compiled_tick
def reaction(gains: Any, state: Any, setpoint: float, measured: float, dt_s: float) -> float:
    """Proportional and derivative terms; advances the derivative's filter."""
    if state.started == 0:
        state.filtered = measured
        state.started = 1
    rate = (measured - state.filtered) / (gains.derivative_filter_s + dt_s)
    state.filtered += dt_s * rate
    return gains.kp * (measured - gains.setpoint_weight * setpoint) + gains.kd * rate  # type: ignore[no-any-return]


@compiled_tick
def pid_step(
    gains: Any,
    state: Any,
    setpoint: float,
    measured: float,
    feedforward: float,
    low: float,
    high: float,
    dt_s: float,
) -> float:
    """Advance one PID by one period and return its output, within [low, high].

    Args:
        gains: record PID_GAINS.
        state: record PID_STATE, updated.
        setpoint: set point, in the measurement's unit.
        measured: the measurement; must be finite.
        feedforward: output that is known to be needed.
        low: lower limit of the output.
        high: upper limit of the output.
        dt_s: period, s.
    """
    wanted = feedforward + reaction(gains, state, setpoint, measured, dt_s) + state.integral
    output: float = min(max(wanted, low), high)
    state.integral += dt_s * (
        gains.ki * (measured - setpoint) + (output - wanted) / gains.tracking_s
    )
    state.output = output
    return output


@compiled_tick
def pid_follow(
    gains: Any,
    state: Any,
    setpoint: float,
    measured: float,
    feedforward: float,
    output: float,
    dt_s: float,
) -> None:
    """Follow an output that something else decides, so that taking over is bumpless.

    With `dt_s` 0 it is the integral alone that moves: new gains go on where the old ones were.
    """
    reacted = reaction(gains, state, setpoint, measured, dt_s)
    state.integral = output - feedforward - reacted
    state.output = output
