"""Bench supplies on the twin: one of their channels feeds the board."""

from collections.abc import Sequence
from typing import ClassVar

from drivers.data_sheets import E36312A_OUTPUTS, HMP4040_OUTPUTS, OVER_VOLTAGE_HEADROOM
from drivers.interfaces import Limits, PowerSupply
from drivers.options import PowerSupplyOptions
from drivers.ranges import check_channel, check_range
from drivers.registry import Mounting
from drivers.twin.base import TwinInstrument
from lumina.errors import DeviceStateError
from twin.instruments import SupplyOutput, SupplyOutputs

__all__ = ["TwinFourChannelSupply", "TwinPowerSupply"]


class TwinPowerSupply(TwinInstrument, PowerSupply):
    """A Keysight E36312A, all outputs off, one of which feeds the board.

    Protections are judged whenever the supply is talked to.
    """

    manufacturer = "Keysight Technologies"
    model = "E36312A"
    ratings: ClassVar[Sequence[tuple[float, float]]] = E36312A_OUTPUTS

    def __init__(self, mounting: Mounting) -> None:
        super().__init__(mounting)
        options: PowerSupplyOptions = mounting.options
        self._supply = SupplyOutputs(
            self._plant,
            self.ratings,
            headroom=OVER_VOLTAGE_HEADROOM,
            board_output=options.board_channel,
            nominal_v=options.voltage_v,
        )

    @property
    def channels(self) -> int:
        return len(self.ratings)

    def voltage_limits_v(self, channel: int) -> Limits:
        check_channel(self.name, channel, self.channels)
        return Limits(0.0, self.ratings[channel - 1][0])

    async def set_voltage_v(self, channel: int, voltage_v: float) -> None:
        check_range(self.name, "voltage", voltage_v, self.voltage_limits_v(channel), "V")
        (await self._output(channel)).voltage_v = voltage_v
        self._supply.settle()

    async def set_current_limit_a(self, channel: int, current_a: float) -> None:
        check_channel(self.name, channel, self.channels)
        limits = Limits(0.0, self.ratings[channel - 1][1])
        check_range(self.name, "current limit", current_a, limits, "A")
        output = await self._output(channel)
        output.current_limit_a, output.trips_on_current = current_a, True
        self._supply.settle()

    async def set_over_voltage_v(self, channel: int, voltage_v: float) -> None:
        limits = Limits(0.0, OVER_VOLTAGE_HEADROOM * self.voltage_limits_v(channel).high)
        check_range(self.name, "over-voltage level", voltage_v, limits, "V")
        (await self._output(channel)).over_voltage_v = voltage_v
        self._supply.settle()

    async def set_output(self, channel: int, on: bool) -> None:
        output = await self._output(channel)
        if on and output.tripped:
            text = f"channel {channel} cannot go on, clear its trip first"
            raise DeviceStateError(self.name, text, "tripped")
        output.on = on
        self._supply.settle()

    async def is_on(self, channel: int) -> bool:
        return self._supply.live(await self._output(channel))

    async def read_voltage_v(self, channel: int) -> float:
        return self._supply.voltage_v(await self._output(channel))

    async def read_current_a(self, channel: int) -> float:
        return self._supply.current_a(await self._output(channel))

    async def is_tripped(self, channel: int) -> bool:
        return (await self._output(channel)).tripped

    async def clear_trip(self, channel: int) -> None:
        output = await self._output(channel)
        output.clear()
        output.on = False

    async def make_safe(self) -> None:
        for output in self._supply.outputs:
            output.on = False
        self._supply.settle()

    async def _output(self, channel: int) -> SupplyOutput:
        """The channel after one exchange, its protections judged."""
        check_channel(self.name, channel, self.channels)
        await self._exchange()
        self._supply.settle()
        return self._supply.outputs[channel - 1]


class TwinFourChannelSupply(TwinPowerSupply):
    """A Rohde & Schwarz HMP4040."""

    manufacturer = "ROHDE&SCHWARZ"
    model = "HMP4040"
    ratings = HMP4040_OUTPUTS
