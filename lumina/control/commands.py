"""The step's end of the mailbox: apply what was posted since the last tick, in order."""

from typing import Any

from lumina.compiled import compiled, memory_fence
from lumina.control.dither import start_dither
from lumina.control.guard.judge import guard_reset
from lumina.control.rails import rails_request_up
from lumina.control.records import (
    MAILBOX_SLOTS,
    CommandCode,
    ControlArrays,
    FanMode,
    HeaterMode,
    TecMode,
)
from lumina.control.thermal.law import (
    install_model,
    regulate_fan,
    regulate_tec,
    relay_fan,
    relay_tec,
)

__all__ = ["apply_commands"]

SLOTS = MAILBOX_SLOTS
TEC_REGULATE, TEC_HOLD = int(TecMode.REGULATE), int(TecMode.HOLD)
FAN_REGULATE, FAN_HOLD = int(FanMode.REGULATE), int(FanMode.HOLD)
HEATERS_VOLTAGE, HEATERS_PHASE = int(HeaterMode.VOLTAGE), int(HeaterMode.PHASE)

SET_SETPOINT = int(CommandCode.SET_SETPOINT)
SET_TEC_MODE = int(CommandCode.SET_TEC_MODE)
SET_FAN_MODE = int(CommandCode.SET_FAN_MODE)
SET_TEC_GAINS = int(CommandCode.SET_TEC_GAINS)
SET_FAN_GAINS = int(CommandCode.SET_FAN_GAINS)
SET_HEATER_VOLTAGES = int(CommandCode.SET_HEATER_VOLTAGES)
SET_HEATER_PHASES = int(CommandCode.SET_HEATER_PHASES)
SET_HEATER_LAW = int(CommandCode.SET_HEATER_LAW)
SET_HEATER_MODE = int(CommandCode.SET_HEATER_MODE)
SET_COMPENSATION = int(CommandCode.SET_COMPENSATION)
SET_LASER = int(CommandCode.SET_LASER)
RAILS_UP = int(CommandCode.RAILS_UP)
RAILS_DOWN = int(CommandCode.RAILS_DOWN)
RESET_GUARD = int(CommandCode.RESET_GUARD)
START_DITHER = int(CommandCode.START_DITHER)
SET_TEC_CURRENT = int(CommandCode.SET_TEC_CURRENT)
SET_FAN_SPEED = int(CommandCode.SET_FAN_SPEED)
SET_THERMAL_MODEL = int(CommandCode.SET_THERMAL_MODEL)
SET_TEC_RELAY = int(CommandCode.SET_TEC_RELAY)
SET_FAN_RELAY = int(CommandCode.SET_FAN_RELAY)
SET_TELEMETRY = int(CommandCode.SET_TELEMETRY)
SET_INLET = int(CommandCode.SET_INLET)


@compiled
def apply_thermal(parameters: Any, state: Any, command: Any) -> None:
    """Commands that concern temperature: set point, modes, currents, gains, the model."""
    code, index = command.code, command.index
    if code == SET_SETPOINT:
        parameters.setpoint_c = command.value
    elif code == SET_TEC_MODE and index == TEC_REGULATE:
        regulate_tec(parameters, state)
    elif code == SET_TEC_MODE:
        state.tec_mode = index
    elif code == SET_TEC_CURRENT:
        state.tec_mode, state.tec_current_a = TEC_HOLD, command.value
    elif code == SET_TEC_RELAY:
        relay_tec(parameters, state, command.relay)
    elif code == SET_FAN_MODE and index == FAN_REGULATE:
        regulate_fan(parameters, state)
    elif code == SET_FAN_MODE:
        state.fan_mode = index
    elif code == SET_FAN_SPEED:
        state.fan_mode, state.fan_rpm = FAN_HOLD, command.value
    elif code == SET_FAN_RELAY:
        relay_fan(parameters, state, command.relay)


@compiled
def apply_tuning(parameters: Any, state: Any, command: Any) -> None:
    """Commands that change gains or the model; none of them bumps current or speed."""
    code = command.code
    if code == SET_TEC_GAINS:
        install_model(parameters, state, parameters.model, command.tec_gains, parameters.fan_gains)
    elif code == SET_FAN_GAINS:
        install_model(parameters, state, parameters.model, parameters.tec_gains, command.fan_gains)
    elif code == SET_THERMAL_MODEL:
        install_model(parameters, state, command.model, command.tec_gains, command.fan_gains)


@compiled
def apply_heater_law(parameters: Any, heaters: Any, payload: Any, reference_die_c: float) -> None:
    """Take over gain, curvature and temperature coefficient of every heater."""
    u = parameters.heater_full_scale_v**2
    for i in range(heaters.phase_rad.size):
        gain, curvature = payload[0, i], payload[1, i]
        heaters.volts2_per_rad[i] = 1.0 / gain
        heaters.curvature_per_v2[i] = curvature
        heaters.tempco_rad_per_k[i] = payload[2, i]
        heaters.limit_rad[i] = gain * 2.0 * u / ((1.0 + 4.0 * curvature * u) ** 0.5 + 1.0)
    parameters.reference_die_c = reference_die_c


@compiled
def apply_light(parameters: Any, state: Any, heaters: Any, command: Any, payload: Any) -> None:
    """Commands that concern heaters and laser."""
    code, index = command.code, command.index
    if code == SET_HEATER_VOLTAGES:
        heaters.voltage_v[:] = payload[0]
        state.heater_mode = HEATERS_VOLTAGE
    elif code == SET_HEATER_PHASES:
        heaters.phase_rad[:] = payload[0]
        state.heater_mode = HEATERS_PHASE
    elif code == SET_HEATER_LAW:
        apply_heater_law(parameters, heaters, payload, command.value)
    elif code == SET_HEATER_MODE:
        state.heater_mode = index
    elif code == SET_COMPENSATION:
        state.compensating = index
    elif code == SET_LASER:
        state.laser_scale = command.value


@compiled
def apply_commands(control: ControlArrays) -> None:
    """Apply every command posted since the last tick."""
    mailbox = control.mailbox
    parameters, state = control.parameters[0], control.state[0]
    posted = mailbox.posted[0]
    while mailbox.applied[0] < posted:
        memory_fence()
        slot = (mailbox.applied[0] + 1) % SLOTS
        command = mailbox.slots[slot]
        apply_thermal(parameters, state, command)
        apply_tuning(parameters, state, command)
        apply_light(parameters, state, control.heaters, command, mailbox.payload[slot])
        if command.code == RAILS_UP:
            rails_request_up(state, control.rails)
        elif command.code == RAILS_DOWN:
            state.rails_wanted = 0
        elif command.code == SET_TELEMETRY:
            parameters.telemetry_divider = command.index
        elif command.code == SET_INLET:
            state.told_inlet_c, state.told_inlet_left = command.value, command.index
        elif command.code == START_DITHER:
            start_dither(control.dither, state.tick, command.value, command.index)
        elif command.code == RESET_GUARD:
            guard_reset(parameters, state, control.channels)
        state.commanded_tick = state.tick
        memory_fence()
        mailbox.applied[0] += 1
