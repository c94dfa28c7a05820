"""A bench supply: outputs with limits and trips, one of which feeds the board."""

from collections.abc import Sequence
from dataclasses import dataclass

from twin.instruments._board import board_current_a, feed_board, supply_voltage_v
from twin.plant import Plant

__all__ = ["SupplyOutput", "SupplyOutputs"]


@dataclass
class SupplyOutput:
    """One output: what it may be set to, what it is set to, and whether it has tripped."""

    number: int
    highest_v: float
    highest_a: float
    highest_over_voltage_v: float
    over_voltage_v: float
    voltage_v: float = 0.0
    current_limit_a: float = 0.1
    trips_on_current: bool = False
    on: bool = False
    over_voltage: bool = False
    over_current: bool = False
    rise_s: float = 0.0
    fall_s: float = 0.0
    """Delays of a supply that can sequence its outputs: kept, and not lived."""

    @property
    def tripped(self) -> bool:
        """Whether a protection has switched it off."""
        return self.over_voltage or self.over_current

    def clear(self) -> None:
        """Forget that it has tripped; it stays off."""
        self.over_voltage = self.over_current = False


class SupplyOutputs:
    """The outputs of one supply; all but the one that feeds the board are open.

    An output that would exceed its current limit trips where its protection says so, and
    otherwise gives way in voltage.

    Attributes:
        outputs: in order; `settle` after changing one.
        master: a switch before all of them, where the supply has one.
    """

    def __init__(
        self,
        plant: Plant,
        ratings: Sequence[tuple[float, float]],
        *,
        headroom: float,
        board_output: int,
        nominal_v: float,
    ) -> None:
        """Put a supply before the board, all outputs off: it is dead until it is fed.

        Args:
            plant: whose board it feeds.
            ratings: highest voltage (V) and current (A) of each output.
            headroom: highest over-voltage level, relative to the highest voltage.
            board_output: number of the output that feeds the board, from 1.
            nominal_v: what the board expects.
        """
        self._plant, self._ratings, self._headroom = plant, ratings, headroom
        self._board_output, self._nominal_v = board_output, nominal_v
        self._fed_v: float | None = None
        self.reset()

    def reset(self) -> None:
        """As after power-up."""
        self.master = True
        self.outputs = [
            SupplyOutput(number, volts, amperes, self._headroom * volts, self._headroom * volts)
            for number, (volts, amperes) in enumerate(self._ratings, 1)
        ]
        self.settle()

    def settle(self) -> None:
        """Let protections act and the board feel it."""
        for output in self.outputs:
            if self.live(output):
                self._judge(output)
        voltage_v = self._held_v(self.outputs[self._board_output - 1])
        if voltage_v != self._fed_v:  # another supply on the board is not disturbed for nothing
            self._fed_v = voltage_v
            feed_board(self._plant, voltage_v, self._nominal_v)

    def live(self, output: SupplyOutput) -> bool:
        """Whether there is voltage on an output."""
        return self.master and output.on and not output.tripped

    def voltage_v(self, output: SupplyOutput) -> float:
        """Voltage on an output."""
        held_v = self._held_v(output)
        feeds = output.number == self._board_output
        return supply_voltage_v(self._plant, held_v) if feeds else held_v

    def current_a(self, output: SupplyOutput) -> float:
        """Current from an output."""
        return min(self._wanted_a(output), output.current_limit_a) if self.live(output) else 0.0

    def _held_v(self, output: SupplyOutput) -> float:
        """Voltage that a sound output holds, lower where it limits its current."""
        if not self.live(output):
            return 0.0
        wanted_a = self._wanted_a(output)
        share = output.current_limit_a / wanted_a if wanted_a > output.current_limit_a else 1.0
        return output.voltage_v * share

    def _wanted_a(self, output: SupplyOutput) -> float:
        if output.number != self._board_output:
            return 0.0
        return board_current_a(self._plant, output.voltage_v)

    def _judge(self, output: SupplyOutput) -> None:
        output.over_voltage |= output.voltage_v > output.over_voltage_v
        output.over_current |= (
            output.trips_on_current and self._wanted_a(output) > output.current_limit_a
        )
        output.on = output.on and not output.tripped
