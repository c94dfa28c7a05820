"""A stand-alone heater driver on the twin, in place of the board's own converters."""

import numpy as np

from drivers.interfaces import FloatArray, Limits, PhaseShifterBank
from drivers.options import PhaseShifterBankOptions
from drivers.ranges import check_range
from drivers.registry import Mounting
from drivers.twin.base import TwinInstrument
from lumina.errors import DeviceRangeError
from twin.records import INSTRUMENT

__all__ = ["TwinPhaseShifterBank"]


class TwinPhaseShifterBank(TwinInstrument, PhaseShifterBank):
    """A chain of Qontrol Q8iv modules on the chip's heaters, channel 0 on heater 0.

    Channels beyond the chip's heaters are open: they take a voltage and carry no current.
    """

    manufacturer = "Qontrol"
    model = "Q8iv"

    FULL_SCALE_V = 12.0
    STEPS = 65535
    """A 16-bit converter over full scale."""

    def __init__(self, mounting: Mounting) -> None:
        super().__init__(mounting)
        options: PhaseShifterBankOptions = mounting.options
        heater = self._plant.config.chip.heater
        self._drive_v = np.zeros(options.channels)
        self._max_drive_v = min(options.max_drive_v, heater.max_drive_v)
        self._wired = min(options.channels, self._plant.architecture.shifters)
        self._write("heater_source", INSTRUMENT)

    @property
    def channels(self) -> int:
        return self._drive_v.size

    def drive_limits_v(self) -> Limits:
        return Limits(0.0, self._max_drive_v)

    async def set_drive_v(self, drive_v: FloatArray) -> None:
        wanted_v = np.asarray(drive_v, dtype=float)
        if wanted_v.shape != (self.channels,):
            raise DeviceRangeError(
                self.name, f"drive of shape {wanted_v.shape}", f"shape ({self.channels},)"
            )
        limits = self.drive_limits_v()
        for value_v in (wanted_v.min(), wanted_v.max()):  # of a NaN, both are NaN
            check_range(self.name, "drive", float(value_v), limits, "V")
        await self._exchange()
        step_v = self.FULL_SCALE_V / self.STEPS
        self._apply(np.minimum(np.round(wanted_v / step_v) * step_v, self._max_drive_v))

    async def read_drive_v(self) -> FloatArray:
        await self._exchange()
        return self._drive_v.copy()

    async def read_current_a(self) -> FloatArray:
        await self._exchange()
        current_a = np.zeros(self.channels)
        current_a[: self._wired] = self._plant.heater_current_a()[: self._wired]
        return current_a

    async def make_safe(self) -> None:
        self._apply(np.zeros(self.channels))

    def _apply(self, drive_v: FloatArray) -> None:
        self._drive_v = drive_v
        self._plant.heater_v[: self._wired] = drive_v[: self._wired]
