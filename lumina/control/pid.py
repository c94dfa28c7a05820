"""Two-degree-of-freedom PID in parallel form, one compiled step.

    u = kp (y - b r) + I + kd dy_f/dt,   dI/dt = ki (y - r) + (u_sat - u) / T_t

The sign is that of a cooler: a measurement above the set point raises the output. The
derivative acts on the low-passed measurement alone, so a set-point step does not kick.
Back-calculation (time constant T_t) bleeds the integral while the actuator saturates.
Source: Astrom and Hagglund, Advanced PID Control, ISA 2006, ch. 3.
"""

from typing import Any

from lumina.compiled import compiled_tick

__all__ = ["pid_hold", "pid_retune", "pid_step"]


@compiled_tick
def pid_step(
    gains: Any, state: Any, setpoint: float, measured: float, low: float, high: float, dt_s: float
) -> float:
    """Advance one PID by one period and return its output, within [low, high].

    Args:
        gains: record PID_GAINS.
        state: record PID_STATE, updated.
        setpoint: set point, in the measurement's unit.
        measured: the measurement; must be finite.
        low: lower limit of the output.
        high: upper limit of the output.
        dt_s: period, s.
    """
    if state.started == 0:
        state.filtered = measured
        state.started = 1
    rate = (measured - state.filtered) / (gains.derivative_filter_s + dt_s)
    state.filtered += dt_s * rate
    wanted = (
        gains.kp * (measured - gains.setpoint_weight * setpoint) + state.integral + gains.kd * rate
    )
    output: float = min(max(wanted, low), high)
    state.integral += dt_s * (
        gains.ki * (measured - setpoint) + (output - wanted) / gains.tracking_s
    )
    state.output = output
    return output


@compiled_tick
def pid_hold(gains: Any, state: Any, setpoint: float, measured: float, output: float) -> None:
    """Follow an output that something else decides, so that taking over is bumpless."""
    state.filtered = measured
    state.started = 1
    state.integral = output - gains.kp * (measured - gains.setpoint_weight * setpoint)
    state.output = output


@compiled_tick
def pid_retune(
    gains: Any, state: Any, setpoint: float, measured: float, kp: float, weight: float, kd: float
) -> None:
    """Move the integral so that new gains continue from the present output (bumpless).

    Call before the new gains are stored in `gains`.
    """
    rate = (measured - state.filtered) / gains.derivative_filter_s
    before = gains.kp * (measured - gains.setpoint_weight * setpoint) + gains.kd * rate
    after = kp * (measured - weight * setpoint) + kd * rate
    state.integral += before - after
