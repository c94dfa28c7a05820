"""The memory that Python and the compiled 1 kHz step share, as plain numpy records.

parameters   gains and limits; written by commands only
state        what the step remembers from tick to tick
heaters      the drive law of every phase shifter and what each is to do
rails        limits and state of the power rails
mailbox      commands in: a ring of sequence-numbered slots
telemetry    rows out: a ring of slots, each guarded by a sequence lock
"""

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lumina.control.dither import DitherArrays
from lumina.control.guard.reasons import Tier
from lumina.control.guard.records import GUARD_LIMITS, GUARD_STATE
from lumina.control.pace import TICK_S
from lumina.control.sensing.records import CHANNEL, FUSION, SENSORS
from lumina.control.thermal.records import OBSERVER, PID_GAINS, PID_STATE, RELAY, THERMAL_MODEL
from lumina.frames import MAX_RAILS

__all__ = [
    "CHANNEL",
    "COMMAND",
    "MAILBOX_SLOTS",
    "PARAMETERS",
    "RAIL",
    "SENSORS",
    "STATE",
    "TELEMETRY",
    "TELEMETRY_SLOTS",
    "TICK_S",
    "CommandCode",
    "ControlArrays",
    "FanMode",
    "HeaterArrays",
    "HeaterMode",
    "Mailbox",
    "RailState",
    "TecMode",
    "TelemetryRing",
    "Tier",
]

MAILBOX_SLOTS = 32
TELEMETRY_SLOTS = 1024


class TecMode(IntEnum):
    """What decides the TEC current."""

    OFF = 0
    REGULATE = 1
    HOLD = 2  # a fixed current: the one commanded, or in force when the mode was entered
    RELAY = 3  # one of two currents, whichever brings the carrier back into a band


class FanMode(IntEnum):
    """What decides the fan speed."""

    OFF = 0
    REGULATE = 1
    HOLD = 2  # a fixed speed: the one commanded, or in force when the mode was entered
    RELAY = 3  # one of two speeds, whichever brings the sink back into a band


class HeaterMode(IntEnum):
    """What decides the heater drives."""

    OFF = 0
    VOLTAGE = 1  # the commanded voltages, uncompensated
    PHASE = 2  # the commanded own phases, through the drive law, compensated


class RailState(IntEnum):
    """State of one power rail."""

    OFF = 0
    RAMPING_UP = 1
    ON = 2
    RAMPING_DOWN = 3
    FAULT = 4


class CommandCode(IntEnum):
    """Commands that the step understands."""

    SET_SETPOINT = 1  # value, C
    SET_TEC_MODE = 2  # index TecMode
    SET_FAN_MODE = 3  # index FanMode
    SET_TEC_GAINS = 4  # tec_gains
    SET_FAN_GAINS = 5  # fan_gains
    SET_HEATER_VOLTAGES = 6  # payload[0] V
    SET_HEATER_PHASES = 7  # payload[0] rad
    SET_HEATER_LAW = 8  # payload: rad/V^2, 1/V^2, rad/K; value: reference die C
    SET_HEATER_MODE = 9  # index HeaterMode
    SET_COMPENSATION = 10  # index 0 or 1
    SET_LASER = 11  # value, 0 .. 1
    RAILS_UP = 12
    RAILS_DOWN = 13
    RESET_GUARD = 14
    SET_TEC_CURRENT = 15  # value, A; enters TecMode.HOLD
    SET_FAN_SPEED = 16  # value, RPM; enters FanMode.HOLD
    SET_THERMAL_MODEL = 17  # model, tec_gains, fan_gains
    SET_TEC_RELAY = 18  # relay, A; enters TecMode.RELAY
    SET_FAN_RELAY = 19  # relay, RPM; enters FanMode.RELAY
    SET_TELEMETRY = 20  # index: ticks per row
    SET_INLET = 21  # value, C; index: ticks for which it counts
    START_DITHER = 22  # value, rad; index, ticks


