"""Rohde & Schwarz HMP4040 four-channel supply: one channel is selected at a time."""

from functools import partial

from drivers.data_sheets import HMP4040_OUTPUTS, OVER_VOLTAGE_HEADROOM
from drivers.interfaces import Limits, PowerSupply
from drivers.ranges import check_channel, check_range
from drivers.scpi import ScpiInstrument
from lumina.errors import DeviceStateError

__all__ = ["RohdeHmp4040"]


class RohdeHmp4040(ScpiInstrument, PowerSupply):
    """Every command acts on the selected channel, so selecting and acting are one sequence."""

    model = r"(ROHDE|HAMEG).*,HMP4040"

    @property
    def channels(self) -> int:
        return len(HMP4040_OUTPUTS)

    def voltage_limits_v(self, channel: int) -> Limits:
        check_channel(self.name, channel, self.channels)
        return Limits(0.0, HMP4040_OUTPUTS[channel - 1][0])

    async def set_voltage_v(self, channel: int, voltage_v: float) -> None:
        check_range(self.name, "voltage", voltage_v, self.voltage_limits_v(channel), "V")
        await self._set(channel, "VOLT", voltage_v)

    async def set_current_limit_a(self, channel: int, current_a: float) -> None:
        check_channel(self.name, channel, self.channels)
        limits = Limits(0.0, HMP4040_OUTPUTS[channel - 1][1])
        check_range(self.name, "current limit", current_a, limits, "A")
        await self._set(channel, "CURR", current_a)
        await self._set(channel, "FUSE", 1)

    async def set_over_voltage_v(self, channel: int, voltage_v: float) -> None:
        limits = Limits(0.0, OVER_VOLTAGE_HEADROOM * self.voltage_limits_v(channel).high)
        check_range(self.name, "over-voltage level", voltage_v, limits, "V")
        await self._set(channel, "VOLT:PROT", voltage_v)

    async def set_output(self, channel: int, on: bool) -> None:
        if on and await self.is_tripped(channel):
            text = f"channel {channel} cannot go on, clear its trip first"
            raise DeviceStateError(self.name, text, "tripped")
        if on:
            await self.write("OUTP:GEN 1")
        await self._set(channel, "OUTP:SEL", int(on), restore=False)

    async def is_on(self, channel: int) -> bool:
        async with self.bus.sequence():
            selected = await self._ask(channel, "OUTP:SEL?")
            return bool(selected) and await self.ask_bool("OUTP:GEN?")

    async def read_voltage_v(self, channel: int) -> float:
        return await self._ask(channel, "MEAS:VOLT?")

    async def read_current_a(self, channel: int) -> float:
        return await self._ask(channel, "MEAS:CURR?")

    async def is_tripped(self, channel: int) -> bool:
        over_voltage = await self._ask(channel, "VOLT:PROT:TRIP?")
        return bool(over_voltage or await self._ask(channel, "FUSE:TRIP?"))

    async def clear_trip(self, channel: int) -> None:
        await self._tell(channel, "OUTP:SEL 0", "VOLT:PROT:CLE")

    async def make_safe(self) -> None:
        await self.write("OUTP:GEN 0")
        for channel in range(1, self.channels + 1):
            await self._set(channel, "OUTP:SEL", 0, restore=False)

    async def _set(self, channel: int, header: str, value: float, *, restore: bool = True) -> None:
        command = f"{header} {value:.9G}"
        await self._tell(channel, command)
        self.remember(
            f"{header} of channel {channel}",
            partial(self._tell, channel, command),
            value,
            read=partial(self._ask, channel, f"{header}?"),
            restore=restore,
        )

    async def _tell(self, channel: int, *commands: str) -> None:
        check_channel(self.name, channel, self.channels)
        await self.write(f"INST:NSEL {channel}", *commands)

    async def _ask(self, channel: int, question: str) -> float:
        check_channel(self.name, channel, self.channels)
        async with self.bus.sequence():
            await self.send(f"INST:NSEL {channel}".encode())
            return await self.ask_float(question)
