"""Rohde & Schwarz HMP4040 supply: every command acts on the selected channel."""

from collections.abc import Callable
from typing import Any

from drivers.data_sheets import HMP4040_OUTPUTS
from firmware_sim.instrument import Wiring
from firmware_sim.scpi import Call, Command, Unit, ignored, number, serial_number, switch
from firmware_sim.supply import BenchSupply, highest

__all__ = ["RohdeHmp4040"]

VOLTS, AMPERES = "{:.3f}", "{:.4f}"


def told(what: Callable[[Any, Any], str]) -> Callable[[Any, Call], str]:
    """A query of the selected output."""
    return lambda supply, call: what(supply, supply.targets(call)[0])


class RohdeHmp4040(BenchSupply):
    """The supply: an output is live when it is activated and the master switch is on."""

    wiring = Wiring(serial=False, port=5025)
    ratings = HMP4040_OUTPUTS
    no_error = '0,"No error"'

    def identify(self) -> str:
        return f"ROHDE&SCHWARZ,HMP4040,{serial_number(self.name)},HW50020003/SW2.70"

    def reset(self) -> None:
        super().reset()
        self.supply.master = False

    def select(self, call: Call) -> None:
        """``INST OUT2`` or ``INST:NSEL 2``."""
        digits = call.text().upper().removeprefix("OUTPUT").removeprefix("OUT")
        self.selected = Call((), digits).integer(0, 1, len(self.ratings))

    def activate(self, call: Call) -> None:
        """``OUTP:SEL``: a channel that is taken down forgets that its fuse has tripped."""
        (output,), on = self.targets(call), call.switch()
        if not on:
            output.over_current = False
        self.switch_output(output, on)

    def switch_master(self, call: Call) -> None:
        """``OUTP:GEN``: all activated channels at once."""
        self.supply.master = call.switch()
        self.apply()

    def switch_both(self, call: Call) -> None:
        """``OUTP``: activates the channel, and the master switch with it."""
        self.activate(call)
        if call.switch():
            self.switch_master(call)

    def clear_over_voltage(self, call: Call) -> None:
        """``VOLT:PROT:CLE``."""
        self.targets(call)[0].over_voltage = False

    def set_both(self, call: Call) -> None:
        """``APPL 5, 1``: voltage and current."""
        (output,) = self.targets(call)
        voltage_v = call.number(0, Unit("V"), 0.0, output.highest_v)
        if len(call.arguments) > 1:
            output.current_limit_a = call.number(1, Unit("A"), 0.0, output.highest_a)
        output.voltage_v = voltage_v
        self.apply()

    def both(self, call: Call) -> str:
        """Voltage and current that are set."""
        (output,) = self.targets(call)
        return f"{VOLTS.format(output.voltage_v)}, {AMPERES.format(output.current_limit_a)}"

    commands = (
        Command("INSTrument:NSELect", select, lambda supply, _: str(supply.selected)),
        Command("INSTrument[:SELect]", select, lambda supply, _: f"OUTP{supply.selected}"),
        number(
            "[SOURce:]VOLTage[:LEVel][:IMMediate][:AMPLitude]",
            "voltage_v",
            Unit("V"),
            0.0,
            highest("highest_v"),
            VOLTS,
        ),
        number(
            "[SOURce:]CURRent[:LEVel][:IMMediate][:AMPLitude]",
            "current_limit_a",
            Unit("A"),
            0.0,
            highest("highest_a"),
            AMPERES,
        ),
        number(
            "[SOURce:]VOLTage:PROTection[:LEVel]",
            "over_voltage_v",
            Unit("V"),
            0.0,
            highest("highest_over_voltage_v"),
            VOLTS,
        ),
        Command(
            "[SOURce:]VOLTage:PROTection:TRIPped",
            query=told(lambda _, out: f"{out.over_voltage:d}"),
        ),
        Command("[SOURce:]VOLTage:PROTection:CLEar", clear_over_voltage),
        switch("FUSE[:STATe]", "trips_on_current"),
        Command("FUSE:TRIPped", query=told(lambda _, out: f"{out.over_current:d}")),
        Command("OUTPut:SELect", activate, told(lambda _, out: f"{out.on:d}")),
        Command(
            "OUTPut[:STATe]", switch_both, told(lambda unit, out: f"{unit.supply.live(out):d}")
        ),
        Command("OUTPut:GENeral", switch_master, lambda unit, _: f"{unit.supply.master:d}"),
        Command(
            "MEASure[:SCALar][:VOLTage][:DC]",
            query=told(lambda unit, out: VOLTS.format(unit.supply.voltage_v(out))),
        ),
        Command(
            "MEASure[:SCALar]:CURRent[:DC]",
            query=told(lambda unit, out: AMPERES.format(unit.supply.current_a(out))),
        ),
        Command("APPLy", set_both, both),
        *ignored(
            (
                "SYSTem:LOCal",
                "SYSTem:REMote",
                "SYSTem:MIX",
                "SYSTem:RWLock",
                "SYSTem:BEEPer[:IMMediate]",
            )
        ),
    )
