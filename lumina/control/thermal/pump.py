"""The TEC as a pump of heat: from watts to amperes, by what the model believes of it.

The carrier's regulator decides how much heat is to leave the carrier; the current that
does it follows from the module's equation. So the gain over current, which falls towards
the optimum current and reverses beyond it, and the warmth of the sink are taken out of the
loop: in watts the plant is the carrier's capacity, the same everywhere.
"""

from typing import Any

from lumina.compiled import compiled_tick
from lumina.theory.peltier import coupled_optimum_a, current_for_heat, peltier_flows
from lumina.theory.thermal_rates import module_of

__all__ = ["most_current_a", "pump_current_a", "pumped_heat_w"]

OPTIMUM_SHARE = 0.95
"""Near its optimum the current hardly pumps: the clamp stays below."""


@compiled_tick
def pumped_heat_w(model: Any, current_a: float, carrier_c: float, sink_c: float) -> float:
    """Heat that a current takes out of the carrier, W."""
    return peltier_flows(module_of(model), current_a, carrier_c, sink_c)[0]


@compiled_tick
def pump_current_a(model: Any, heat_w: float, carrier_c: float, sink_c: float) -> float:
    """Current that takes `heat_w` out of the carrier, A; the optimum where none does."""
    return current_for_heat(module_of(model), heat_w, carrier_c, sink_c)


@compiled_tick
def most_current_a(
    model: Any, limit_a: float, carrier_c: float, inlet_c: float, air_k_per_w: float
) -> float:
    """Largest cooling current that pays once the sink has settled at the present fan, A.

    On the reference plant 20 A on a cold sink, but 4.8 A in still air: beyond, more current
    warms the sink by more than it cools the carrier, and the gain reverses.
    """
    optimum_a = coupled_optimum_a(module_of(model), carrier_c, inlet_c, air_k_per_w)
    return min(limit_a, OPTIMUM_SHARE * optimum_a)
