"""Platinum resistance thermometers (RTD: PT100, PT1000).

Resistance follows Callendar and Van Dusen (IEC 60751:2022),

    R = R0 (1 + A t + B t^2)                        at 0 .. 850 C
    R = R0 (1 + A t + B t^2 + C (t - 100) t^3)      at -200 .. 0 C

with t in C. Above 0 C the temperature is the root of a quadratic; below, two steps of
Newton's rule from there are exact to 1 mK.
"""

import math

from lumina.compiled import compiled

__all__ = ["RTD_A", "RTD_B", "RTD_C", "rtd_c", "rtd_ohm"]

RTD_A, RTD_B, RTD_C = 3.9083e-3, -5.775e-7, -4.183e-12
"""Coefficients of IEC 60751, in 1/K, 1/K^2 and 1/K^4."""

NEWTON_STEPS = 3


@compiled
def rtd_ohm(nominal_ohm: float, temperature_c: float) -> float:
    """Resistance of an RTD, ohm, from its resistance at 0 C (ohm) and its temperature (C)."""
    t = temperature_c
    relative = 1.0 + t * (RTD_A + t * RTD_B)
    if t < 0.0:
        relative += RTD_C * (t - 100.0) * t * t * t
    return nominal_ohm * relative


@compiled
def rtd_c(nominal_ohm: float, resistance_ohm: float) -> float:
    """Temperature of an RTD, C; NaN for a resistance that none has."""
    excess = resistance_ohm / nominal_ohm - 1.0
    inside = RTD_A * RTD_A + 4.0 * RTD_B * excess
    if inside < 0.0:
        return math.nan
    t = 2.0 * excess / (RTD_A + math.sqrt(inside))
    if t < 0.0:
        for _ in range(NEWTON_STEPS):
            slope = RTD_A + 2.0 * RTD_B * t + RTD_C * (4.0 * t - 300.0) * t * t
            t -= (rtd_ohm(1.0, t) - 1.0 - excess) / slope
    return t
