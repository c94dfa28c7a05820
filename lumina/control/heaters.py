"""Phase shifters: from own phases, corrected for drift, to converter codes.

The own phase psi of a shifter is what its own heater makes: psi = g h, V^2 = h + b h^2
(g in rad/V^2 and b in 1/V^2 come from calibration; b is the heater's resistance rising
with its power). When the die warms by dT the light's phase moves by k dT, so the heater
gives back k dT of its own.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lumina.compiled import compiled, compiled_fast
from lumina.control.records import HeaterArrays, HeaterMode

__all__ = ["drive_heaters", "phase_limit_rad"]

OFF, VOLTAGE, PHASE = int(HeaterMode.OFF), int(HeaterMode.VOLTAGE), int(HeaterMode.PHASE)


def phase_limit_rad(
    gain_rad_per_v2: NDArray[np.float64], curvature_per_v2: NDArray[np.float64], full_scale_v: float
) -> NDArray[np.float64]:
    """Largest own phase of every heater, at full drive. Shape (heaters,), rad."""
    u = full_scale_v**2
    slope = 4.0 * curvature_per_v2 * u
    # h = (sqrt(1 + 4 b u) - 1) / 2b, written so that b = 0 gives h = u.
    limit: NDArray[np.float64] = gain_rad_per_v2 * 2.0 * u / (np.sqrt(1.0 + slope) + 1.0)
    return limit


@compiled_fast
def phase_to_voltage(heaters: HeaterArrays, warming_k: float) -> int:
    """Fill `drive_v` from the own phases, less the drift; returns how many saturate."""
    saturated = 0
    for i in range(heaters.phase_rad.size):
        wanted = heaters.phase_rad[i] - heaters.tempco_rad_per_k[i] * warming_k
        wanted += heaters.dither_rad[i]
        given = min(max(wanted, 0.0), heaters.limit_rad[i])
        saturated += given != wanted
        h = given * heaters.volts2_per_rad[i]
        heaters.drive_v[i] = math.sqrt(h + heaters.curvature_per_v2[i] * h * h)
    return saturated


@compiled_fast
def voltage_to_code(
    drive_v: NDArray[np.float64], code: NDArray[np.uint16], full_scale_v: float, full_code: float
) -> float:
    """Fill the converter codes; returns the sum of squared voltages, V^2."""
    codes_per_v = full_code / full_scale_v
    squares = 0.0
    for i in range(drive_v.size):
        limited = min(max(drive_v[i], 0.0), full_scale_v)
        code[i] = np.uint16(limited * codes_per_v + 0.5)
        squares += limited * limited
    return squares


@compiled
def drive_heaters(parameters: Any, state: Any, heaters: HeaterArrays, code: Any) -> None:
    """Decide every heater's code for this tick; notes heater power and saturation."""
    mode = state.heater_mode
    state.saturated_heaters = 0
    if mode == OFF:
        code[:] = 0
        heaters.drive_v[:] = 0.0
        state.heater_power_w = 0.0
        return
    if mode == PHASE:
        warming_k = 0.0
        if state.compensating == 1:
            warming_k = state.die_estimate_c - parameters.reference_die_c
        state.saturated_heaters = phase_to_voltage(heaters, warming_k)
    else:
        heaters.drive_v[:] = heaters.voltage_v
    squares = voltage_to_code(
        heaters.drive_v, code, parameters.heater_full_scale_v, parameters.heater_full_code
    )
    state.heater_power_w = squares / parameters.model.heater_resistance_ohm
