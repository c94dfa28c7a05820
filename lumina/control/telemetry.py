"""Telemetry rows: written by the step behind a sequence lock, copied out by Python.

A row's `lock` is odd while it is being written. A reader copies the row and keeps the
copy if the lock was even and the same before and after; the ring is long enough that a
reader waking 10 times a second never meets the writer in the same slot.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lumina.compiled import compiled_tick, memory_fence
from lumina.control.records import TELEMETRY_SLOTS, ControlArrays, TelemetryRing
from lumina.frames import MAX_RAILS, ActuatorFrame, SensorFrame

__all__ = ["publish", "read_latest", "read_since"]

SLOTS = TELEMETRY_SLOTS
RAILS = MAX_RAILS


@compiled_tick
def known_inlet_c(parameters: Any, state: Any) -> float:
    """Air at the fan's inlet, as read or told, C; NaN where it is only assumed."""
    known = parameters.measures_inlet == 1 or state.told_inlet_left > 0
    return state.inlet_c if known else math.nan


@compiled_tick
def fill_row(row: Any, control: ControlArrays, sensor: Any, actuator: Any) -> None:
    """Copy what users watch from the step's records and the two frame headers."""
    parameters, state = control.parameters[0], control.state[0]
    row.tick = state.tick
    row.acknowledged = control.mailbox.applied[0]
    row.carrier_c, row.die_c, row.sink_c = state.carrier_c, state.die_c, state.sink_c
    row.die_estimate_c, row.inlet_c = state.die_estimate_c, known_inlet_c(parameters, state)
    row.setpoint_c = state.ramped_setpoint_c
    row.tec_current_a, row.tec_voltage_v = sensor.tec_current_a, sensor.tec_voltage_v
    row.fan_rpm, row.fan_set_rpm = sensor.fan_rpm, actuator.fan_rpm
    row.compute_power_w, row.laser_power_w = sensor.compute_power_w, sensor.laser_power_w
    row.laser_scale, row.heater_power_w = actuator.laser_scale, state.heater_power_w
    row.tier, row.tec_mode, row.heater_mode = state.tier, state.tec_mode, state.heater_mode
    row.reasons, row.cause = state.guard.active, state.guard.cause
    row.fusion = state.fusion.liar
    for i in range(control.channels.size):
        row.sensor_trouble[i] = control.channels[i].trouble
    row.compensating, row.saturated_heaters = state.compensating, state.saturated_heaters
    row.throttled_ticks = state.throttled_ticks
    for i in range(RAILS):
        row.rail_voltage_v[i] = sensor.rail_voltage_v[i]
        row.rail_current_a[i] = sensor.rail_current_a[i]
    for i in range(control.rails.size):
        row.rail_state[i] = control.rails[i].state
        row.rail_fault[i] = control.rails[i].fault


@compiled_tick
def publish(control: ControlArrays, sensor: SensorFrame, actuator: ActuatorFrame) -> None:
    """Write one row into the ring."""
    ring = control.telemetry
    row = ring.rows[ring.written[0] % SLOTS]
    row.lock += 1
    memory_fence()
    fill_row(row, control, sensor.head[0], actuator.head[0])
    memory_fence()
    row.lock += 1
    ring.written[0] += 1


def read_latest(ring: TelemetryRing) -> NDArray[Any] | None:
    """A copy of the newest row, shape (1,), or None before the first."""
    while True:
        written = int(ring.written[0])
        if written == 0:
            return None
        slot = (written - 1) % TELEMETRY_SLOTS
        lock = int(ring.rows["lock"][slot])
        row = ring.rows[slot : slot + 1].copy()
        if lock % 2 == 0 and int(ring.rows["lock"][slot]) == lock == int(row["lock"][0]):
            return row


def read_since(ring: TelemetryRing, cursor: int) -> tuple[NDArray[Any], int, int]:
    """Rows written since `cursor`, the new cursor, and how many were lost to a slow reader."""
    written = int(ring.written[0])
    # One slot is left out: the writer may be filling it while we copy.
    first = max(cursor, written - (TELEMETRY_SLOTS - 1))
    rows = ring.rows[np.arange(first, written) % TELEMETRY_SLOTS]
    overtaken = max(0, int(ring.written[0]) - (TELEMETRY_SLOTS - 1) - first)
    return rows[overtaken:], written, first - cursor + overtaken
