"""The control step: one tick, from sensor frame to actuator frame.

It sees the sensor frame and its own records, never the plant. The order is the argument:
what is measured, what was commanded, where the die really is, whether that is safe, and
only then what to drive.
"""

from typing import Any

from lumina.compiled import compiled_tick
from lumina.control.commands import apply_commands
from lumina.control.dither import count_monitors, dither_heaters
from lumina.control.guard.judge import guard_step
from lumina.control.heaters import drive_heaters
from lumina.control.rails import rails_are_up, rails_step
from lumina.control.records import (
    ControlArrays,
    FanMode,
    HeaterMode,
    RailState,
    TecMode,
    Tier,
)
from lumina.control.sensing.frame import read_frame
from lumina.control.telemetry import publish
from lumina.control.thermal.law import fan_speed, tec_current
from lumina.control.thermal.nodes import estimate_nodes
from lumina.frames import (
    HEATERS_ENABLED,
    LOCKED_OUT,
    SAFE_STATE,
    TEC_ENABLED,
    ActuatorFrame,
    SensorFrame,
)

__all__ = ["control_step"]

NORMAL, EMERGENCY = int(Tier.NORMAL), int(Tier.EMERGENCY)
HEATERS_PHASE = int(HeaterMode.PHASE)
TEC_OFF, FAN_OFF, HEATERS_OFF = int(TecMode.OFF), int(FanMode.OFF), int(HeaterMode.OFF)
RAIL_OFF, RAIL_TRIPPED = int(RailState.OFF), int(RailState.FAULT)
FLAG_HEATERS, FLAG_TEC, FLAG_SAFE = HEATERS_ENABLED, TEC_ENABLED, SAFE_STATE
FLAG_LOCKED_OUT = LOCKED_OUT


@compiled_tick
def heed_lockout(state: Any, rails: Any) -> None:
    """A board that was powered down behind our back is as before bring-up, and so are we.

    It stays locked out until it is asked for no rail, so no rail can be asked up meanwhile.
    """
    before, state.locked_out = state.locked_out, state.board_flags & FLAG_LOCKED_OUT
    if state.locked_out == 0:
        return
    if before == 0:
        state.lockouts += 1
        state.laser_scale = 0.0
        state.heater_mode, state.tec_mode, state.fan_mode = HEATERS_OFF, TEC_OFF, FAN_OFF
    state.rails_wanted = 0
    for i in range(rails.size):
        rails[i].set_v = 0.0
        if rails[i].state != RAIL_TRIPPED:
            rails[i].state = RAIL_OFF


@compiled_tick
def fill_header(control: ControlArrays, head: Any, tec_a: float, fan_rpm: float) -> None:
    """Fill the actuator header, with the guard's word above all others."""
    state = control.state[0]
    powered = rails_are_up(control.rails)
    safe = state.tier == EMERGENCY
    head.tick = state.tick
    head.flags = 0
    if safe:
        head.flags = FLAG_SAFE
    else:
        if powered:
            head.flags |= FLAG_HEATERS
        if state.tec_mode != TEC_OFF:
            head.flags |= FLAG_TEC
    head.tec_current_a = tec_a
    head.fan_rpm = fan_rpm
    head.laser_scale = state.laser_scale * state.throttle if powered and not safe else 0.0
    head.compute_scale = 0.0 if safe else state.throttle
    for i in range(control.rails.size):
        head.rail_set_v[i] = control.rails[i].set_v


@compiled_tick
def follow_dither(control: ControlArrays, sensor: SensorFrame) -> None:
    """Count what the last dither did and set the next; nothing but calm phases is dithered."""
    state = control.state[0]
    if state.heater_mode != HEATERS_PHASE or state.tier != NORMAL:
        control.dither.control[0].running = 0
    count_monitors(control.dither, state.acted_tick, sensor.detector_code)
    dither_heaters(control.dither, state.tick, control.heaters.dither_rad)


@compiled_tick
def control_step(control: ControlArrays, sensor: SensorFrame, actuator: ActuatorFrame) -> None:
    """One tick of the loop: reads `sensor`, fills `actuator`, publishes telemetry."""
    parameters, state = control.parameters[0], control.state[0]
    period_s = parameters.period_s
    read_frame(parameters, state, control.channels, sensor.head[0], period_s)
    heed_lockout(state, control.rails)
    apply_commands(control)  # after the sensors: a regulator starts from where things are
    estimate_nodes(parameters.model, state, period_s)
    heartbeat = control.mailbox.heartbeat[0]
    guard_step(parameters, state, control.channels, control.rails, heartbeat, period_s)
    if state.tier == EMERGENCY:
        state.rails_wanted = 0
        state.heater_mode = 0
    rails_step(state, control.rails, sensor.head[0], period_s)
    tec_a = tec_current(parameters, state, period_s)
    fan_rpm = fan_speed(parameters, state, period_s)
    follow_dither(control, sensor)
    drive_heaters(parameters, state, control.heaters, actuator.heater_code)
    fill_header(control, actuator.head[0], tec_a, fan_rpm)
    if state.tick % parameters.telemetry_divider == 0:
        publish(control, sensor, actuator)
