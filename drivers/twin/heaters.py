"""Stand-alone heater drivers on the twin, in place of the board's own converters."""

import numpy as np

from drivers.data_sheets import Q8IV_FULL_SCALE_V
from drivers.interfaces import FloatArray, Limits, PhaseShifterBank
from drivers.options import Keithley2450Options, PhaseShifterBankOptions
from drivers.ranges import check_drive
from drivers.registry import Mounting
from drivers.twin.base import TwinInstrument
from twin.config_instruments import HeaterDriverConfig
from twin.instruments import HeaterLoad, HeaterWires

__all__ = ["TwinPhaseShifterBank", "TwinSourceMeter"]


class TwinPhaseShifterBank(TwinInstrument, PhaseShifterBank):
    """A chain of Qontrol Q8iv modules on the chip's heaters.

    Channels beyond the chip's heaters are open: they take a voltage and carry no current.
    """

    manufacturer = "Qontrol"
    model = "Q8iv"

    STEPS = 65535
    """A 16-bit converter over full scale."""

    def __init__(self, mounting: Mounting) -> None:
        super().__init__(mounting)
        options: PhaseShifterBankOptions = mounting.options
        self._max_drive_v = options.max_drive_v
        self._wires = HeaterWires(
            self._plant, self.name, self._sheet(), options.first_heater, options.channels
        )

    def _sheet(self) -> HeaterDriverConfig:
        """What its type allows."""
        return self._plant.config.instruments.heater_drivers

    @property
    def channels(self) -> int:
        return self._wires.outputs

    def drive_limits_v(self) -> Limits:
        return Limits(0.0, self._max_drive_v)

    async def set_drive_v(self, drive_v: FloatArray) -> None:
        wanted_v = check_drive(self.name, drive_v, self.channels, self.drive_limits_v())
        await self._exchange()
        self._set(wanted_v)

    async def read_drive_v(self) -> FloatArray:
        await self._exchange()
        return self._wires.read_v()

    async def read_current_a(self) -> FloatArray:
        await self._exchange()
        return self._wires.read_a()

    async def make_safe(self) -> None:
        self._set(np.zeros(self.channels))

    def _set(self, wanted_v: FloatArray) -> None:
        """Have the outputs make the voltages that are asked for, as well as they can."""
        step_v = Q8IV_FULL_SCALE_V / self.STEPS
        self._wires.drive(np.minimum(np.round(wanted_v / step_v) * step_v, self._max_drive_v))


class TwinSourceMeter(TwinPhaseShifterBank):
    """A Keithley 2450 on one heater; at its compliance it gives way in voltage."""

    manufacturer = "KEITHLEY INSTRUMENTS"
    model = "MODEL 2450"

    def __init__(self, mounting: Mounting) -> None:
        super().__init__(mounting)
        options: Keithley2450Options = mounting.options
        self._heater = options.first_heater
        self._current_limit_a = options.current_limit_a

    def _sheet(self) -> HeaterDriverConfig:
        return self._plant.config.instruments.source_meter

    def _set(self, wanted_v: FloatArray) -> None:
        load = HeaterLoad.of(self._plant, self._heater)
        level_v = float(self._wires.errors.made_v(wanted_v)[0])
        volts, _ = load.at_volts(level_v, self._current_limit_a)
        self._wires.apply(np.array([volts]))
