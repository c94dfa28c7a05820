"""Drivers that act on a `twin.plant.Plant` in process, one for every role.

All instruments with the same `plant` in a lab config act on one plant, as real ones on
one board do. Their limits are those of the instruments that they stand for.
"""

from drivers.twin.board import PlantLink, TwinProcessor
from drivers.twin.daq import TwinPhotodiodeArray
from drivers.twin.heaters import TwinPhaseShifterBank, TwinSourceMeter
from drivers.twin.light import TwinLaser, TwinMultiportMeter, TwinPowerMeter
from drivers.twin.power import TwinFourChannelSupply, TwinPowerSupply
from drivers.twin.thermal import TwinFan, TwinTemperatureController, TwinThermostat

__all__ = [
    "PlantLink",
    "TwinFan",
    "TwinFourChannelSupply",
    "TwinLaser",
    "TwinMultiportMeter",
    "TwinPhaseShifterBank",
    "TwinPhotodiodeArray",
    "TwinPowerMeter",
    "TwinPowerSupply",
    "TwinProcessor",
    "TwinSourceMeter",
    "TwinTemperatureController",
    "TwinThermostat",
]
