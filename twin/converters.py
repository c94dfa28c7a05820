"""Converters of the fast path; the bow of their nonlinearity is the heaters' too."""

import numpy as np

from lumina.compiled import compiled_fast

__all__ = ["BOW", "convert", "convert_positive"]

BOW = 1.5 * np.sqrt(3.0)
"""Makes the peak of |x (1 - x^2)| over -1 .. 1 equal to 1."""


@compiled_fast
def convert(value: float, bits: int, inl_lsb: float) -> float:
    """Bipolar converter: what comes out for `value` of full scale.

    A uniform mid-tread quantiser over -1 .. 1 - 1 LSB, clipped, behind the smooth
    third-order bow that dominates the integral nonlinearity of real converters.

    Args:
        value: in units of full scale.
        bits: resolution.
        inl_lsb: peak of the bow, in LSB.
    """
    half = float(1 << (bits - 1))
    inside = min(max(value, -1.0), 1.0)
    bowed = inside * half + inl_lsb * BOW * inside * (1.0 - inside * inside)
    code: float = min(max(np.rint(bowed), -half), half - 1.0)
    return code / half


@compiled_fast
def convert_positive(value: float, bits: int, inl_lsb: float) -> float:
    """Unipolar converter over 0 .. 1, with the same bow about its middle."""
    top = float((1 << bits) - 1)
    inside = min(max(value, 0.0), 1.0)
    x = 2.0 * inside - 1.0
    bowed = inside * top + inl_lsb * BOW * x * (1.0 - x * x)
    code: float = min(max(np.rint(bowed), 0.0), top)
    return code / top
