"""Keithley 2450 source-measure unit on one heater: sources volts, measures current."""

import numpy as np

from drivers.interfaces import FloatArray, Identity, Limits, PhaseShifterBank
from drivers.options import Keithley2450Options
from drivers.ranges import check_drive
from drivers.registry import Mounting
from drivers.scpi import ScpiInstrument
from lumina.errors import DeviceStateError

__all__ = ["Keithley2450"]


class Keithley2450(ScpiInstrument, PhaseShifterBank):
    """A bank of one channel. Its output goes on with the first drive."""

    model = r"KEITHLEY.*,MODEL 2450"

    def __init__(self, mounting: Mounting) -> None:
        super().__init__(mounting)
        options: Keithley2450Options = mounting.options
        self._max_drive_v, self._current_limit_a = options.max_drive_v, options.current_limit_a

    @property
    def channels(self) -> int:
        return 1

    def drive_limits_v(self) -> Limits:
        return Limits(0.0, self._max_drive_v)

    async def identify(self) -> Identity:
        identity = await super().identify()
        language = await self.query("*LANG?")
        if language != "SCPI":
            raise DeviceStateError(
                self.name, "set its command set to SCPI at the front panel", language
            )
        return identity

    async def prepare(self) -> None:
        await super().prepare()
        await self.write(
            ":SOUR:FUNC VOLT",
            ':SENS:FUNC "CURR"',
            f":SOUR:VOLT:ILIM {self._current_limit_a:.6G}",
        )

    async def set_drive_v(self, drive_v: FloatArray) -> None:
        wanted_v = check_drive(self.name, drive_v, self.channels, self.drive_limits_v())
        async with self.bus.sequence():
            await self.set(":SOUR:VOLT", float(wanted_v[0]))
            if not await self._is_on():
                await self.switch(":OUTP", True)

    async def read_drive_v(self) -> FloatArray:
        return np.array([await self._if_on(':READ? "defbuffer1", SOUR')])

    async def read_current_a(self) -> FloatArray:
        return np.array([await self._if_on(":READ?")])

    async def make_safe(self) -> None:
        await self.write(":SOUR:VOLT 0")
        await self.switch(":OUTP", False)

    async def _is_on(self) -> bool:
        return await self.ask_bool(":OUTP?")

    async def _if_on(self, question: str) -> float:
        """The answer, or 0 while the output is off: then it would be noise."""
        async with self.bus.sequence():
            return await self.ask_float(question) if await self._is_on() else 0.0
