"""The drive law of a thermo-optic phase shifter: volts to watts to phase, and back.

A heater warms itself, so its resistance grows with its own power: R = R0 (1 + f P) with
f = alpha R_th (1/W). P = V^2 / R then gives

    P = (-1 + sqrt(1 + 4 f V^2 / R0)) / (2 f)        and        V^2 / R0 = P + f P^2

Both directions are written once, as `self_heated` and its inverse, on any pair of units
in which the square of the drive and the feedback multiply to a pure number.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lumina.compiled import compiled

__all__ = ["drive_for_power_v", "heater_power_w", "self_heated", "without_self_heating"]

Value = TypeVar("Value", float, NDArray[np.float64])


@compiled
def self_heated(square: Value, feedback: Value) -> Value:
    """h of u = h + b h^2, for u >= 0 and b >= 0; arrays or floats.

    Written so that it stays exact as the feedback b goes to zero.
    """
    heated: Value = 2.0 * square / (1.0 + np.sqrt(1.0 + 4.0 * feedback * square))
    return heated


@compiled
def without_self_heating(heated: Value, feedback: Value) -> Value:
    """The inverse of `self_heated`: u = h + b h^2."""
    return heated + feedback * heated * heated


@compiled
def heater_power_w(drive_v: Value, resistance_ohm: Value, feedback_per_w: Value) -> Value:
    """Power of a heater, in W.

    Args:
        drive_v: drive voltage, in V.
        resistance_ohm: cold resistance R0, in ohm.
        feedback_per_w: alpha R_th, relative growth of the resistance per watt, in 1/W.
    """
    return self_heated(drive_v * drive_v / resistance_ohm, feedback_per_w)


@compiled
def drive_for_power_v(power_w: Value, resistance_ohm: Value, feedback_per_w: Value) -> Value:
    """Drive voltage that gives a power of 0 or more, in V: the inverse of `heater_power_w`."""
    drive_v: Value = np.sqrt(resistance_ohm * without_self_heating(power_w, feedback_per_w))
    return drive_v
