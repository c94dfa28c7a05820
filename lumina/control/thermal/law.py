"""What TEC and fan are to do in one period, by their modes.

    set point -> ramp -> heat of the ramp --------------+
                   |                                    v
                   +-> sensor's lag -> (-) -> PID -> heat to pump, W -> TEC's equation -> A
                                       ^                ^                   ^
    carrier's sensors -----------------+                |                   |
    load, die sensor -> die's estimate -> heat from die +       sink, clamp by fan and inlet

The PID works in watts of heat pumped out of the carrier, on the error that is left: what
the load and the ramp need is pumped beforehand. The clamp and the fan's speed change
slowly and are looked at every few ticks.
"""

import math
from typing import Any

from lumina.compiled import compiled_tick
from lumina.control.records import FanMode, TecMode, Tier
from lumina.control.thermal.nodes import heat_from_die_w
from lumina.control.thermal.pid import pid_follow, pid_step
from lumina.control.thermal.pump import most_current_a, pump_current_a, pumped_heat_w
from lumina.control.thermal.reference import advance_reference, restart_reference
from lumina.control.thermal.split import air_resistance_k_per_w, seek_fan_speed

__all__ = [
    "fan_speed",
    "install_model",
    "regulate_fan",
    "regulate_tec",
    "relay_fan",
    "relay_tec",
    "tec_current",
]

EMERGENCY = int(Tier.EMERGENCY)
TEC_OFF, TEC_REGULATE, TEC_RELAY = int(TecMode.OFF), int(TecMode.REGULATE), int(TecMode.RELAY)
FAN_OFF, FAN_REGULATE, FAN_RELAY = int(FanMode.OFF), int(FanMode.REGULATE), int(FanMode.RELAY)


@compiled_tick
def follow_current(parameters: Any, state: Any, current_a: float, dt_s: float) -> None:
    """Have the carrier's PID follow a current that something else decides."""
    model = parameters.model
    heat_w = pumped_heat_w(model, current_a, state.carrier_c, state.sink.node_c)
    error_k = state.carrier_c - state.reference_c
    known_w = heat_from_die_w(model, state) + state.ramp_heat_w
    pid_follow(parameters.tec_gains, state.tec, 0.0, error_k, known_w, heat_w, dt_s)


@compiled_tick
def regulated_current(parameters: Any, state: Any, dt_s: float) -> float:
    """Current that holds the carrier at its set point, A."""
    model, carrier_c, sink_c = parameters.model, state.carrier_c, state.sink.node_c
    low_a: float = -parameters.tec_limit_a
    high_a: float = state.most_a
    lowest_w = pumped_heat_w(model, low_a, carrier_c, sink_c)
    highest_w = pumped_heat_w(model, high_a, carrier_c, sink_c)
    advance_reference(parameters, state, lowest_w, highest_w, dt_s)
    error_k = carrier_c - state.reference_c
    known_w = heat_from_die_w(model, state) + state.ramp_heat_w
    heat_w = pid_step(
        parameters.tec_gains, state.tec, 0.0, error_k, known_w, lowest_w, highest_w, dt_s
    )
    current_a: float = pump_current_a(model, heat_w, carrier_c, sink_c)
    return min(max(current_a, low_a), high_a)


@compiled_tick
def switched(relay: Any, measured_c: float, output: float) -> float:
    """Output of a relay that has been at `output`, by what is measured now."""
    if measured_c > relay.centre_c + relay.half_band_k:
        return relay.above  # type: ignore[no-any-return]
    if measured_c < relay.centre_c - relay.half_band_k:
        return relay.below  # type: ignore[no-any-return]
    return output


@compiled_tick
def start_relay(relay: Any, measured_c: float) -> float:
    """First output of a relay: the one that drives towards the centre of its band."""
    return relay.above if measured_c > relay.centre_c else relay.below  # type: ignore[no-any-return]


