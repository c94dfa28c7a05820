"""NTC thermistors read by a ratiometric divider.

The thermistor is the lower arm of a divider from the converter's own reference, so the
code depends on resistances alone:

    code = full scale x R / (R + R_reference)

Resistance follows Steinhart and Hart, 1/T = a + b ln R + c (ln R)^3 (Deep Sea Research 15,
497, 1968); the beta law R = R25 exp(beta (1/T - 1/298.15 K)) is the case c = 0. An open
thermistor reads full scale, a shorted one 0; neither is a temperature: both read as NaN.
"""

from typing import NamedTuple

import numpy as np

from lumina.compiled import compiled
from lumina.frames import OPEN_CODE, THERMISTOR_FULL_SCALE

__all__ = [
    "KELVIN",
    "ThermistorLaw",
    "code_from_resistance",
    "code_from_temperature",
    "resistance_from_code",
    "temperature_from_code",
    "thermistor_c",
    "thermistor_ohm",
]

KELVIN = 273.15
"""0 C in K."""

NOMINAL_K = 298.15
"""Temperature at which a thermistor's nominal resistance holds, in K."""


class ThermistorLaw(NamedTuple):
    """Steinhart-Hart coefficients of one thermistor."""

    a: float
    """Constant term, in 1/K."""
    b: float
    """Coefficient of ln(R / ohm), in 1/K."""
    c: float
    """Coefficient of ln(R / ohm)^3, in 1/K; 0 for the beta law."""

    @classmethod
    def from_beta(cls, nominal_ohm: float, beta_k: float) -> "ThermistorLaw":
        """The beta law from the resistance at 25 C (ohm) and beta (K)."""
        return cls(1.0 / NOMINAL_K - float(np.log(nominal_ohm)) / beta_k, 1.0 / beta_k, 0.0)


@compiled
def thermistor_ohm(law: ThermistorLaw, temperature_c: float) -> float:
    """Resistance at a temperature in C, in ohm: the real root of the cubic in ln R."""
    inverse = 1.0 / (temperature_c + KELVIN) - law.a
    if law.c == 0.0:
        return np.exp(inverse / law.b)  # type: ignore[no-any-return]
    half = 0.5 * inverse / law.c
    third = law.b / (3.0 * law.c)
    root = np.sqrt(half * half + third * third * third)
    return np.exp(np.cbrt(root + half) - np.cbrt(root - half))  # type: ignore[no-any-return]


@compiled
def code_from_resistance(resistance_ohm: float, reference_ohm: float) -> int:
    """Converter code of a thermistor under a reference resistor, 0 .. THERMISTOR_FULL_SCALE."""
    share = resistance_ohm / (resistance_ohm + reference_ohm)
    return np.int64(share * THERMISTOR_FULL_SCALE + 0.5)  # type: ignore[return-value]


@compiled
def code_from_temperature(
    temperature_c: float, nominal_ohm: float, beta_k: float, reference_ohm: float
) -> int:
    """Converter code of a sound beta-law thermistor at a temperature in C."""
    exponent = beta_k * (1.0 / (temperature_c + KELVIN) - 1.0 / NOMINAL_K)
    return code_from_resistance(nominal_ohm * np.exp(exponent), reference_ohm)


@compiled
def thermistor_c(law: ThermistorLaw, resistance_ohm: float) -> float:
    """Temperature of a resistance in ohm, in C."""
    log = np.log(resistance_ohm)
    return 1.0 / (law.a + log * (law.b + law.c * log * log)) - KELVIN  # type: ignore[no-any-return]


@compiled
def resistance_from_code(code: int, reference_ohm: float) -> float:
    """Resistance under a reference resistor, both in ohm; NaN for an open or a short.

    Args:
        code: converter code, 0 .. THERMISTOR_FULL_SCALE.
        reference_ohm: upper arm of the divider, in ohm.
    """
    if code <= 0 or code >= OPEN_CODE:
        return np.nan
    return reference_ohm * code / np.float64(THERMISTOR_FULL_SCALE - code)


@compiled
def temperature_from_code(
    code: int, nominal_ohm: float, beta_k: float, reference_ohm: float
) -> float:
    """Temperature of a converter code by the beta law, in C; NaN for an open or a short.

    Args:
        code: converter code, 0 .. THERMISTOR_FULL_SCALE.
        nominal_ohm: resistance at 25 C, in ohm.
        beta_k: beta, in K.
        reference_ohm: upper arm of the divider, in ohm.
    """
    law = ThermistorLaw(1.0 / NOMINAL_K - np.log(nominal_ohm) / beta_k, 1.0 / beta_k, 0.0)
    return thermistor_c(law, resistance_from_code(code, reference_ohm))
