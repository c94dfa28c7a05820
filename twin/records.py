"""What stands between the parts of the plant: inputs from outside, and its own state.

Both are single records. Inputs are written from Python at any time, one aligned word at
a time; a tick sees the old word or the new one. A word that is not a number counts as 0.
"""

import numpy as np

from lumina.compiled import compiled_tick
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
    "TEC",
    "TICK_S",
    "clamp",
]

TICK_S = 0.001
"""Length of a tick, in s."""

SENSORS = 4
"""Thermistors of a board, in the order carrier_a, carrier_b, die, sink."""

BOARD, INSTRUMENT = 0.0, 1.0
"""Values of the `*_source` words: who commands the part."""

SENSOR_SOUND, SENSOR_OPEN, SENSOR_SHORTED = 0.0, 1.0, 2.0
"""Values of the `sensor_fault` words."""

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
        ("fan_stall", "f8"),
        ("sensor_fault", "f8", (SENSORS,)),
        ("rail_short", "f8", (MAX_RAILS,)),
        ("rail_offset_v", "f8", (MAX_RAILS,)),
    ]
)

PLANT_STATE = np.dtype(
    [
        ("tick", "i8"),
        ("underway", "i8"),  # 1 inside a tick: what is copied then is half old, half new
        ("seed", "i8"),
        ("operations", "i8"),  # multiplications so far, names their noise
        ("powered", "i8", (4,)),  # by LASER, HEATERS, DETECTORS, TEC
        ("tec_current_a", "f8"),
        ("tec_voltage_v", "f8"),
        ("regulator_a", "f8"),  # integral term
        ("fan_rpm", "f8"),
        ("heater_power_w", "f8"),  # of all heaters
        ("compute_power_w", "f8"),
        ("chip_power_w", "f8"),  # light behind the board's attenuator
    ]
)


@compiled_tick
def clamp(value: float, low: float, high: float) -> float:
    """Limit to low .. high; what is not a number becomes 0, then is limited."""
    if value != value:  # noqa: PLR0124 - NaN is the one value that differs from itself
        value = 0.0
    return min(max(value, low), high)
