"""TEC and fan: from commands to currents and speeds, and the heat that they move."""

from typing import Any, NamedTuple

import numpy as np

from lumina.compiled import compiled_tick
from lumina.frames import SAFE_STATE, TEC_ENABLED
from lumina.theory.peltier import PeltierParameters, peltier_flows, short_circuit_a
from twin.config import PlantConfig
from twin.records import (
    INSTRUMENT,
    SENSOR_OPEN,
    SENSOR_SHORTED,
    TEC,
    TEC_OPEN,
    TEC_REVERSED,
    TEC_SHORTED,
    TICK_S,
    clamp,
)

__all__ = ["Cooling", "add_cooling", "build_cooling", "drive_fan", "drive_tec"]


class Cooling(NamedTuple):
    """TEC, its driver and the fan; nodes are indices into the thermal network."""

    tec: PeltierParameters
    cold: int
    hot: int
    limit_a: float
    compliance_v: float
    slew_a: float
    """Largest change of the current in one tick, in A."""
    kp_a_per_k: float
    ki_a_per_k: float
    """Integral gain of the stand-alone regulator for one tick, in A/K."""
    blown: int
    """Node that the fan cools."""
    fan_share: float
    """Share of the way to a commanded speed that the fan goes in one tick."""
    fan_gain_w_per_k: float
    """Conductance that full speed adds to still air, in W/K."""
    fan_exponent: float
    full_speed_rpm: float


def build_cooling(config: PlantConfig) -> Cooling:
    """The cooling of a plant."""
    nodes = [*config.thermal.nodes]
    tec, fan = config.tec, config.fan
    return Cooling(
        tec=tec.parameters(),
        cold=nodes.index(tec.cold_node),
        hot=nodes.index(tec.hot_node),
        limit_a=tec.limit_a,
        compliance_v=tec.compliance_v,
        slew_a=tec.slew_a_per_s * TICK_S,
        kp_a_per_k=tec.regulator.kp_a_per_k,
        ki_a_per_k=tec.regulator.ki_a_per_k_s * TICK_S,
        blown=nodes.index(fan.node),
        fan_share=float(-np.expm1(-TICK_S / fan.spin_up_s)),
        fan_gain_w_per_k=1.0 / fan.full_speed_k_per_w - 1.0 / fan.still_air_k_per_w,
        fan_exponent=fan.exponent,
        full_speed_rpm=fan.full_speed_rpm,
    )


@compiled_tick
def regulate(cooling: Cooling, state: Any, inputs: Any, measured_c: float) -> float:
    """PI regulator of a stand-alone controller; its integral stops at the current limit."""
    limit_a = clamp(inputs.regulator_limit_a, 0.0, cooling.limit_a)
    error_k = measured_c - clamp(inputs.regulator_target_c, -100.0, 200.0)
    integral_a = state.regulator_a + cooling.ki_a_per_k * error_k
    wanted_a = cooling.kp_a_per_k * error_k + integral_a
    current_a = clamp(wanted_a, -limit_a, limit_a)
    # Integrating further into the limit would only have to be unwound later.
    if current_a == wanted_a or (wanted_a > 0.0) != (error_k > 0.0):
        state.regulator_a = integral_a
    return current_a


@compiled_tick
def drive_tec(cooling: Cooling, state: Any, inputs: Any, head: Any, measured_c: float) -> None:
    """Move the TEC current towards its command, within the driver's limit and slew."""
    if inputs.tec_source == INSTRUMENT:
        # A controller that cannot read its sensor, carrier_a, switches its output off.
        fault = inputs.sensor_fault[0]
        blind = inputs.regulator_on == 1.0 and fault in (SENSOR_OPEN, SENSOR_SHORTED)
        enabled = inputs.instrument_tec_on == 1.0 and not blind
        wanted_a = inputs.instrument_tec_a
        if enabled and inputs.regulator_on == 1.0:
            wanted_a = regulate(cooling, state, inputs, measured_c)
        else:
            state.regulator_a = 0.0
    else:
        enabled = (
            (head.flags & TEC_ENABLED) != 0
            and (head.flags & SAFE_STATE) == 0
            and state.powered[TEC] == 1
        )
        wanted_a = head.tec_current_a
    wanted_a = clamp(wanted_a, -cooling.limit_a, cooling.limit_a) if enabled else 0.0
    if inputs.tec_fault == TEC_OPEN:
        state.tec_voltage_v = np.sign(wanted_a) * cooling.compliance_v
        enabled = False
    if not enabled:
        state.tec_current_a = 0.0  # an open output stage carries nothing
        return
    now_a = state.tec_current_a
    state.tec_current_a = clamp(wanted_a, now_a - cooling.slew_a, now_a + cooling.slew_a)


@compiled_tick
def drive_fan(cooling: Cooling, state: Any, inputs: Any, head: Any) -> None:
    """Move the fan towards its commanded speed; a stalled rotor stands at once."""
    if inputs.fan_stall == 1.0:
        state.fan_rpm = 0.0
        return
    wanted_rpm = head.fan_rpm
    if inputs.fan_source == INSTRUMENT:
        wanted_rpm = inputs.instrument_fan_rpm
    wanted_rpm = clamp(wanted_rpm, 0.0, cooling.full_speed_rpm)
    wanted_rpm *= 1.0 - clamp(inputs.fan_drag, 0.0, 1.0)
    state.fan_rpm += cooling.fan_share * (wanted_rpm - state.fan_rpm)


@compiled_tick
def module_flows(
    cooling: Cooling, state: Any, fault: float, cold_c: float, hot_c: float
) -> tuple[float, float]:
    """Heat that the module absorbs and releases, W; notes the voltage that its driver sees."""
    module_a = state.tec_current_a
    if fault == TEC_SHORTED:  # what its own Seebeck voltage drives through the short
        module_a = short_circuit_a(cooling.tec, cold_c, hot_c)
    elif fault == TEC_REVERSED:
        module_a = -module_a
    absorbed_w, released_w, voltage_v = peltier_flows(cooling.tec, module_a, cold_c, hot_c)
    if fault == TEC_REVERSED:
        voltage_v = -voltage_v
    if fault != TEC_OPEN:
        state.tec_voltage_v = voltage_v
    return absorbed_w, released_w


@compiled_tick
def add_cooling(
    cooling: Cooling, state: Any, inputs: Any, temperature_c: Any, heat_w: Any, ambient_c: float
) -> None:
    """Add to `heat_w` what TEC and fan move beyond the network's own conductances.

    The network holds K of the TEC at its reference temperature and the still air; here
    comes the rest, by the temperatures at the start of the tick.
    """
    cold_c, hot_c = temperature_c[cooling.cold], temperature_c[cooling.hot]
    absorbed_w, released_w = module_flows(cooling, state, inputs.tec_fault, cold_c, hot_c)
    back_w = cooling.tec.conductance_w_per_k * (hot_c - cold_c)
    heat_w[cooling.cold] -= absorbed_w + back_w
    heat_w[cooling.hot] += released_w + back_w
    speed = state.fan_rpm / cooling.full_speed_rpm
    moved_w_per_k = cooling.fan_gain_w_per_k * speed**cooling.fan_exponent
    heat_w[cooling.blown] -= moved_w_per_k * (temperature_c[cooling.blown] - ambient_c)
