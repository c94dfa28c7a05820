"""Keithley 2450 source-measure unit on one heater: its SCPI command set."""

from collections.abc import Sequence
from math import sqrt
from statistics import fmean, stdev
from typing import Any

import numpy as np

from drivers.options import Keithley2450Options
from firmware_sim.instrument import Wiring
from firmware_sim.scpi import (
    Call,
    Command,
    Instrument,
    ScpiError,
    Unit,
    choice,
    ignored,
    number,
    serial_number,
    switch,
)
from firmware_sim.source_meter import Reading, Settings
from twin.instruments import HeaterLoad, HeaterWires, reading_noise
from twin.plant import Plant

__all__ = ["Keithley2450"]

FLOAT = "{:.6E}"
NO_READING = 9.91e37
LINE_HZ = 50.0
READING_NOISE = 1e-5
"""Relative rms of a reading at one power line cycle."""

VOLTAGE_V, CURRENT_A = 210.0, 1.05
FUNCTIONS = {"VOLT": '"VOLT:DC"', "CURR": '"CURR:DC"', "RES": '"RES"'}
SENSED = {
    "VOLTage[:DC]": "VOLT",
    "CURRent[:DC]": "CURR",
    "RESistance": "RES",
}
OFF_STATES = ("NORMal", "ZERO", "HIMPedance", "GUARd")
BUFFERS = ("defbuffer1", "defbuffer2")


def of(kind: str, function: str, command: Command) -> Command:
    """A row about the source or sense settings of one function."""

    class Proxy:
        """The instrument as that function's settings see it."""

        def __init__(self, unit: "Keithley2450") -> None:
            self._unit = unit

        def targets(self, _: Call) -> Sequence[Any]:
            return [getattr(self._unit.settings, kind)[function]]

        def apply(self) -> None:
            self._unit.apply()

    put, ask = command.set, command.query
    return Command(
        command.header,
        (lambda unit, call: put(Proxy(unit), call)) if put else None,
        (lambda unit, call: ask(Proxy(unit), call)) if ask else None,
    )


def source_rows(node: str, function: str, top: float, limit: str, most: float) -> list[Command]:
    """The source commands of one function."""
    head = f"[SOURce:]{node}"
    unit, other = (Unit("V"), Unit("A")) if function == "VOLT" else (Unit("A"), Unit("V"))
    rows = [
        number(f"{head}[:LEVel][:IMMediate][:AMPLitude]", "level", unit, -top, top, FLOAT),
        number(f"{head}:RANGe", "range", unit, -top, top, FLOAT),
        switch(f"{head}:RANGe:AUTO", "auto_range"),
        number(f"{head}:{limit}[:LEVel]", "limit", other, 0.0, most, FLOAT),
        number(f"{head}:DELay", "delay_s", Unit("S"), 0.0, 10e3, FLOAT),
        number(f"{head}:DELay:USER#", "delay_s", Unit("S"), 0.0, 10e3, FLOAT),
        switch(f"{head}:DELay:AUTO", "auto_delay"),
        switch(f"{head}:READ:BACK", "read_back"),
    ]
    tripped = Command(f"{head}:{limit}[:LEVel]:TRIPped", query=lambda u, _: f"{u.in_limit():d}")
    return [*(of("sources", function, row) for row in rows), tripped]


def sense_rows(node: str, function: str, top: float) -> list[Command]:
    """The sense commands of one function."""
    head = f"[SENSe#:]{node}[:DC]"
    rows = [
        number(f"{head}:RANGe[:UPPer]", "range", low=-top, high=top, form=FLOAT),
        switch(f"{head}:RANGe:AUTO", "auto_range"),
        number(f"{head}:NPLCycles", "nplc", low=0.01, high=10.0, form=FLOAT),
        switch(f"{head}:RSENse", "four_wire"),
        switch(f"{head}:AZERo[:STATe]", "auto_zero"),
        number(f"{head}:AVERage:COUNt", "averaging", low=1, high=100, form="{:.0f}"),
        switch(f"{head}:AVERage[:STATe]", "averages"),
        choice(f"{head}:AVERage:TCONtrol", "filter", ("REPeat", "MOVing")),
        number(f"{head}:DELay:USER#", "delay_s", Unit("S"), 0.0, 10e3, FLOAT),
    ]
    return [of("senses", function, row) for row in rows]


def measure_function(function: str) -> Any:
    """``MEAS:VOLT?``: sense something else first."""

    def ask(unit: "Keithley2450", call: Call) -> str:
        unit.settings.sense = function
        return unit.measure(call)

    return ask


def set_up_sweep(function: str) -> Any:
    """``SOUR:SWE:VOLT:LIN start,stop,points,delay,count,range,abort,dual,'buffer'``."""

    def put(unit: "Keithley2450", call: Call) -> None:
        top = VOLTAGE_V if function == "VOLT" else CURRENT_A
        start, stop = (call.number(i, low=-top, high=top) for i in (0, 1))
        points = call.integer(2, 2, 100_000)
        delay_s = call.number(3, Unit("S"), -1.0, 10e3) if len(call.arguments) > 3 else 0.0
        levels = [start + (stop - start) * i / (points - 1) for i in range(points)]
        unit.settings.source = function
        unit._sweep = levels, max(delay_s, 0.0), unit._buffer_name(call)

    return put