PARAMETERS = np.dtype(
    [
        ("period_s", "f8"),
        ("model", THERMAL_MODEL),
        ("tec_gains", PID_GAINS),
        ("fan_gains", PID_GAINS),
        ("tec_relay", RELAY),
        ("fan_relay", RELAY),
        ("setpoint_c", "f8"),
        ("ramp_k_per_s", "f8"),
        ("tec_limit_a", "f8"),
        ("sink_limit_c", "f8"),
        ("fan_limit_rpm", "f8"),
        ("guard", GUARD_LIMITS),
        ("reference_die_c", "f8"),
        ("heater_full_scale_v", "f8"),
        ("heater_full_code", "f8"),
        ("answer_s", "f8"),  # by which a slow loop's answer comes after the sample
        ("measures_load", "i8"),  # whether the frames tell the compute load
        ("measures_inlet", "i8"),  # and the air at the fan's inlet
        ("slow_divider", "i8"),  # ticks between looks at what changes slowly
        ("telemetry_divider", "i8"),
    ]
)

STATE = np.dtype(
    [
        ("tec", PID_STATE),
        ("fan", PID_STATE),
        ("tec_mode", "i8"),
        ("tec_current_a", "f8"),  # as commanded to the board
        ("fan_mode", "i8"),
        ("fan_rpm", "f8"),  # as commanded to the board
        ("heater_mode", "i8"),
        ("compensating", "i8"),
        ("laser_scale", "f8"),  # as commanded, before throttling
        ("carrier_c", "f8"),  # as read, as are die and sink
        ("die_c", "f8"),
        ("sink_c", "f8"),
        ("inlet_c", "f8"),  # as told, or as read
        ("read_inlet_c", "f8"),  # assumed where nothing measures it
        ("told_inlet_c", "f8"),
        ("told_inlet_left", "i8"),  # ticks for which it still counts
        ("measured_a", "f8"),  # TEC
        ("measured_v", "f8"),
        ("measured_rpm", "f8"),  # tachometer
        ("metered_w", "f8"),  # compute load
        ("wrong_numbers", "i8"),  # impossible ones in this frame
        ("stale_ticks", "i8"),  # in a row with the same time stamp
        ("time_ns", "i8"),  # the board's
        ("fusion", FUSION),
        ("die", OBSERVER),
        ("carrier", OBSERVER),
        ("sink", OBSERVER),
        ("die_estimate_c", "f8"),
        ("load_w", "f8"),  # compute power of the last tick, by the meter
        ("ramped_setpoint_c", "f8"),
        ("reference_c", "f8"),  # where the carrier's sensor should be on the ramp
        ("ramp_k_per_s", "f8"),
        ("ramp_heat_w", "f8"),  # heat to pump for the ramp
        ("air_k_per_w", "f8"),  # sink to air at the measured fan speed
        ("most_a", "f8"),  # largest cooling current that pays
        ("demand_w", "f8"),  # heat to pump, as the fan believes it
        ("candidate", "i8"),  # of fan speeds, to be judged next
        ("cheapest_w", "f8"),  # of the candidates judged so far
        ("cheapest_rpm", "f8"),
        ("efficient_rpm", "f8"),  # cheapest of the last search
        ("sought_rpm", "f8"),  # on the way there
        ("heater_power_w", "f8"),
        ("tier", "i8"),
        ("throttle", "f8"),  # 1 full power .. 0 dark
        ("guard", GUARD_STATE),
        ("rails_wanted", "i8"),
        ("warnings", "i8"),
        ("throttlings", "i8"),
        ("emergencies", "i8"),
        ("throttled_ticks", "i8"),
        ("rail_faults", "i8"),
        ("saturated_heaters", "i8"),
        ("tick", "i8"),
        ("commanded_tick", "i8"),  # in which the last command was applied
        ("acted_tick", "i8"),  # whose actuator frame the board acted on when it sampled
        ("epoch", "i8"),  # of the board, as in the sensor frame
        ("board_flags", "i8"),
        ("locked_out", "i8"),  # the board waits for a frame that asks for no rail
        ("interruptions", "i8"),  # times that the epoch changed
        ("lockouts", "i8"),  # times that it was found so, the first not counted
    ]
)

RAIL = np.dtype(
    [
        ("nominal_v", "f8"),
        ("current_limit_a", "f8"),
        ("over_voltage_v", "f8"),
        ("ramp_s", "f8"),
        ("set_v", "f8"),
        ("state", "i8"),
        ("suspect_ticks", "i8"),  # ticks in a row beyond a limit
        ("waited_ticks", "i8"),  # ticks in the present ramp
        ("fault", "i8"),  # 0 none, 1 over-current, 2 over-voltage, 3 under-voltage
    ]
)

