"""A dither of every heater at once, and what the monitors say to each.

Heater h goes up and down by a code of its own, the Walsh function of number h + 1. Over a
period of 2^k ticks, more than there are heaters, any two codes are orthogonal and each has
mean zero, so what the monitors show, counted with a heater's code, is the answer to that
heater alone. A sensor frame is counted with the codes of the tick whose command acted when
it was sampled: delay on the way does not matter.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lumina.compiled import compiled, compiled_tick

__all__ = [
    "DitherArrays",
    "count_monitors",
    "dither_arrays",
    "dither_heaters",
    "period_of",
    "start_dither",
]

DITHER = np.dtype(
    [
        ("running", "i8"),
        ("first_tick", "i8"),  # whose command carries the first of the codes
        ("length", "i8"),  # ticks in all
        ("counted", "i8"),  # frames counted
        ("amplitude_rad", "f8"),
    ]
)


class DitherArrays(NamedTuple):
    """The dither and what has been counted of it."""

    control: NDArray[Any]
    """Shape (1,), dtype DITHER."""
    sign: NDArray[np.float64]
    """Shape (heaters,): scratch, the codes of one tick."""
    power: NDArray[np.float64]
    """Shape (outputs,): sum of the monitors' codes."""
    product: NDArray[np.float64]
    """Shape (outputs, heaters): sum of the monitors' codes times the heaters'."""


def dither_arrays(outputs: int, heaters: int) -> DitherArrays:
    """A dither at rest."""
    return DitherArrays(
        np.zeros(1, DITHER), np.zeros(heaters), np.zeros(outputs), np.zeros((outputs, heaters))
    )


def period_of(heaters: int) -> int:
    """Ticks after which all codes have passed."""
    return 1 << heaters.bit_length()


@compiled_tick
def fill_signs(sign: NDArray[np.float64], age: int) -> None:
    """Walsh functions 1, 2, 3 ... of one tick: +1 where `code & age` has an even number of ones."""
    for h in range(sign.size):
        ones = (h + 1) & age
        ones ^= ones >> 16
        ones ^= ones >> 8
        ones ^= ones >> 4
        ones ^= ones >> 2
        ones ^= ones >> 1
        sign[h] = 1.0 - 2.0 * (ones & 1)


@compiled
def start_dither(dither: DitherArrays, tick: int, amplitude_rad: float, length: int) -> None:
    """Begin anew with this tick's command."""
    control = dither.control[0]
    control.running, control.first_tick, control.length = 1, tick, length
    control.counted, control.amplitude_rad = 0, amplitude_rad
    dither.power[:] = 0.0
    dither.product[:] = 0.0


@compiled_tick
def dither_heaters(dither: DitherArrays, tick: int, dither_rad: NDArray[np.float64]) -> None:
    """What each heater's own phase is to be moved by in this tick, rad."""
    control = dither.control[0]
    age = tick - control.first_tick
    if control.running == 0 or age >= control.length:
        for h in range(dither_rad.size):
            dither_rad[h] = 0.0
        return
    fill_signs(dither.sign, age)
    for h in range(dither_rad.size):
        dither_rad[h] = control.amplitude_rad * dither.sign[h]


@compiled_tick
def count_monitors(
    dither: DitherArrays, acted_tick: int, detector_code: NDArray[np.uint16]
) -> None:
    """Count one sensor frame; the dither ends with the frame that shows its last tick."""
    control = dither.control[0]
    if control.running == 0:
        return
    age = acted_tick - control.first_tick
    if age >= control.length - 1:
        control.running = 0
    if age < 0 or age >= control.length:
        return
    fill_signs(dither.sign, age)
    for output in range(dither.power.size):
        seen = float(detector_code[output])
        dither.power[output] += seen
        for h in range(dither.sign.size):
            dither.product[output, h] += seen * dither.sign[h]
    control.counted += 1