@compiled_tick
def tec_current(parameters: Any, state: Any, dt_s: float) -> float:
    """TEC current for this period, A; positive cools. Off in an emergency or without sensors."""
    blind = math.isnan(state.carrier_c)
    if state.tier == EMERGENCY or state.tec_mode == TEC_OFF or blind:
        state.tec_current_a = 0.0
    elif state.tec_mode == TEC_REGULATE:
        state.tec_current_a = regulated_current(parameters, state, dt_s)
        return state.tec_current_a  # type: ignore[no-any-return]
    elif state.tec_mode == TEC_RELAY:
        state.tec_current_a = switched(parameters.tec_relay, state.carrier_c, state.tec_current_a)
    if not blind:
        restart_reference(state)
        follow_current(parameters, state, state.tec_current_a, dt_s)
    return state.tec_current_a  # type: ignore[no-any-return]


@compiled_tick
def regulate_tec(parameters: Any, state: Any) -> None:
    """Take over from a held current: the set point starts from where the carrier is."""
    if state.tec_mode != TEC_REGULATE and not math.isnan(state.carrier_c):
        restart_reference(state)
        follow_current(parameters, state, state.tec_current_a, 0.0)
    state.tec_mode = TEC_REGULATE


@compiled_tick
def look_at_cooling(parameters: Any, state: Any, dt_s: float) -> None:
    """The slow part: how much current pays at the present fan, and which speed is cheapest."""
    model, limit_a = parameters.model, parameters.tec_limit_a
    state.air_k_per_w = air_resistance_k_per_w(model, state.measured_rpm)
    state.most_a = most_current_a(
        model, limit_a, parameters.setpoint_c, state.inlet_c, state.air_k_per_w
    )
    seek_fan_speed(parameters, state, dt_s)


@compiled_tick
def fan_speed(parameters: Any, state: Any, dt_s: float) -> float:
    """Fan speed for this period, RPM. Full in an emergency, or when the sink cannot be read.

    Else the cheapest for the present demand, or what keeps the sink at its limit.
    """
    limit_rpm: float = parameters.fan_limit_rpm
    if state.tick % parameters.slow_divider == 0:
        look_at_cooling(parameters, state, dt_s * parameters.slow_divider)
    if state.tier == EMERGENCY or math.isnan(state.sink_c):
        state.fan_rpm = limit_rpm
    elif state.fan_mode == FAN_OFF:
        state.fan_rpm = 0.0
    elif state.fan_mode == FAN_REGULATE:
        gains, target_c = parameters.fan_gains, parameters.sink_limit_c
        needed_rpm = pid_step(gains, state.fan, target_c, state.sink_c, 0.0, 0.0, limit_rpm, dt_s)
        state.fan_rpm = min(max(needed_rpm, state.sought_rpm), limit_rpm)
    elif state.fan_mode == FAN_RELAY:
        state.fan_rpm = switched(parameters.fan_relay, state.sink_c, state.fan_rpm)
    return state.fan_rpm  # type: ignore[no-any-return]


@compiled_tick
def follow_speed(parameters: Any, state: Any) -> None:
    """Have fan's PID and search go on from the speed in force."""
    state.sought_rpm = state.fan_rpm
    if not math.isnan(state.sink_c):
        gains, target_c = parameters.fan_gains, parameters.sink_limit_c
        pid_follow(gains, state.fan, target_c, state.sink_c, 0.0, state.fan_rpm, 0.0)


@compiled_tick
def regulate_fan(parameters: Any, state: Any) -> None:
    """Take over from a held speed."""
    if state.fan_mode != FAN_REGULATE:
        follow_speed(parameters, state)
    state.fan_mode = FAN_REGULATE


@compiled_tick
def relay_tec(parameters: Any, state: Any, relay: Any) -> None:
    """Have a relay drive the TEC."""
    parameters.tec_relay = relay
    state.tec_current_a = start_relay(relay, state.carrier_c)
    state.tec_mode = TEC_RELAY


@compiled_tick
def relay_fan(parameters: Any, state: Any, relay: Any) -> None:
    """Have a relay drive the fan."""
    parameters.fan_relay = relay
    state.fan_rpm = start_relay(relay, state.sink_c)
    state.fan_mode = FAN_RELAY


@compiled_tick
def install_model(parameters: Any, state: Any, model: Any, tec_gains: Any, fan_gains: Any) -> None:
    """Take over beliefs and gains in one tick; current and speed go on where they are."""
    parameters.model = model
    parameters.tec_gains = tec_gains
    parameters.fan_gains = fan_gains
    if not math.isnan(state.carrier_c):
        follow_current(parameters, state, state.tec_current_a, 0.0)
    follow_speed(parameters, state)
