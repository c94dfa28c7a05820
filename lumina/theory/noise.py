"""Noise by name: every random number is a pure function of (seed, stream, tick, index).

No generator state is carried from tick to tick, so a batch of ticks, single ticks and a
run continued from a checkpoint all see the same noise. The bits are SplitMix64's
finaliser over a counter (Steele, Lea, Flood, OOPSLA 2014); normals come in pairs by
Box-Muller with polynomials in place of libm, so that the loop vectorises.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lumina.compiled import compiled, compiled_fast

__all__ = ["fill_normal", "uniform"]


@compiled
def _mix(word: Any) -> Any:
    """SplitMix64's finaliser: a bijection of 64-bit words that passes BigCrush."""
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


@compiled
def _key(seed: int, stream: int, tick: int) -> Any:
    """Key of one stream in one tick, an unsigned 64-bit word."""
    key = _mix(np.uint64(seed) + np.uint64(0x9E3779B97F4A7C15))
    key = _mix(key ^ (np.uint64(stream) * np.uint64(0xD1B54A32D192ED03)))
    return _mix(key + np.uint64(tick) * np.uint64(0x9E3779B97F4A7C15))


@compiled
def _word(key: Any, index: int) -> Any:
    return _mix(np.uint64(key) + np.uint64(index + 1) * np.uint64(0x9E3779B97F4A7C15))


@compiled
def uniform(seed: int, stream: int, tick: int, index: int) -> float:
    """Uniform number in the open interval (0, 1), with 52 random bits.

    Args:
        seed: seed of the run, 0 or more.
        stream: who draws; different streams are independent.
        tick: when.
        index: which one of the stream's numbers in that tick.
    """
    word = _word(_key(seed, stream, tick), index)
    return (np.float64(np.int64(word >> np.uint64(12))) + 0.5) * 2.0**-52


@compiled
def _log(positive: float) -> float:
    """Natural logarithm to 1e-10 of a positive, normal number."""
    bits = np.float64(positive).view(np.int64)
    exponent = (bits - np.int64(0x3FE6A09E667F3BCD)) >> 52
    mantissa = np.int64(bits - (exponent << 52)).view(np.float64)  # sqrt(1/2) .. sqrt(2)
    f = (mantissa - 1.0) / (mantissa + 1.0)
    g = f * f
    series = 1.0 + g * (1 / 3 + g * (1 / 5 + g * (1 / 7 + g * (1 / 9 + g * (1 / 11)))))
    return 2.0 * f * series + np.float64(exponent) * 0.6931471805599453


@compiled_fast
def _sin(x: float) -> float:
    """Sine to 1e-9 within +-pi/2 (Taylor)."""
    g = x * x
    tail = 1 / 362880 + g * (-1 / 39916800 + g * (1 / 6227020800))
    return x * (1 + g * (-1 / 6 + g * (1 / 120 + g * (-1 / 5040 + g * tail))))


@compiled_fast
def _cos(x: float) -> float:
    """Cosine to 1e-10 within +-pi/2 (Taylor)."""
    g = x * x
    tail = 1 / 40320 + g * (-1 / 3628800 + g * (1 / 479001600 + g * (-1 / 87178291200)))
    return 1 + g * (-1 / 2 + g * (1 / 24 + g * (-1 / 720 + g * tail)))


@compiled_fast
def fill_normal(seed: int, stream: int, tick: int, out: NDArray[np.float64]) -> None:
    """Fill `out` with independent standard normal numbers.

    Args:
        seed: seed of the run, 0 or more.
        stream: who draws; different streams are independent.
        tick: when.
        out: shape (n,), n even. The numbers depend on n: a stream keeps one length.
    """
    key, half = _key(seed, stream, tick), out.size // 2
    for i in range(half):
        word = _word(key, i)
        radial = np.float64(np.int64(word >> np.uint64(32))) + 0.5
        radius = np.sqrt(-2.0 * (_log(radial) - 32.0 * 0.6931471805599453))
        # Half the angle lies in +-pi/2, where the short series hold.
        x = (np.float64(np.int64(word & np.uint64(0xFFFFFFFF))) * 2.0**-32 - 0.5) * np.pi
        sine, cosine = _sin(x), _cos(x)
        out[i] = radius * (2.0 * sine * cosine)
        out[half + i] = radius * (1.0 - 2.0 * sine * sine)