def statistics(what: Any) -> Any:
    """A figure of all readings of a buffer."""

    def ask(unit: "Keithley2450", call: Call) -> str:
        values = [reading.value for reading in unit._buffer(call)]
        return FLOAT.format(what(values) if len(values) > 1 else NO_READING)

    return ask


def told(readings: Sequence[Reading], arguments: Sequence[str]) -> str:
    """Readings, each by the elements that are asked for: ``READ`` by default, or ``SOUR``."""
    elements = [word.upper() for word in arguments if word[:1] not in ("'", '"')] or ["READ"]
    values = [
        reading.source if element.startswith("SOUR") else reading.value
        for reading in readings
        for element in elements
    ]
    return ",".join(FLOAT.format(value) for value in values)


class Keithley2450(Instrument):
    """The unit; voltage of either sign warms the heater alike."""

    wiring = Wiring(serial=False, port=5025, hislip=True, vxi11=True)
    no_error = '0,"No error;0;0 0"'

    def __init__(self, name: str, options: Keithley2450Options, plant: Plant) -> None:
        self._plant = plant
        sheet = plant.config.instruments.source_meter
        self._wire = HeaterWires(plant, name, sheet, options.first_heater, 1)
        self._heater = options.first_heater
        super().__init__(name)

    def identify(self) -> str:
        return f"KEITHLEY INSTRUMENTS,MODEL 2450,{serial_number(self.name)},1.7.12b"

    def reset(self) -> None:
        self.settings = Settings()
        self._buffers: dict[str, list[Reading]] = {name: [] for name in BUFFERS}
        self._sizes = dict.fromkeys(BUFFERS, 100_000)
        self._sweep: tuple[list[float], float, str] | None = None
        self.apply()

    def apply(self) -> None:
        voltage_v, _ = self.operating_point()
        self._wire.apply(np.array([abs(voltage_v) if self.settings.on else 0.0]))

    def operating_point(self) -> tuple[float, float]:
        """Voltage (V) and current (A) that the source settles at on the heater."""
        source = self.settings.sources[self.settings.source]
        load = HeaterLoad.of(self._plant, self._heater)
        settle = load.at_volts if self.settings.source == "VOLT" else load.at_amperes
        return settle(self._level(), source.limit)

    def _level(self) -> float:
        """What the source makes of its level: a voltage of either sign is off alike."""
        level: float = self.settings.sources[self.settings.source].level
        if self.settings.source != "VOLT":
            return level
        made_v = float(self._wire.errors.made_v(np.array([abs(level)]))[0])
        return made_v if level >= 0.0 else -made_v

    def in_limit(self) -> bool:
        """Whether the limit, not the level, is what the source holds."""
        volts, amperes = self.operating_point()
        held = volts if self.settings.source == "VOLT" else amperes
        return self.settings.on and bool(held != self._level())

    def measure(self, call: Call) -> str:
        """Take readings into a buffer and tell the last."""
        buffer = self._buffer(call)
        for _ in range(round(self.settings.count)):
            self._keep(buffer, self._reading())
        return told([buffer[-1]], call.arguments)

    def fetch(self, call: Call) -> str:
        """The latest reading of a buffer."""
        buffer = self._buffer(call)
        return told(buffer[-1:] or [Reading(NO_READING, NO_READING)], call.arguments)

    def initiate(self, _: Call) -> None:
        """Run the sweep that is set up."""
        if self._sweep is None:
            return
        levels, delay_s, name = self._sweep
        source = self.settings.sources[self.settings.source]
        self._buffers[name].clear()
        was_on, self.settings.on = self.settings.on, True
        for level in levels:
            source.level = level
            self._keep(self._buffers[name], self._reading())
        self.extra_s += delay_s * len(levels)
        self.settings.on = was_on
        self.apply()

    def make_buffer(self, call: Call) -> None:
        """``TRAC:MAKE 'name', size``."""
        name = call.text(0)
        if name in self._buffers:
            raise ScpiError(-224)
        self._sizes[name] = call.integer(1, 10, 11_000_020)
        self._buffers[name] = []

    def delete_buffer(self, call: Call) -> None:
        """``TRAC:DEL 'name'``; the default ones stay."""
        name = self._buffer_name(call)
        if name in BUFFERS:
            raise ScpiError(-224)
        del self._buffers[name], self._sizes[name]

    def resize_buffer(self, call: Call) -> None:
        """``TRAC:POIN 1000, 'name'``."""
        self._sizes[self._buffer_name(call)] = call.integer(0, 10, 11_000_020)

    def data(self, call: Call) -> str:
        """``TRAC:DATA? first, last, 'name', READ, SOUR``."""
        buffer = self._buffer(call)
        first, last = call.integer(0, 1, len(buffer)), call.integer(1, 1, len(buffer))
        return told(buffer[first - 1 : last], call.arguments[2:])

    def _reading(self) -> Reading:
        """Measure once, which takes its power line cycles."""
        sense = self.settings.senses[self.settings.sense]
        self.extra_s += sense.nplc / LINE_HZ
        volts, amperes = self.operating_point() if self.settings.on else (0.0, 0.0)
        if self.settings.on:
            volts = float(self._wire.errors.read_v(np.array([volts]))[0])
            amperes = float(self._wire.errors.read_a(np.array([amperes]))[0])
        if self.settings.sense == "RES":
            value = volts / amperes if amperes else NO_READING
        else:
            value = volts if self.settings.sense == "VOLT" else amperes
        noise = READING_NOISE / sqrt(sense.nplc)
        sample = reading_noise(self._plant, self.name).standard_normal()
        return Reading(
            volts if self.settings.source == "VOLT" else amperes, value * (1 + noise * sample)
        )

    def _buffer_name(self, call: Call) -> str:
        quoted = [word.strip("\"'") for word in call.arguments if word[:1] in ("'", '"')]
        name = quoted[0] if quoted else BUFFERS[0]
        if name not in self._buffers:
            raise ScpiError(-224)
        return name

    def _buffer(self, call: Call) -> list[Reading]:
        return self._buffers[self._buffer_name(call)]

    def _keep(self, buffer: list[Reading], reading: Reading) -> None:
        buffer.append(reading)
        del buffer[: -max(self._sizes.values())]

    def _sense_what(self, call: Call) -> None:
        self.settings.sense = SENSED[call.choice(tuple(SENSED))]

    commands = (
        Command("*LANG", lambda _, call: call.choice(("SCPI",)), lambda *_: "SCPI"),
        switch("OUTPut[:STATe]", "on"),
        choice("OUTPut:VOLTage:SMODe", "off_state", OFF_STATES),
        choice("OUTPut:CURRent:SMODe", "off_state", OFF_STATES),
        choice("[SOURce:]FUNCtion[:MODE]", "source", ("VOLTage", "CURRent")),
        *source_rows("VOLTage", "VOLT", VOLTAGE_V, "ILIMit", CURRENT_A),
        *source_rows("CURRent", "CURR", CURRENT_A, "VLIMit", VOLTAGE_V),
        Command("[SOURce:]SWEep:VOLTage:LINear", set_up_sweep("VOLT")),
        Command("[SOURce:]SWEep:CURRent:LINear", set_up_sweep("CURR")),
        Command("[SENSe#:]FUNCtion[:ON]", _sense_what, lambda u, _: FUNCTIONS[u.settings.sense]),
        number("[SENSe#:]COUNt", "count", low=1, high=300_000, form="{:.0f}"),
        *sense_rows("VOLTage", "VOLT", VOLTAGE_V),
        *sense_rows("CURRent", "CURR", CURRENT_A),
        *sense_rows("RESistance", "RES", 210e6),
        Command("READ", query=measure),
        Command("MEASure", query=measure),
        Command("MEASure:VOLTage[:DC]", query=measure_function("VOLT")),
        Command("MEASure:CURRent[:DC]", query=measure_function("CURR")),
        Command("MEASure:RESistance", query=measure_function("RES")),
        Command("FETCh", query=fetch),
        Command("INITiate[:IMMediate]", initiate),
        Command("TRACe:TRIGger", measure),
        Command("TRACe:MAKE", make_buffer),
        Command("TRACe:DELete", delete_buffer),
        Command("TRACe:CLEar", lambda unit, call: unit._buffer(call).clear()),
        Command("TRACe:ACTual", query=lambda unit, call: str(len(unit._buffer(call)))),
        Command(
            "TRACe:POINts",
            resize_buffer,
            lambda unit, call: str(unit._sizes[unit._buffer_name(call)]),
        ),
        Command("TRACe:DATA", query=data),
        Command("TRACe:STATistics:AVERage", query=statistics(fmean)),
        Command("TRACe:STATistics:MAXimum", query=statistics(max)),
        Command("TRACe:STATistics:MINimum", query=statistics(min)),
        Command("TRACe:STATistics:STDDev", query=statistics(stdev)),
        choice("ROUTe:TERMinals", "terminals", ("FRONt", "REAR")),
        Command("SYSTem:LFRequency", query=lambda *_: f"{LINE_HZ:.0f}"),
        Command("SYSTem:CLEar", lambda unit, _: unit.errors.clear()),
        *ignored(
            (
                "ABORt",
                "FORMat[:DATA]",
                "STATus:CLEar",
                "STATus:PRESet",
                "SYSTem:BEEPer[:IMMediate]",
                "[SENSe#:]AZERo:ONCE",
            )
        ),
    )
