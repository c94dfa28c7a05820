"""The guard's watches: each finds one kind of trouble in this tick's readings.

A finding is a bit. How often it must be found before it is believed, and what it does then,
is the table's business (`lumina.control.guard.reasons`).
"""

import math
from typing import Any

from lumina.compiled import compiled_tick
from lumina.control.guard.reasons import Reason, bit
from lumina.control.rails import rails_are_up
from lumina.control.records import RailState, TecMode
from lumina.control.sensing.frame import CARRIER_A, CARRIER_B, DIE
from lumina.control.sensing.fusion import NOBODY
from lumina.control.sensing.records import Trouble
from lumina.frames import HELD_SAFE
from lumina.theory.thermistor import KELVIN

__all__ = ["find"]

TEC_OFF = int(TecMode.OFF)
TRIPPED = int(RailState.FAULT)
SOUND, ABSENT = int(Trouble.NONE), int(Trouble.ABSENT)
FLAG_HELD_SAFE = HELD_SAFE

DIE_HOT = bit(Reason.DIE_HOT)
CARRIER_HOT = bit(Reason.CARRIER_HOT)
SINK_HOT = bit(Reason.SINK_HOT)
RISING = bit(Reason.RISING)
DIE_SENSOR_LOST = bit(Reason.DIE_SENSOR_LOST)
DIE_SENSOR_COLD = bit(Reason.DIE_SENSOR_COLD)
DIE_HEAT_UNKNOWN = bit(Reason.DIE_HEAT_UNKNOWN)
CARRIER_SENSOR_DOUBTED = bit(Reason.CARRIER_SENSOR_DOUBTED)
CARRIER_SENSORS_LOST = bit(Reason.CARRIER_SENSORS_LOST)
SINK_SENSOR_LOST = bit(Reason.SINK_SENSOR_LOST)
FRAME_STALE = bit(Reason.FRAME_STALE)
FRAME_WRONG = bit(Reason.FRAME_WRONG)
TEC_OVER_CURRENT = bit(Reason.TEC_OVER_CURRENT)
TEC_NOT_FOLLOWING = bit(Reason.TEC_NOT_FOLLOWING)
TEC_VOLTAGE = bit(Reason.TEC_VOLTAGE)
TEC_REVERSED = bit(Reason.TEC_REVERSED)
FAN_STALLED = bit(Reason.FAN_STALLED)
HOST_SILENT = bit(Reason.HOST_SILENT)
RAIL_TRIPPED = bit(Reason.RAIL_TRIPPED)

RISE_S = 0.5
"""The rise is a mean over so long: a load step's 4 K are no runaway."""

METERED_SHARE = 0.3
"""Of the metered heat, that may be off without being suspicious."""

FOLLOWING_A, FOLLOWING_SHARE = 0.5, 0.15
VOLTAGE_V, VOLTAGE_SHARE = 0.4, 0.35
OVER_CURRENT_A, OVER_CURRENT_SHARE = 0.2, 0.05
"""How far measured current and voltage may be from what they should be."""

REVERSAL_W, REVERSAL_SHARE = 20.0, 1.5
"""A TEC that moves less is not judged by the sign of what it does. Reversed, it leaves the
carrier with twice what it was believed to take; without any effect, with once."""

REVERSAL_S = 0.3
"""What it was believed to take is followed as late as the carrier's observer follows."""

STALL_RPM, STALL_SHARE = 400.0, 0.5


@compiled_tick
def find_heat(limits: Any, guard: Any, state: Any, channels: Any, dt_s: float) -> int:
    """Too warm, or about to be: the die, or the carrier where no die sensor is."""
    found = DIE_HOT if guard.die_tier > 0 else 0
    found |= CARRIER_HOT if guard.carrier_tier > 0 else 0
    found |= SINK_HOT if guard.sink_tier > 0 else 0
    share = min(dt_s / RISE_S, 1.0)
    followed = state.carrier if channels[DIE].trouble == ABSENT else state.die
    guard.rise_k_per_s += share * (followed.rise_k_per_s - guard.rise_k_per_s)
    ahead_c = followed.node_c + limits.horizon_s * guard.rise_k_per_s
    # What is not a number is never below the limit.
    if not ahead_c < limits.emergency_c:
        found |= RISING
    return found


@compiled_tick
def fits(channel: Any) -> int:
    """1 where there is such a sensor."""
    return 1 if channel.trouble != ABSENT else 0


@compiled_tick
def fails(channel: Any) -> int:
    """1 where there is one that cannot be believed."""
    return 1 if channel.trouble != SOUND and channel.trouble != ABSENT else 0


