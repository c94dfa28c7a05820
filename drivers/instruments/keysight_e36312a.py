"""Keysight E36312A triple-output bench supply."""

from drivers.data_sheets import E36312A_OUTPUTS, OVER_VOLTAGE_HEADROOM
from drivers.interfaces import Limits, PowerSupply
from drivers.ranges import check_channel, check_range
from drivers.scpi import ScpiInstrument
from lumina.errors import DeviceStateError

__all__ = ["KeysightE36312a"]


class KeysightE36312a(ScpiInstrument, PowerSupply):
    """Three outputs, addressed by channel lists, all of which trip on over-current."""

    model = r"Keysight.*,E36312A"

    @property
    def channels(self) -> int:
        return len(E36312A_OUTPUTS)

    def voltage_limits_v(self, channel: int) -> Limits:
        check_channel(self.name, channel, self.channels)
        return Limits(0.0, E36312A_OUTPUTS[channel - 1][0])

    async def set_voltage_v(self, channel: int, voltage_v: float) -> None:
        check_range(self.name, "voltage", voltage_v, self.voltage_limits_v(channel), "V")
        await self.set("VOLT", voltage_v, self._at(channel))

    async def set_current_limit_a(self, channel: int, current_a: float) -> None:
        at = self._at(channel)
        limits = Limits(0.0, E36312A_OUTPUTS[channel - 1][1])
        check_range(self.name, "current limit", current_a, limits, "A")
        await self.set("CURR", current_a, at)
        await self.set("CURR:PROT:STAT", 1, at)

    async def set_over_voltage_v(self, channel: int, voltage_v: float) -> None:
        limits = Limits(0.0, OVER_VOLTAGE_HEADROOM * self.voltage_limits_v(channel).high)
        check_range(self.name, "over-voltage level", voltage_v, limits, "V")
        await self.set("VOLT:PROT", voltage_v, self._at(channel))

    async def set_output(self, channel: int, on: bool) -> None:
        if on and await self.is_tripped(channel):
            text = f"channel {channel} cannot go on, clear its trip first"
            raise DeviceStateError(self.name, text, "tripped")
        await self.switch("OUTP", on, self._at(channel))

    async def is_on(self, channel: int) -> bool:
        return await self.ask_bool(f"OUTP? {self._at(channel)}")

    async def read_voltage_v(self, channel: int) -> float:
        return await self.ask_float(f"MEAS:VOLT? {self._at(channel)}")

    async def read_current_a(self, channel: int) -> float:
        return await self.ask_float(f"MEAS:CURR? {self._at(channel)}")

    async def is_tripped(self, channel: int) -> bool:
        at = self._at(channel)
        over_voltage = await self.ask_bool(f"VOLT:PROT:TRIP? {at}")
        return over_voltage or await self.ask_bool(f"CURR:PROT:TRIP? {at}")

    async def clear_trip(self, channel: int) -> None:
        at = self._at(channel)
        await self.write(f"OUTP 0, {at}", f"OUTP:PROT:CLE {at}")

    async def make_safe(self) -> None:
        await self.switch("OUTP", False, f"(@1:{self.channels})")

    def _at(self, channel: int) -> str:
        check_channel(self.name, channel, self.channels)
        return f"(@{channel})"
