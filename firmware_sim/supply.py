"""What simulated bench supplies share: outputs with limits and trips, one feeds the board."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from drivers.options import PowerSupplyOptions
from firmware_sim.scpi import Call, Instrument, ScpiError
from twin.instruments import board_current_a, feed_board, supply_voltage_v
from twin.plant import Plant

__all__ = ["BenchSupply", "Output", "highest"]

HEADROOM = 1.1
"""Highest over-voltage level, relative to the output's highest voltage."""


@dataclass
class Output:
    """One output: what is set, what it may be set to, and whether it has tripped."""

    number: int
    highest_v: float
    highest_a: float
    voltage_v: float = 0.0
    current_limit_a: float = 0.1
    over_voltage_v: float = 0.0
    trips_on_current: bool = False
    on: bool = False
    over_voltage: bool = False
    over_current: bool = False
    rise_s: float = 0.0
    fall_s: float = 0.0

    @property
    def highest_over_voltage_v(self) -> float:
        """Highest over-voltage level."""
        return HEADROOM * self.highest_v

    @property
    def tripped(self) -> bool:
        """Whether a protection has switched it off."""
        return self.over_voltage or self.over_current


class BenchSupply(Instrument):
    """A supply whose board channel feeds the board; the others are open.

    An output that would exceed its current limit trips where its protection says so, and
    otherwise gives way in voltage.
    """

    ratings: ClassVar[Sequence[tuple[float, float]]]
    """Highest voltage (V) and current (A) of each output."""

    def __init__(self, name: str, options: PowerSupplyOptions, plant: Plant) -> None:
        self._plant = plant
        self._board_channel, self._nominal_v = options.board_channel, options.voltage_v
        self._fed_v: float | None = None
        super().__init__(name)

    def reset(self) -> None:
        self.outputs = [
            Output(index + 1, volts, amperes, over_voltage_v=HEADROOM * volts)
            for index, (volts, amperes) in enumerate(self.ratings)
        ]
        self.selected = 1
        self.apply()

    def targets(self, call: Call) -> Sequence[Output]:
        return [self.output(n) for n in call.channels] or [self.output(self.selected)]

    def output(self, channel: int) -> Output:
        """One output, counted from 1."""
        if not 1 <= channel <= len(self.outputs):
            raise ScpiError(-222)
        return self.outputs[channel - 1]

    def idle(self) -> None:
        """Protections watch all the time."""
        if any(output.on for output in self.outputs):
            self.apply()

    def apply(self) -> None:
        for output in self.outputs:
            if output.on:
                self._judge(output)
        voltage_v = self.voltage_v(self.output(self._board_channel))
        if voltage_v != self._fed_v:  # another supply on the board is not disturbed for nothing
            self._fed_v = voltage_v
            feed_board(self._plant, voltage_v, self._nominal_v)

    def live(self, output: Output) -> bool:
        """Whether there is voltage on the output."""
        return output.on and not output.tripped

    def voltage_v(self, output: Output) -> float:
        """Voltage on the output."""
        if not self.live(output):
            return 0.0
        wanted_a = self._wanted_a(output)
        share = output.current_limit_a / wanted_a if wanted_a > output.current_limit_a else 1.0
        return self._source_v(output) * share

    def current_a(self, output: Output) -> float:
        """Current from the output."""
        return min(self._wanted_a(output), output.current_limit_a) if self.live(output) else 0.0

    def switch_output(self, output: Output, on: bool) -> None:
        """Switch an output; one that has tripped is to be cleared first."""
        if on and output.tripped:
            raise ScpiError(-221)
        output.on = on
        self.apply()

    def _source_v(self, output: Output) -> float:
        """What the output gives while it need not limit."""
        if output.number != self._board_channel:
            return output.voltage_v
        return supply_voltage_v(self._plant, output.voltage_v)

    def _wanted_a(self, output: Output) -> float:
        if output.number != self._board_channel:
            return 0.0
        return board_current_a(self._plant, output.voltage_v)

    def _judge(self, output: Output) -> None:
        output.over_voltage |= output.voltage_v > output.over_voltage_v
        output.over_current |= (
            output.trips_on_current and self._wanted_a(output) > output.current_limit_a
        )
        output.on = output.on and not output.tripped


def highest(attribute: str) -> Any:
    """A limit that is an output's own, for `firmware_sim.scpi.number`."""
    return lambda _, output: getattr(output, attribute)
