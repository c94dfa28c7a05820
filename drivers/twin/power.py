"""The bench supply on the twin: one of its channels feeds the board."""

from dataclasses import dataclass

from drivers.interfaces import Limits, PowerSupply
from drivers.options import E36312A_OUTPUTS, PowerSupplyOptions
from drivers.ranges import check_channel, check_range
from drivers.registry import Mounting
from drivers.twin.base import TwinInstrument
from lumina.errors import DeviceStateError
from twin.instruments import board_current_a, feed_board, supply_voltage_v

__all__ = ["TwinPowerSupply"]


@dataclass
class Output:
    """One channel, as it stands after power-up."""

    voltage_v: float = 0.0
    current_limit_a: float = 0.1
    over_voltage_v: float = 0.0
    on: bool = False
    tripped: bool = False


class TwinPowerSupply(TwinInstrument, PowerSupply):
    """A Keysight E36312A, all outputs off, one of which feeds the board.

    Protections are judged whenever the supply is talked to.
    """

    manufacturer = "Keysight Technologies"
    model = "E36312A"

    def __init__(self, mounting: Mounting) -> None:
        super().__init__(mounting)
        options: PowerSupplyOptions = mounting.options
        self._board_channel = options.board_channel
        self._nominal_v = options.voltage_v
        self._outputs = [Output(over_voltage_v=1.1 * voltage_v) for voltage_v, _ in E36312A_OUTPUTS]
        self._feed_board()

    @property
    def channels(self) -> int:
        return len(self._outputs)

    def voltage_limits_v(self, channel: int) -> Limits:
        check_channel(self.name, channel, self.channels)
        return Limits(0.0, E36312A_OUTPUTS[channel - 1][0])

    async def set_voltage_v(self, channel: int, voltage_v: float) -> None:
        check_range(self.name, "voltage", voltage_v, self.voltage_limits_v(channel), "V")
        output = await self._output(channel)
        output.voltage_v = voltage_v
        self._judge(channel)

    async def set_current_limit_a(self, channel: int, current_a: float) -> None:
        check_channel(self.name, channel, self.channels)
        limits = Limits(0.0, E36312A_OUTPUTS[channel - 1][1])
        check_range(self.name, "current limit", current_a, limits, "A")
        output = await self._output(channel)
        output.current_limit_a = current_a
        self._judge(channel)

    async def set_over_voltage_v(self, channel: int, voltage_v: float) -> None:
        limits = Limits(0.0, 1.1 * self.voltage_limits_v(channel).high)
        check_range(self.name, "over-voltage level", voltage_v, limits, "V")
        output = await self._output(channel)
        output.over_voltage_v = voltage_v
        self._judge(channel)

    async def set_output(self, channel: int, on: bool) -> None:
        output = await self._output(channel)
        if on and output.tripped:
            raise DeviceStateError(
                self.name, f"channel {channel} cannot go on, clear its trip first", "tripped"
            )
        output.on = on
        self._judge(channel)

    async def is_on(self, channel: int) -> bool:
        return (await self._output(channel)).on

    async def read_voltage_v(self, channel: int) -> float:
        output = await self._output(channel)
        if not output.on or channel != self._board_channel:
            return output.voltage_v if output.on else 0.0
        return supply_voltage_v(self._plant, output.voltage_v)

    async def read_current_a(self, channel: int) -> float:
        await self._output(channel)
        return self._current_a(channel)

    async def is_tripped(self, channel: int) -> bool:
        return (await self._output(channel)).tripped

    async def clear_trip(self, channel: int) -> None:
        output = await self._output(channel)
        output.tripped = False

    async def make_safe(self) -> None:
        for output in self._outputs:
            output.on = False
        self._feed_board()

    async def _output(self, channel: int) -> Output:
        """The channel after one exchange, its protections judged."""
        check_channel(self.name, channel, self.channels)
        await self._exchange()
        self._judge(channel)
        return self._outputs[channel - 1]

    def _judge(self, channel: int) -> None:
        """Trip the channel where it must not go on, and let the board feel it."""
        output = self._outputs[channel - 1]
        over_voltage = output.voltage_v > output.over_voltage_v
        if output.on and (over_voltage or self._current_a(channel) > output.current_limit_a):
            output.on, output.tripped = False, True
        self._feed_board()

    def _feed_board(self) -> None:
        output = self._outputs[self._board_channel - 1]
        feed_board(self._plant, output.voltage_v if output.on else 0.0, self._nominal_v)

    def _current_a(self, channel: int) -> float:
        """What the board draws; the other channels feed nothing."""
        if channel != self._board_channel:
            return 0.0
        return board_current_a(self._plant, self._outputs[channel - 1].voltage_v)
