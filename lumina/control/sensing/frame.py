"""Taking in a sensor frame: temperatures, what the actuators do, and what the board says."""

from typing import Any

from lumina.compiled import compiled_tick
from lumina.control.sensing.channel import read_channel
from lumina.control.sensing.fusion import fuse

__all__ = ["CARRIER_A", "CARRIER_B", "DIE", "SINK", "read_frame"]

CARRIER_A, CARRIER_B, DIE, SINK = 0, 1, 2, 3

MOST_A, MOST_V, MOST_RPM, MOST_W = 100.0, 100.0, 20_000.0, 10_000.0
COLDEST_C, HOTTEST_C = -60.0, 150.0
"""Beyond these no board measures anything: the number is wrong, whatever it says."""


@compiled_tick
def believed(state: Any, value: float, before: float, low: float, high: float) -> float:
    """A number of the frame, or the one before where it is none or impossible."""
    if low <= value <= high:
        return value
    state.wrong_numbers += 1
    return before


@compiled_tick
def read_inlet(parameters: Any, state: Any, head: Any) -> None:
    """Temperature of the air at the sink: what the room's cooling tells counts for a while."""
    if parameters.measures_inlet == 1:
        state.read_inlet_c = believed(state, head.inlet_c, state.read_inlet_c, COLDEST_C, HOTTEST_C)
    state.inlet_c = state.read_inlet_c
    if state.told_inlet_left > 0:
        state.told_inlet_left -= 1
        state.inlet_c = state.told_inlet_c


@compiled_tick
def read_actuators(parameters: Any, state: Any, head: Any) -> None:
    """What TEC, fan and load do."""
    state.wrong_numbers = 0
    state.measured_a = believed(state, head.tec_current_a, state.measured_a, -MOST_A, MOST_A)
    state.measured_v = believed(state, head.tec_voltage_v, state.measured_v, -MOST_V, MOST_V)
    state.measured_rpm = believed(state, head.fan_rpm, state.measured_rpm, 0.0, MOST_RPM)
    if parameters.measures_load == 1:
        state.metered_w = believed(state, head.compute_power_w, state.metered_w, 0.0, MOST_W)
    read_inlet(parameters, state, head)


@compiled_tick
def read_temperatures(parameters: Any, state: Any, channels: Any, head: Any, dt_s: float) -> None:
    """What the thermometers show; NaN where none can be believed."""
    read_channel(channels[CARRIER_A], head.carrier_a_code, dt_s)
    read_channel(channels[CARRIER_B], head.carrier_b_code, dt_s)
    read_channel(channels[DIE], head.die_code, dt_s)
    read_channel(channels[SINK], head.sink_code, dt_s)
    state.die_c, state.sink_c = channels[DIE].reading_c, channels[SINK].reading_c
    state.carrier_c = fuse(
        state.fusion,
        parameters.model,
        channels[CARRIER_A].reading_c,
        channels[CARRIER_B].reading_c,
        state.carrier.sensor_c,
        state.die_c,
        state.load_w + state.heater_power_w,
        parameters.guard.disagreement_k,
        dt_s,
    )


@compiled_tick
def read_frame(parameters: Any, state: Any, channels: Any, head: Any, dt_s: float) -> None:
    """Take in one frame's header."""
    if state.tick > 0 and head.epoch != state.epoch:
        state.interruptions += 1
    state.stale_ticks = 0 if head.time_ns != state.time_ns else state.stale_ticks + 1
    state.tick, state.time_ns, state.acted_tick = head.tick, head.time_ns, head.acted_tick
    state.epoch, state.board_flags = head.epoch, head.flags
    read_actuators(parameters, state, head)
    read_temperatures(parameters, state, channels, head, dt_s)
