"""What stands between the parts of the plant: inputs from outside, and its own state.

Both are single records. Inputs are written from Python at any time, one aligned word at
a time; a tick sees the old word or the new one. A word that is not a number counts as 0.
The words of faults are 0 in a healthy plant.
"""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lumina.compiled import compiled_tick
from lumina.errors import UsageError
from lumina.frames import MAX_RAILS

__all__ = [
    "BOARD",
    "DETECTORS",
    "HEATERS",
    "INSTRUMENT",
    "LASER",
    "PLANT_INPUTS",
    "PLANT_STATE",
    "SENSORS",
    "SENSOR_OPEN",
    "SENSOR_SHORTED",
    "SENSOR_SOUND",
    "SENSOR_STUCK",
    "TEC",
    "TEC_OPEN",
    "TEC_REVERSED",
    "TEC_SHORTED",
    "TEC_SOUND",
    "TICK_S",
    "clamp",
    "write_input",
]

TICK_S = 0.001
"""Length of a tick, in s."""

SENSORS = 4
"""Thermistors of a board, in the order carrier_a, carrier_b, die, sink."""

BOARD, INSTRUMENT = 0.0, 1.0
"""Values of the `*_source` words: who commands the part."""

SENSOR_SOUND, SENSOR_OPEN, SENSOR_SHORTED, SENSOR_STUCK = 0.0, 1.0, 2.0, 3.0
"""Values of the `sensor_fault` words."""

TEC_SOUND, TEC_OPEN, TEC_SHORTED, TEC_REVERSED = 0.0, 1.0, 2.0, 3.0
"""Values of the `tec_fault` word."""

LASER, HEATERS, DETECTORS, TEC = 0, 1, 2, 3
"""Parts that a rail can power: index into `PLANT_STATE.powered`."""

PLANT_INPUTS = np.dtype(
    [
        ("ambient_c", "f8"),
        ("compute_power_w", "f8"),  # wanted load; the board runs compute_scale of it
        ("laser_on", "f8"),
        ("laser_power_w", "f8"),
        ("laser_wavelength_m", "f8"),
        ("supply_on", "f8"),  # bench supply of the board's rails
        # Stand-alone instruments in place of the board's own drivers.
        ("tec_source", "f8"),
        ("instrument_tec_on", "f8"),
        ("instrument_tec_a", "f8"),  # fixed current, positive cools
        ("regulator_on", "f8"),  # regulate to the target instead
        ("regulator_target_c", "f8"),
        ("regulator_limit_a", "f8"),
        ("fan_source", "f8"),
        ("instrument_fan_rpm", "f8"),
        ("heater_source", "f8"),  # voltages in PlantArrays.instrument_heater_v
        # Faults.
        ("sensor_fault", "f8", (SENSORS,)),
        ("sensor_drift_k_per_s", "f8", (SENSORS,)),  # grows from 0 while it is not 0
        ("sensor_noise_k", "f8", (SENSORS,)),  # rms, beside the sensor's own
        ("tec_fault", "f8"),
        ("fan_stall", "f8"),
        ("fan_drag", "f8"),  # share of the commanded speed that is not reached
        ("die_heat_w", "f8"),  # of a leak that no meter sees; it needs a part with power
        ("carrier_heat_w", "f8"),  # from outside
        ("ambient_step_k", "f8"),
        ("heater_open", "f8"),  # 1 + the channel
        ("heater_short", "f8"),  # 1 + the channel
        ("laser_hop_m", "f8"),  # off the wavelength that is set
        ("laser_dip", "f8"),  # share of the power that is missing
        ("stray_light_w", "f8"),  # on every detector, as if it came from its output port
        ("rail_short", "f8", (MAX_RAILS,)),
        ("rail_offset_v", "f8", (MAX_RAILS,)),
        ("supply_sag", "f8"),  # share of the bench supply's voltage that is missing
        ("meter_loss", "f8"),  # share of the metered compute power that is missing
    ]
)

INPUT_NAME = re.compile(r"(\w+)(?:\[(\d+)\])?")

PLANT_STATE = np.dtype(
    [
        ("tick", "i8"),
        ("underway", "i8"),  # 1 inside a tick: what is copied then is half old, half new
        ("seed", "i8"),
        ("acted_tick", "i8"),  # the tick that the actuator frame in force answered
        ("epoch", "i8"),  # written by the board's firmware, as the next
        ("locked_out", "i8"),
        ("flags", "i8"),  # of the sensor frame
        ("operations", "i8"),  # multiplications so far, names their noise
        ("powered", "i8", (4,)),  # by LASER, HEATERS, DETECTORS, TEC
        ("tec_current_a", "f8"),
        ("tec_voltage_v", "f8"),
        ("regulator_a", "f8"),  # integral term
        ("fan_rpm", "f8"),
        ("heater_power_w", "f8"),  # of all heaters
        ("compute_power_w", "f8"),
        ("chip_power_w", "f8"),  # light behind the board's attenuator
        ("laser_drift", "f8"),  # the laser's power relative to what it was set to
    ]
)


def write_input(inputs: NDArray[Any], name: str, value: float) -> None:
    """Write one word of the inputs.

    Args:
        inputs: shape (1,), dtype PLANT_INPUTS.
        name: of the word; "name[index]" where there are several.
        value: what it is from the next tick on.

    Raises:
        UsageError: there is no such word.
    """
    parts = INPUT_NAME.fullmatch(name)
    word, index = parts.groups() if parts else (name, None)
    known = PLANT_INPUTS.names or ()
    if word not in known:
        raise UsageError(f"a plant has no input {word} (known: {', '.join(known)})")
    size = PLANT_INPUTS[word].shape
    if not size and index is None:
        inputs[word] = value
    elif size and index is not None and int(index) < size[0]:
        inputs[word][0, int(index)] = value
    else:
        allowed = f"{word}[0] .. {word}[{size[0] - 1}]" if size else word
        raise UsageError(f"a plant has no input {name} (known: {allowed})")


@compiled_tick
def clamp(value: float, low: float, high: float) -> float:
    """Limit to low .. high; what is not a number becomes 0, then is limited."""
    if value != value:  # noqa: PLR0124 - NaN is the one value that differs from itself
        value = 0.0
    return min(max(value, low), high)
