"""Heat and voltage of a thermoelectric cooler (TEC).

    absorbed  Q_c = S I T_c - I^2 R / 2 - K (T_h - T_c)      at the cold side
    released  Q_h = S I T_h + I^2 R / 2 - K (T_h - T_c)      at the hot side
    voltage   V   = S (T_h - T_c) + I R                      so Q_h - Q_c = V I exactly

S, R and K may vary with the mean temperature of the two sides. Positive current cools.
Q_c grows with the current up to S T_c / R and falls beyond it.
"""

import math
from typing import NamedTuple

from lumina.compiled import compiled_tick
from lumina.theory.thermistor import KELVIN

__all__ = ["PeltierParameters", "current_for_heat", "optimum_current_a", "peltier_flows"]


class PeltierParameters(NamedTuple):
    """A TEC at its reference temperature, and how it varies about it."""

    seebeck_v_per_k: float
    resistance_ohm: float
    conductance_w_per_k: float
    seebeck_tempco_per_k: float = 0.0
    resistance_tempco_per_k: float = 0.0
    conductance_tempco_per_k: float = 0.0
    reference_c: float = 25.0
    """Mean temperature at which the first three hold, in C."""

    @classmethod
    def from_datasheet(
        cls,
        current_max_a: float,
        voltage_max_v: float,
        delta_max_k: float,
        hot_side_c: float = 25.0,
    ) -> "PeltierParameters":
        """Parameters from the three maxima that every data sheet lists.

        S = U / T_h, R = U (T_h - dT) / (I T_h), K = U I (T_h - dT) / (2 T_h dT).

        Args:
            current_max_a: current at the largest temperature difference, in A.
            voltage_max_v: voltage there, in V.
            delta_max_k: largest temperature difference, without load, in K.
            hot_side_c: hot side temperature of the data sheet, in C.
        """
        hot_k = hot_side_c + KELVIN
        cold_share = (hot_k - delta_max_k) / hot_k
        return cls(
            seebeck_v_per_k=voltage_max_v / hot_k,
            resistance_ohm=voltage_max_v / current_max_a * cold_share,
            conductance_w_per_k=voltage_max_v * current_max_a * cold_share / (2.0 * delta_max_k),
        )


@compiled_tick
def at_mean(tec: PeltierParameters, cold_c: float, hot_c: float) -> tuple[float, float, float]:
    """S (V/K), R (ohm) and K (W/K) at the mean temperature of the two sides."""
    away_k = 0.5 * (cold_c + hot_c) - tec.reference_c
    return (
        tec.seebeck_v_per_k * (1.0 + tec.seebeck_tempco_per_k * away_k),
        tec.resistance_ohm * (1.0 + tec.resistance_tempco_per_k * away_k),
        tec.conductance_w_per_k * (1.0 + tec.conductance_tempco_per_k * away_k),
    )


@compiled_tick
def optimum_current_a(tec: PeltierParameters, cold_c: float, hot_c: float) -> float:
    """Current that absorbs most between two given temperatures, A."""
    seebeck, resistance, _ = at_mean(tec, cold_c, hot_c)
    return seebeck * (cold_c + KELVIN) / resistance


@compiled_tick
def current_for_heat(
    tec: PeltierParameters, absorbed_w: float, cold_c: float, hot_c: float
) -> float:
    """Current that absorbs `absorbed_w` at the cold side, A; the optimum where none does.

    The smaller root of I^2 R / 2 - S T_c I + Q_c + K dT = 0, written so that nothing
    cancels at small currents.
    """
    seebeck, resistance, conductance = at_mean(tec, cold_c, hot_c)
    pull = seebeck * (cold_c + KELVIN)
    moved_w = absorbed_w + conductance * (hot_c - cold_c)
    inside = pull * pull - 2.0 * resistance * moved_w
    if inside <= 0.0:
        return pull / resistance
    return 2.0 * moved_w / (pull + math.sqrt(inside))


@compiled_tick
def short_circuit_a(tec: PeltierParameters, cold_c: float, hot_c: float) -> float:
    """Current of a shorted module, in A: V = 0, so I = -S dT / R, which heats the cold side."""
    seebeck, resistance, _ = at_mean(tec, cold_c, hot_c)
    return -seebeck * (hot_c - cold_c) / resistance


@compiled_tick
def peltier_flows(
    tec: PeltierParameters, current_a: float, cold_c: float, hot_c: float
) -> tuple[float, float, float]:
    """Heat absorbed at the cold side (W), heat released at the hot side (W), voltage (V)."""
    seebeck, resistance, conductance = at_mean(tec, cold_c, hot_c)
    delta_k = hot_c - cold_c
    joule = 0.5 * current_a * current_a * resistance
    back = conductance * delta_k
    absorbed = seebeck * current_a * (cold_c + KELVIN) - joule - back
    released = seebeck * current_a * (hot_c + KELVIN) + joule - back
    return absorbed, released, seebeck * delta_k + current_a * resistance
