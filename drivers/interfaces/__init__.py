"""One interface per role that an instrument can play on a bench.

A driver implements the role it plays; callers never learn whether a software twin or a
real instrument answers. Values are floats or numpy arrays in SI units (temperatures in
C, speeds in RPM), with the unit in the name.

Every method that talks to the instrument is a coroutine and may raise
`DeviceConnectionError`, `DeviceTimeoutError` or `ProtocolError`; setters raise
`DeviceRangeError` for a value the instrument does not take and then change nothing.
"""

from drivers.interfaces.base import ComplexArray, FloatArray, Identity, Instrument, Limits
from drivers.interfaces.fan import Fan
from drivers.interfaces.laser import Laser
from drivers.interfaces.optical_power_meter import MeterCorrection, OpticalPowerMeter
from drivers.interfaces.phase_shifter_bank import PhaseShifterBank
from drivers.interfaces.photonic_processor import (
    Detection,
    FrameLink,
    Light,
    PhotonicProcessor,
    ProcessorCapabilities,
    TapLight,
    Taps,
)
from drivers.interfaces.power_supply import PowerSupply
from drivers.interfaces.temperature_controller import TecSample, TemperatureController

__all__ = [
    "ROLES",
    "ComplexArray",
    "Detection",
    "Fan",
    "FloatArray",
    "FrameLink",
    "Identity",
    "Instrument",
    "Laser",
    "Light",
    "Limits",
    "MeterCorrection",
    "OpticalPowerMeter",
    "PhaseShifterBank",
    "PhotonicProcessor",
    "PowerSupply",
    "ProcessorCapabilities",
    "TapLight",
    "Taps",
    "TecSample",
    "TemperatureController",
]

ROLES: dict[str, type[Instrument]] = {
    cls.role: cls
    for cls in (
        TemperatureController,
        PhaseShifterBank,
        OpticalPowerMeter,
        Laser,
        PowerSupply,
        Fan,
        PhotonicProcessor,
    )
}
"""Role name in a lab config -> interface."""