COMMAND = np.dtype(
    [
        ("code", "i8"),
        ("index", "i8"),
        ("value", "f8"),
        ("model", THERMAL_MODEL),
        ("tec_gains", PID_GAINS),
        ("fan_gains", PID_GAINS),
        ("relay", RELAY),
    ]
)

TELEMETRY = np.dtype(
    [
        ("lock", "i8"),  # odd while the row is being written
        ("tick", "i8"),
        ("acknowledged", "i8"),  # last command applied
        ("carrier_c", "f8"),
        ("die_c", "f8"),
        ("die_estimate_c", "f8"),
        ("sink_c", "f8"),
        ("inlet_c", "f8"),
        ("setpoint_c", "f8"),
        ("tec_current_a", "f8"),
        ("tec_voltage_v", "f8"),
        ("fan_rpm", "f8"),
        ("fan_set_rpm", "f8"),
        ("compute_power_w", "f8"),
        ("laser_power_w", "f8"),
        ("laser_scale", "f8"),
        ("heater_power_w", "f8"),
        ("tier", "i8"),
        ("reasons", "i8"),  # bits of lumina.control.guard.reasons.Reason
        ("cause", "i8"),  # the same, of when the emergency latched
        ("sensor_trouble", "i8", (len(SENSORS),)),  # Trouble
        ("fusion", "i8"),  # which carrier sensor is not believed
        ("tec_mode", "i8"),
        ("heater_mode", "i8"),
        ("compensating", "i8"),
        ("saturated_heaters", "i8"),
        ("throttled_ticks", "i8"),
        ("rail_state", "i8", (MAX_RAILS,)),
        ("rail_fault", "i8", (MAX_RAILS,)),
        ("rail_voltage_v", "f8", (MAX_RAILS,)),
        ("rail_current_a", "f8", (MAX_RAILS,)),
    ]
)


class HeaterArrays(NamedTuple):
    """One entry per phase shifter, each of shape (heaters,), float64.

    Own phase psi and drive V: psi = g h, V^2 = h + b h^2.
    """

    voltage_v: NDArray[np.float64]
    phase_rad: NDArray[np.float64]
    volts2_per_rad: NDArray[np.float64]
    curvature_per_v2: NDArray[np.float64]
    tempco_rad_per_k: NDArray[np.float64]
    limit_rad: NDArray[np.float64]
    drive_v: NDArray[np.float64]
    dither_rad: NDArray[np.float64]
    """Added to the own phases in this tick."""


class Mailbox(NamedTuple):
    """Commands from Python to the step: written by one, read by the other."""

    slots: NDArray[Any]
    """Shape (MAILBOX_SLOTS,), dtype COMMAND."""
    payload: NDArray[np.float64]
    """Shape (MAILBOX_SLOTS, 3, heaters)."""
    posted: NDArray[np.int64]
    """Shape (1,): sequence number of the last command posted."""
    applied: NDArray[np.int64]
    """Shape (1,): sequence number of the last command applied."""
    heartbeat: NDArray[np.int64]
    """Shape (1,): heartbeats of the host so far."""


class TelemetryRing(NamedTuple):
    """Rows from the step to Python."""

    rows: NDArray[Any]
    """Shape (TELEMETRY_SLOTS,), dtype TELEMETRY."""
    written: NDArray[np.int64]
    """Shape (1,): rows written since the start."""


class ControlArrays(NamedTuple):
    """Everything the compiled step works on, beside the two frames."""

    parameters: NDArray[Any]
    """Shape (1,), dtype PARAMETERS."""
    state: NDArray[Any]
    """Shape (1,), dtype STATE."""
    channels: NDArray[Any]
    """Shape (4,), dtype CHANNEL: the thermometers, in the order of SENSORS."""
    heaters: HeaterArrays
    dither: DitherArrays
    rails: NDArray[Any]
    """Shape (rails,), dtype RAIL."""
    mailbox: Mailbox
    telemetry: TelemetryRing
