"""A photonic processor as the runtime sees it: one board, its 1 kHz loop, its calibration.

    uninitialised -> initialising -> ready <-> busy
                          |            |
                          v            v
                        error     thermal limit (the guard refuses work)
    any -> shutdown

The device is what engines compute on (`load`, `multiply`) and what a calibration measures
(`set_drive_v`, `measure_transfer`, `set_carrier_c`). Both go through the board's driver
and the loop's mailbox: a twin and a real board are reached by the same calls.
"""

from lumina.runtime.device.board import Board
from lumina.runtime.device.device import PhotonicDevice
from lumina.runtime.device.regulated import Regulated
from lumina.runtime.device.settling import LockCriterion, Settling
from lumina.runtime.device.state import Counters, DeviceState

__all__ = [
    "Board",
    "Counters",
    "DeviceState",
    "LockCriterion",
    "PhotonicDevice",
    "Regulated",
    "Settling",
]
