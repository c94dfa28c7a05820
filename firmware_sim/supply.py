"""What simulated bench supplies share: the SCPI side of `twin.instruments.SupplyOutputs`."""

from collections.abc import Sequence
from typing import Any, ClassVar

from drivers.data_sheets import OVER_VOLTAGE_HEADROOM
from drivers.options import PowerSupplyOptions
from firmware_sim.scpi import Call, Instrument, ScpiError
from twin.instruments import SupplyOutput, SupplyOutputs
from twin.plant import Plant

__all__ = ["BenchSupply", "highest"]


class BenchSupply(Instrument):
    """A supply whose board channel feeds the board; the others are open."""

    ratings: ClassVar[Sequence[tuple[float, float]]]
    """Highest voltage (V) and current (A) of each output."""

    def __init__(self, name: str, options: PowerSupplyOptions, plant: Plant) -> None:
        self.supply = SupplyOutputs(
            plant,
            self.ratings,
            headroom=OVER_VOLTAGE_HEADROOM,
            board_output=options.board_channel,
            nominal_v=options.voltage_v,
        )
        super().__init__(name)

    def reset(self) -> None:
        self.selected = 1
        self.supply.reset()

    def targets(self, call: Call) -> Sequence[SupplyOutput]:
        return [self.output(n) for n in call.channels] or [self.output(self.selected)]

    def output(self, channel: int) -> SupplyOutput:
        """One output, counted from 1."""
        if not 1 <= channel <= len(self.supply.outputs):
            raise ScpiError(-222)
        return self.supply.outputs[channel - 1]

    def idle(self) -> None:
        """Protections watch all the time."""
        if any(output.on for output in self.supply.outputs):
            self.apply()

    def apply(self) -> None:
        self.supply.settle()

    def switch_output(self, output: SupplyOutput, on: bool) -> None:
        """Switch an output; one that has tripped is to be cleared first."""
        if on and output.tripped:
            raise ScpiError(-221)
        output.on = on
        self.apply()


def highest(attribute: str) -> Any:
    """A limit that is an output's own, for `firmware_sim.scpi.number`."""
    return lambda _, output: getattr(output, attribute)