@compiled_tick
def find_sensors(limits: Any, state: Any, channels: Any) -> int:
    """Sensors that cannot be believed."""
    blind = math.isnan(state.die_c) and channels[DIE].trouble != ABSENT
    found = DIE_SENSOR_LOST if blind else 0
    excused_w = limits.unknown_heat_w + METERED_SHARE * (state.load_w + state.heater_power_w)
    if state.die.unmetered_w < -excused_w:
        found |= DIE_SENSOR_COLD
    if state.die.unmetered_w > excused_w:
        found |= DIE_HEAT_UNKNOWN
    fitted = fits(channels[CARRIER_A]) + fits(channels[CARRIER_B])
    lost = fails(channels[CARRIER_A]) + fails(channels[CARRIER_B])
    if lost == fitted:
        found |= CARRIER_SENSORS_LOST
    if 0 < lost < fitted or state.fusion.liar != NOBODY:
        found |= CARRIER_SENSOR_DOUBTED
    if math.isnan(state.sink_c):
        found |= SINK_SENSOR_LOST
    return found


@compiled_tick
def find_frame(state: Any) -> int:
    """Frames that say nothing new, or nonsense."""
    found = FRAME_STALE if state.stale_ticks > 0 else 0
    return found | (FRAME_WRONG if state.wrong_numbers > 0 else 0)


@compiled_tick
def find_reversal(parameters: Any, guard: Any, state: Any, dt_s: float) -> int:
    """A TEC that heats where it should cool, or the other way round.

    A load that nobody meters looks like the first: then only the second is judged.
    """
    model = parameters.model
    moved_w = model.tec_seebeck_v_per_k * state.measured_a * (state.carrier.node_c + KELVIN)
    guard.moved_w += min(dt_s / REVERSAL_S, 1.0) * (moved_w - guard.moved_w)
    unclear = parameters.measures_load == 0 and guard.moved_w > 0.0
    if abs(guard.moved_w) < REVERSAL_W or unclear:
        return 0
    return TEC_REVERSED if state.carrier.unmetered_w / guard.moved_w > REVERSAL_SHARE else 0


@compiled_tick
def find_tec(parameters: Any, guard: Any, state: Any, powered: bool, dt_s: float) -> int:
    """A TEC that does not do what it is told."""
    limit_a = parameters.tec_limit_a * (1.0 + OVER_CURRENT_SHARE) + OVER_CURRENT_A
    found = TEC_OVER_CURRENT if abs(state.measured_a) > limit_a else 0
    held = (state.board_flags & FLAG_HELD_SAFE) != 0
    if state.tec_mode == TEC_OFF or held or not powered or math.isnan(state.carrier_c):
        return found
    model = parameters.model
    missing_a = abs(state.tec_current_a - state.measured_a)
    if missing_a > FOLLOWING_A + FOLLOWING_SHARE * abs(state.tec_current_a):
        found |= TEC_NOT_FOLLOWING
    seebeck_v = model.tec_seebeck_v_per_k * (state.sink.node_c - state.carrier.node_c)
    ohmic_v = model.tec_resistance_ohm * state.measured_a
    away_v = abs(state.measured_v - seebeck_v - ohmic_v)
    if away_v > VOLTAGE_V + VOLTAGE_SHARE * (abs(seebeck_v) + abs(ohmic_v)):
        found |= TEC_VOLTAGE
    return found | find_reversal(parameters, guard, state, dt_s)


@compiled_tick
def find_fan(parameters: Any, guard: Any, state: Any, dt_s: float) -> int:
    """A fan that does not turn."""
    share = min(dt_s / parameters.model.fan_spin_up_s, 1.0)
    guard.expected_rpm += share * (state.fan_rpm - guard.expected_rpm)
    due_rpm = STALL_SHARE * guard.expected_rpm
    return FAN_STALLED if guard.expected_rpm > STALL_RPM and state.measured_rpm < due_rpm else 0


@compiled_tick
def find_host(guard: Any, heartbeat: int) -> int:
    """A host that posts no heartbeats; listened for from its first one on."""
    if heartbeat != guard.heartbeat:
        guard.heartbeat, guard.armed, guard.silent_ticks = heartbeat, 1, 0
        return 0
    guard.silent_ticks += guard.armed
    return HOST_SILENT if guard.silent_ticks > 0 else 0


@compiled_tick
def find_rails(rails: Any) -> int:
    """A rail that has tripped."""
    for i in range(rails.size):
        if rails[i].state == TRIPPED:
            return RAIL_TRIPPED
    return 0


@compiled_tick
def find(
    parameters: Any, state: Any, channels: Any, rails: Any, heartbeat: int, dt_s: float
) -> int:
    """Bits of everything that looks wrong in this tick."""
    limits, guard = parameters.guard, state.guard
    return (
        find_heat(limits, guard, state, channels, dt_s)
        | find_sensors(limits, state, channels)
        | find_frame(state)
        | find_tec(parameters, guard, state, rails_are_up(rails), dt_s)
        | find_fan(parameters, guard, state, dt_s)
        | find_host(guard, heartbeat)
        | find_rails(rails)
    )
