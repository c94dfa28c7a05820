"""A simulated chain of Qontrol Q8iv modules on the chip's heaters: 115200 baud."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import isfinite
from typing import ClassVar
from zlib import crc32

import numpy as np

from drivers.data_sheets import Q8IV_FULL_SCALE_V
from drivers.options import DriverOptions, PhaseShifterBankOptions
from drivers.protocols.qontrol import (
    MODULE_CHANNELS,
    Binary,
    Command,
    CommandSplitter,
    Flag,
    Malformed,
    Text,
    from_word,
    to_word,
)
from drivers.protocols.qontrol_replies import OK, Code, Fault
from firmware_sim.instrument import Reply, SimulatedInstrument, Wiring
from twin.instruments import HeaterWires
from twin.plant import Plant

__all__ = ["QontrolQ8iv"]

FULL_V, FULL_MA = Q8IV_FULL_SCALE_V, 24.0
FULL = {"V": FULL_V, "VMAX": FULL_V, "I": FULL_MA, "IMAX": FULL_MA}
UNIT = {"V": "V", "VMAX": "V", "VFULL": "V", "I": "mA", "IMAX": "mA", "IFULL": "mA"}
PATIENCE_TICKS = 100
"""Time after which half a command is given up."""

NOT_HERE = ("SR", "LED", "CCFN", "QUIET", "SAFE", "ROCOM", "NVM", "LOG", "GAIN")
"""Commands that are taken and change nothing here."""


class FaultError(Exception):
    """The command is answered by an error line."""

    def __init__(self, code: Code, channel: int = 0) -> None:
        self.fault = Fault(code, channel)
        super().__init__(str(self.fault))


class QontrolQ8iv(SimulatedInstrument):
    """The chain; channels beyond the chip's last heater are open.

    A channel whose heater would draw more than its largest current is switched off.
    """

    wiring: ClassVar[Wiring] = Wiring(serial=True, baud=115200)

    def __init__(self, name: str, options: DriverOptions, plant: Plant) -> None:
        """Put the chain in the place of the board's own converters.

        Args:
            name: the instrument's name, from which the modules' serial numbers follow.
            options: its driver's options: how many channels there are.
            plant: whose heaters it drives.
        """
        assert isinstance(options, PhaseShifterBankOptions)
        self._plant = plant
        self._modules = -(-options.channels // MODULE_CHANNELS)
        self._serial = crc32(name.encode()) & 0xFFFF
        sheet = plant.config.instruments.heater_drivers
        self._wires = HeaterWires(
            plant, name, sheet, options.first_heater, options.channels, self.channels
        )
        self.power_cycle()

    @property
    def channels(self) -> int:
        """Channels of all modules."""
        return self._modules * MODULE_CHANNELS

    def power_cycle(self) -> None:
        self._splitter = CommandSplitter()
        self._heard_tick = self._on_tick = self._plant.tick
        self._volts = np.zeros(self.channels)
        self._limits = {
            "VMAX": np.full(self.channels, FULL_V),
            "IMAX": np.full(self.channels, FULL_MA),
        }
        self._drive()

    def disconnected(self) -> None:
        self._splitter.forget()

    def receive(self, data: bytes) -> list[Reply]:
        if self._splitter.waiting and self._plant.tick - self._heard_tick > PATIENCE_TICKS:
            self._splitter.forget()
        self._heard_tick = self._plant.tick
        commands = self._splitter.feed(data)
        return [Reply("".join(f"{line}\n" for line in self._serve(c)).encode()) for c in commands]

    def _serve(self, command: Command) -> Sequence[str]:
        if isinstance(command, Malformed):
            return [command.fault.line()]
        try:
            return list(self._answer(command))
        except FaultError as error:
            return [error.fault.line()]

    def _answer(self, command: Text | Binary) -> Iterator[str]:
        """The lines that answer a command."""
        asks = command.ask if isinstance(command, Text) else bool(command.flags & Flag.READ)
        everywhere = isinstance(command, Binary) and bool(command.flags & Flag.ALL_CHANNELS)
        name = command.name
        if name not in FULL and name.endswith(("ALL", "VEC")):
            everywhere, name = everywhere or name.endswith("ALL"), name[:-3]
        if name in (*FULL, "VIP"):
            first = self._first(command)
            if asks:
                places = range(self.channels) if everywhere else [self._checked(first)]
                return (self._reading(name, place) for place in places)
            return iter([self._set(name, command, first, everywhere)])
        return self._tell(name, asks)

    def _tell(self, name: str, asks: bool) -> Iterator[str]:
        """What concerns a module or the chain, not a channel."""
        if asks and name == "NUP":
            return (f"{self._identity(place)}:{place}" for place in range(self._modules))
        if asks and name in QUERIES:
            return iter([QUERIES[name](self)])
        if (not asks and name == "NUP") or name in NOT_HERE:
            return iter([OK])
        raise FaultError(Code.FORBIDDEN if name in QUERIES else Code.COMMAND)

    def _first(self, command: Text | Binary) -> int:
        """The channel that a command names, counted along the chain."""
        if not isinstance(command, Binary) or not command.flags & Flag.BY_MODULE:
            return command.channel or 0
        place = command.module - self._serial
        if not 0 <= place < self._modules or command.channel >= MODULE_CHANNELS:
            raise FaultError(Code.CHANNEL, command.channel)
        return place * MODULE_CHANNELS + command.channel

    def _checked(self, channel: int) -> int:
        if not 0 <= channel < self.channels:
            raise FaultError(Code.CHANNEL, channel)
        return channel

    def _set(self, name: str, command: Text | Binary, first: int, everywhere: bool) -> str:
        if name not in ("V", "VMAX", "IMAX"):
            raise FaultError(Code.FORBIDDEN, first)
        values = _values(command, FULL[name])
        if everywhere:
            first, values = 0, values * self.channels
        self._checked(first)
        self._checked(first + len(values) - 1)
        for channel, value in enumerate(values, first):
            if not 0.0 <= value <= FULL[name]:
                over = Code.OVER_VOLTAGE if name[0] == "V" else Code.OVER_CURRENT
                raise FaultError(over, channel)
        for channel, value in enumerate(values, first):
            self._put(name, channel, from_word(to_word(value, FULL[name]), FULL[name]))
        self._drive()
        return OK

    def _put(self, name: str, channel: int, value: float) -> None:
        if name != "V":
            self._limits[name][channel] = value
            return
        if value > self._limits["VMAX"][channel]:
            raise FaultError(Code.OVER_VOLTAGE, channel)
        if self._expected_ma(channel, value) > self._limits["IMAX"][channel]:
            self._volts[channel] = 0.0
            self._drive()
            raise FaultError(Code.OVER_CURRENT, channel)
        self._volts[channel] = value

    def _expected_ma(self, channel: int, drive_v: float) -> float:
        """Current into a cold heater: the most that it will draw."""
        return 1e3 * drive_v * float(self._wires.conductance_s()[channel])

    def _drive(self) -> None:
        """Let the plant feel the voltages."""
        self._wires.drive(self._volts)

    def _reading(self, name: str, channel: int) -> str:
        if name == "VIP":
            module, place = divmod(channel, MODULE_CHANNELS)
            readings = ", ".join(self._reading(part, channel) for part in "VI")
            return f"{module},{place}: {readings}"
        return f"{self._value(name, channel):+.4f} {UNIT[name]}"

    def _value(self, name: str, channel: int) -> float:
        if name in self._limits:
            return float(self._limits[name][channel])
        if name == "V":
            return float(self._wires.read_v()[channel])
        return 1e3 * float(self._wires.read_a()[channel])

    def _identity(self, place: int) -> str:
        return f"Q8iv-{(self._serial + place) & 0xFFFF:04X}"

    def lifetime(self) -> str:
        """Seconds since it was switched on."""
        return f"{(self._plant.tick - self._on_tick) // 1000} s"

    def identity(self) -> str:
        """Of the first module."""
        return self._identity(0)


QUERIES: Mapping[str, Callable[[QontrolQ8iv], str]] = {
    "ID": QontrolQ8iv.identity,
    "VFULL": lambda _: f"{FULL_V:+.4f} V",
    "IFULL": lambda _: f"{FULL_MA:+.4f} mA",
    "NCHAN": lambda _: str(MODULE_CHANNELS),
    "FIRMWARE": lambda _: "v2.4.1",
    "LIFETIME": QontrolQ8iv.lifetime,
}
"""What is asked of the first module."""


def _values(command: Text | Binary, full_scale: float) -> list[float]:
    """The values that a command sets, in V or mA."""
    if isinstance(command, Binary):
        return [from_word(word, full_scale) for word in command.words]
    try:
        values = [float(part) for part in (command.argument or "").split(",")]
    except ValueError:
        raise FaultError(Code.PARAMETER, command.channel or 0) from None
    if not all(map(isfinite, values)):
        raise FaultError(Code.PARAMETER, command.channel or 0)
    return values
