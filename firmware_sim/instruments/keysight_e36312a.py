"""Keysight E36312A triple-output supply: its SCPI commands, with channel lists ``(@1,3)``."""

from collections.abc import Callable

from drivers.data_sheets import E36312A_OUTPUTS
from firmware_sim.instrument import Wiring
from firmware_sim.scpi import Call, Command, Unit, ignored, number, serial_number, switch
from firmware_sim.supply import BenchSupply, highest
from twin.instruments import SupplyOutput

__all__ = ["KeysightE36312a"]

FLOAT = "{:+.8E}"
NAMES = ("P6V", "P25V", "N25V")
"""Older names of channels 1, 2 and 3."""


def told(
    header: str, what: Callable[["KeysightE36312a", SupplyOutput], float], form: str = FLOAT
) -> Command:
    """A row that tells something of every output asked for."""

    def ask(supply: "KeysightE36312a", call: Call) -> str:
        return ",".join(form.format(what(supply, output)) for output in supply.targets(call))

    return Command(header, query=ask)


class KeysightE36312a(BenchSupply):
    """The supply: all outputs off after power-up."""

    wiring = Wiring(serial=False, port=5025, hislip=True, vxi11=True)
    ratings = E36312A_OUTPUTS

    def identify(self) -> str:
        return f"Keysight Technologies,E36312A,MY{serial_number(self.name)},2.1.0-1.0.4-1.12"

    def switch_outputs(self, call: Call) -> None:
        """``OUTP ON,(@1)``."""
        for output in self.targets(call):
            self.switch_output(output, call.switch())

    def clear(self, call: Call) -> None:
        """Clear trips; the outputs stay off."""
        for output in self.targets(call):
            output.clear()

    def select(self, call: Call) -> None:
        """``INST CH2``, ``INST P25V`` or ``INST:NSEL 2``."""
        word = call.text().upper()
        if word in NAMES:
            self.selected = NAMES.index(word) + 1
        else:
            digits = Call((), word.removeprefix("CH"))
            self.selected = digits.integer(0, 1, len(self.ratings))

    def set_both(self, call: Call) -> None:
        """``APPL CH1, 5, 1``: voltage and current."""
        output = self.output(Call((), call.text(0).upper().removeprefix("CH")).integer(0, 1, 3))
        voltage_v = call.number(1, Unit("V"), 0.0, output.highest_v)
        if len(call.arguments) > 2:
            output.current_limit_a = call.number(2, Unit("A"), 0.0, output.highest_a)
        output.voltage_v = voltage_v
        self.apply()

    commands = (
        number(
            "[SOURce:]VOLTage[:LEVel][:IMMediate][:AMPLitude]",
            "voltage_v",
            Unit("V"),
            0.0,
            highest("highest_v"),
            FLOAT,
        ),
        number(
            "[SOURce:]CURRent[:LEVel][:IMMediate][:AMPLitude]",
            "current_limit_a",
            Unit("A"),
            0.0,
            highest("highest_a"),
            FLOAT,
        ),
        number(
            "[SOURce:]VOLTage:PROTection[:LEVel]",
            "over_voltage_v",
            Unit("V"),
            0.0,
            highest("highest_over_voltage_v"),
            FLOAT,
        ),
        switch("[SOURce:]CURRent:PROTection:STATe", "trips_on_current"),
        told("[SOURce:]VOLTage:PROTection:TRIPped", lambda _, out: out.over_voltage, "{:d}"),
        told("[SOURce:]CURRent:PROTection:TRIPped", lambda _, out: out.over_current, "{:d}"),
        Command("OUTPut[:STATe]", switch_outputs, told("", lambda _, out: out.on, "{:d}").query),
        Command("OUTPut:PROTection:CLEar", clear),
        number("OUTPut[:STATe]:DELay:RISE", "rise_s", Unit("S"), 0.0, 3600.0, FLOAT),
        number("OUTPut[:STATe]:DELay:FALL", "fall_s", Unit("S"), 0.0, 3600.0, FLOAT),
        told("MEASure[:SCALar][:VOLTage][:DC]", lambda unit, out: unit.supply.voltage_v(out)),
        told("MEASure[:SCALar]:CURRent[:DC]", lambda unit, out: unit.supply.current_a(out)),
        Command("INSTrument[:SELect]", select, lambda supply, _: f"CH{supply.selected}"),
        Command("INSTrument:NSELect", select, lambda supply, _: str(supply.selected)),
        Command("APPLy", set_both),
        *ignored(
            (
                "ABORt",
                "INITiate[:IMMediate]",
                "SYSTem:LOCal",
                "SYSTem:REMote",
                "SYSTem:RWLock",
                "SYSTem:BEEPer[:IMMediate]",
                "DISPlay[:WINDow][:STATe]",
            )
        ),
    )
