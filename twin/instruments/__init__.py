"""What stand-alone instruments see of a plant, and do to it.

The twin-backed drivers and the simulated firmware share it: there is one physics.
"""

from twin.instruments._board import board_current_a, emitted_w, stand_by, supply_voltage_v
from twin.instruments._heater_drivers import HeaterLoad, HeaterWires
from twin.instruments._laser import LaserSource
from twin.instruments._makers import DriverErrors
from twin.instruments._noise import reading_noise
from twin.instruments._photodiodes import PhotodiodeAmplifiers
from twin.instruments._power_meters import PhotodiodeHead
from twin.instruments._supplies import SupplyOutput, SupplyOutputs
from twin.instruments._thermal import CARRIER, SINK, take_over_tec, thermistor_c

__all__ = [
    "CARRIER",
    "SINK",
    "DriverErrors",
    "HeaterLoad",
    "HeaterWires",
    "LaserSource",
    "PhotodiodeAmplifiers",
    "PhotodiodeHead",
    "SupplyOutput",
    "SupplyOutputs",
    "board_current_a",
    "emitted_w",
    "reading_noise",
    "stand_by",
    "supply_voltage_v",
    "take_over_tec",
    "thermistor_c",
]
