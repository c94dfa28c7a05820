"""The two records that pass between the 1 kHz loop and a photonic board.

A *sensor frame* comes in every millisecond, an *actuator frame* goes out. The twin,
a simulated board and a real board fill and take the same two; the control step sees
nothing else. A frame is a fixed header (a packed little-endian record, so its bytes
are its wire layout) and one array whose length is the board's channel count.

    sensor frame    host <- board    header, detector codes (one per output port)
    actuator frame  host -> board    header, heater codes (one per phase shifter)

Codes are raw converter codes; everything else is SI in float32.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ACTUATOR_HEADER",
    "HEATERS_ENABLED",
    "HELD_SAFE",
    "LOCKED_OUT",
    "MAX_RAILS",
    "OPEN_CODE",
    "SAFE_STATE",
    "SENSOR_HEADER",
    "TEC_ENABLED",
    "THERMISTOR_BITS",
    "THERMISTOR_FULL_SCALE",
    "ActuatorFrame",
    "SensorFrame",
]

MAX_RAILS = 8
"""Power rails of one board."""

THERMISTOR_BITS = 24
"""Resolution of the thermistor converters (sigma-delta, ratiometric)."""

THERMISTOR_FULL_SCALE = (1 << THERMISTOR_BITS) - 1
"""Code at which the divider voltage equals its reference."""

OPEN_CODE = THERMISTOR_FULL_SCALE
"""Code of an open thermistor: the divider floats to its reference."""

SENSOR_HEADER = np.dtype(
    [
        ("tick", "<i8"),  # board tick, 1 per millisecond
        ("time_ns", "<i8"),  # board time of the sample
        ("acted_tick", "<i8"),  # the tick that the actuator frame in force answered
        ("epoch", "<u4"),  # another number after each time the board went safe by itself
        ("flags", "<u4"),  # HELD_SAFE | LOCKED_OUT
        ("carrier_a_code", "<u4"),  # thermistor codes, 0 .. THERMISTOR_FULL_SCALE
        ("carrier_b_code", "<u4"),
        ("die_code", "<u4"),
        ("sink_code", "<u4"),
        ("tec_current_a", "<f4"),  # positive cools the carrier
        ("tec_voltage_v", "<f4"),
        ("fan_rpm", "<f4"),  # tachometer
        ("compute_power_w", "<f4"),  # electrical power of the compute load, as metered
        ("laser_power_w", "<f4"),  # monitor photodiode at the chip's input
        ("inlet_c", "<f4"),  # air temperature at the fan's inlet
        ("rail_voltage_v", "<f4", (MAX_RAILS,)),
        ("rail_current_a", "<f4", (MAX_RAILS,)),
    ]
)

HELD_SAFE = 1 << 0
"""Sensor flag: laser blanked, heaters and TEC off, by command or by the board's watchdog."""

LOCKED_OUT = 1 << 1
"""Sensor flag: rails are off and stay off until an actuator frame asks for none. So it is
after power-up, a reset, or a second without a host: no board is powered by an old command."""

HEATERS_ENABLED = 1 << 0
TEC_ENABLED = 1 << 1
SAFE_STATE = 1 << 2
"""Actuator flag: laser blanked, heaters and TEC off, whatever the other fields say."""

ACTUATOR_HEADER = np.dtype(
    [
        ("tick", "<i8"),  # the sensor tick that this frame answers
        ("flags", "<u4"),  # HEATERS_ENABLED | TEC_ENABLED | SAFE_STATE
        ("tec_current_a", "<f4"),  # positive cools the carrier
        ("fan_rpm", "<f4"),  # commanded speed, 0 .. 4000
        ("laser_scale", "<f4"),  # 0 dark .. 1 full: the board's optical attenuator
        ("compute_scale", "<f4"),  # 0 .. 1: the share of its compute load a board may run
        ("reserved", "<f4"),
        ("rail_set_v", "<f4", (MAX_RAILS,)),  # 0 is off
    ]
)


class SensorFrame(NamedTuple):
    """What the board measured in one tick."""

    head: NDArray[Any]
    """Shape (1,), dtype SENSOR_HEADER."""
    detector_code: NDArray[np.uint16]
    """Shape (outputs,): monitor photodiode codes, one per output port."""

    @classmethod
    def zeros(cls, outputs: int) -> "SensorFrame":
        """A frame of zeros for a board with that many output ports."""
        return cls(np.zeros(1, SENSOR_HEADER), np.zeros(outputs, np.uint16))


class ActuatorFrame(NamedTuple):
    """What the board is to do from the next tick on. All zeros is the safe state."""

    head: NDArray[Any]
    """Shape (1,), dtype ACTUATOR_HEADER."""
    heater_code: NDArray[np.uint16]
    """Shape (heaters,): DAC codes, 0 is off."""

    @classmethod
    def zeros(cls, heaters: int) -> "ActuatorFrame":
        """The safe frame for a board with that many heaters."""
        return cls(np.zeros(1, ACTUATOR_HEADER), np.zeros(heaters, np.uint16))
