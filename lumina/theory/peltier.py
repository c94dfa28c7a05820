"""Heat and voltage of a thermoelectric cooler (TEC).

    absorbed  Q_c = S I T_c - I^2 R / 2 - K (T_h - T_c)      at the cold side
    released  Q_h = S I T_h + I^2 R / 2 - K (T_h - T_c)      at the hot side
    voltage   V   = S (T_h - T_c) + I R                      so Q_h - Q_c = V I exactly

S, R and K may vary with the mean temperature of the two sides. Positive current cools.
Q_c grows with the current up to S T_c / R and falls beyond it. On a heat sink the optimum
comes sooner, because the hot side warms with the current: it settles where

    T_h - T_air = R_air Q_h,  so  T_h = (T_air + R_air (I^2 R / 2 + K T_c)) / (1 + R_air (K - S I))

in kelvin, with R_air the thermal resistance from hot side to air.
"""

import math
from typing import NamedTuple

from lumina.compiled import compiled_tick
from lumina.theory.thermistor import KELVIN

__all__ = [
    "PeltierParameters",
    "coupled_optimum_a",
    "current_for_heat",
    "current_for_heat_on_sink",
    "optimum_current_a",
    "peltier_flows",
    "settled_hot_side_c",
]

BISECTIONS = 20
"""Of a range of current of some 10 A: to 10 uA."""


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
def settled_hot_side_c(
    tec: PeltierParameters, current_a: float, cold_c: float, air_c: float, air_k_per_w: float
) -> float:
    """Hot side that a current settles at on a sink in air, C; infinite where it never does.

    Uses S, R and K of the reference temperature.
    """
    conductance = tec.conductance_w_per_k
    loose = 1.0 + air_k_per_w * (conductance - tec.seebeck_v_per_k * current_a)
    if loose <= 0.0:
        return math.inf
    joule_w = 0.5 * current_a * current_a * tec.resistance_ohm
    heated_k = air_c + KELVIN + air_k_per_w * (joule_w + conductance * (cold_c + KELVIN))
    return heated_k / loose - KELVIN


@compiled_tick
def heat_on_sink_w(
    tec: PeltierParameters, current_a: float, cold_c: float, air_c: float, air_k_per_w: float
) -> float:
    """Heat absorbed once the hot side has settled, W."""
    hot_c = settled_hot_side_c(tec, current_a, cold_c, air_c, air_k_per_w)
    joule_w = 0.5 * current_a * current_a * tec.resistance_ohm
    pull_w = tec.seebeck_v_per_k * current_a * (cold_c + KELVIN)
    return pull_w - joule_w - tec.conductance_w_per_k * (hot_c - cold_c)


@compiled_tick
def coupled_optimum_a(
    tec: PeltierParameters, cold_c: float, air_c: float, air_k_per_w: float
) -> float:
    """Current that absorbs most once the hot side has settled on its sink, A.

    dQ_c/dI = S T_c - R I - K dT_h/dI falls with I; its zero is found by halving.
    """
    seebeck, resistance = tec.seebeck_v_per_k, tec.resistance_ohm
    pull, conductance = seebeck * (cold_c + KELVIN), tec.conductance_w_per_k
    low_a, high_a = 0.0, pull / resistance
    for _ in range(BISECTIONS):
        middle_a = 0.5 * (low_a + high_a)
        hot_c = settled_hot_side_c(tec, middle_a, cold_c, air_c, air_k_per_w)
        loose = 1.0 + air_k_per_w * (conductance - seebeck * middle_a)
        warming = air_k_per_w * (resistance * middle_a + seebeck * (hot_c + KELVIN)) / loose
        if loose > 0.0 and pull - resistance * middle_a > conductance * warming:
            low_a = middle_a
        else:
            high_a = middle_a
    return low_a


@compiled_tick
def current_for_heat_on_sink(
    tec: PeltierParameters,
    absorbed_w: float,
    cold_c: float,
    air_c: float,
    air_k_per_w: float,
    low_a: float,
    high_a: float,
) -> float:
    """Current that absorbs `absorbed_w` once the hot side has settled, A.

    Sought in low .. high, where `high_a` is at most the coupled optimum; `high_a` where it
    does not suffice.
    """
    for _ in range(BISECTIONS):
        middle_a = 0.5 * (low_a + high_a)
        if heat_on_sink_w(tec, middle_a, cold_c, air_c, air_k_per_w) < absorbed_w:
            low_a = middle_a
        else:
            high_a = middle_a
    return high_a


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
