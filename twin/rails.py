"""Power rails of the board: who has power, and what the rails' meters read."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lumina.compiled import compiled_tick
from twin.config import PlantRailConfig
from twin.records import DETECTORS, HEATERS, LASER, TEC, TICK_S, clamp

__all__ = ["BROWN_OUT_SHARE", "build_rails", "step_rails"]

BROWN_OUT_SHARE = 0.9
"""Share of the board's nominal supply voltage below which its converters stop."""

NOBODY = -1
PARTS = {
    "laser": LASER,
    "heaters": HEATERS,
    "detectors": DETECTORS,
    "tec": TEC,
    "none": NOBODY,
}

GOOD_SHARE = 0.9
"""Share of its nominal voltage below which a rail does not power its part."""

RAIL = np.dtype(
    [
        ("part", "i8"),
        ("nominal_v", "f8"),
        ("idle_w", "f8"),
        ("share", "f8"),  # of the way to the set voltage, in one tick
        ("capacitance_f", "f8"),
        ("short_ohm", "f8"),
        ("voltage_v", "f8"),  # state
    ]
)


def build_rails(rails: tuple[PlantRailConfig, ...]) -> NDArray[Any]:
    """The rails, all down: shape (rails,), dtype RAIL."""
    rows = [
        (
            PARTS[rail.powers],
            rail.voltage_v,
            rail.idle_w,
            -np.expm1(-TICK_S / rail.time_constant_s),
            rail.capacitance_f,
            rail.short_ohm,
            0.0,
        )
        for rail in rails
    ]
    return np.array(rows, RAIL)


@compiled_tick
def load_current_a(rail: Any, power_w: float) -> float:
    """Current of a fixed-power load; below half the nominal voltage it acts as a resistor."""
    knee_v = 0.5 * rail.nominal_v
    if rail.voltage_v > knee_v:
        return power_w / rail.voltage_v  # type: ignore[no-any-return]
    return power_w * rail.voltage_v / (knee_v * knee_v)  # type: ignore[no-any-return]


@compiled_tick
def step_rails(rails: NDArray[Any], state: Any, inputs: Any, actuator: Any, head: Any) -> None:
    """Move the rails for one tick, fill their readings into the sensor head, say who has power."""
    sag = clamp(inputs.supply_sag, 0.0, 1.0)
    supplied = 1 if inputs.supply_on == 1.0 and 1.0 - sag >= BROWN_OUT_SHARE else 0
    state.powered[:] = supplied
    for i in range(rails.size):
        rail = rails[i]
        set_v = 0.0
        if supplied == 1:
            set_v = clamp(actuator.rail_set_v[i], 0.0, 1.2 * rail.nominal_v)
        shorted = inputs.rail_short[i] == 1.0
        target_v = 0.0 if shorted else set_v
        if target_v > 0.0:
            target_v += clamp(inputs.rail_offset_v[i], -set_v, rail.nominal_v)
        step_v = rail.share * (target_v - rail.voltage_v)
        rail.voltage_v += step_v
        power_w = rail.idle_w
        if rail.part == HEATERS:
            power_w += state.heater_power_w
        elif rail.part == TEC:
            power_w += abs(state.tec_current_a * state.tec_voltage_v)
        current_a = load_current_a(rail, power_w) + rail.capacitance_f * step_v / TICK_S
        if shorted:
            current_a = set_v / rail.short_ohm
        head.rail_voltage_v[i] = rail.voltage_v
        head.rail_current_a[i] = max(current_a, 0.0)  # a regulator sources only
        if rail.part != NOBODY and rail.voltage_v < GOOD_SHARE * rail.nominal_v:
            state.powered[rail.part] = 0
