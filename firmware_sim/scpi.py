"""Simulated SCPI instruments: a table of commands over a set of settings.

An instrument lists its `Command`s. Settings that are only kept and read back are rows made
by `number`, `switch` and `choice`; what measures or acts has a function of its own. The
engine does the rest: terminators, compound messages, the error queue with the numbers of
the standard, the status byte, and the common commands.
"""

import logging
import re
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from zlib import crc32

from firmware_sim.instrument import Reply, SimulatedInstrument
from firmware_sim.scpi_syntax import (
    PLAIN,
    Call,
    ScpiError,
    Unit,
    header_pattern,
    split_outside,
    suffix_of,
)

__all__ = [
    "Call",
    "Command",
    "Instrument",
    "ScpiError",
    "Unit",
    "choice",
    "ignored",
    "number",
    "serial_number",
    "switch",
]

log = logging.getLogger(__name__)

LONGEST_MESSAGE = 1 << 16
ERROR_QUEUE = 20
POWER_ON = 1 << 7
OPERATION_COMPLETE = 1 << 0
_END = re.compile(rb"[\r\n]")

Act = Callable[[Any, Call], object]
Answer = Callable[[Any, Call], str]


@dataclass(frozen=True)
class Command:
    """One row of an instrument's table.

    Attributes:
        header: as the manual writes it, see `header_pattern`.
        set: what the command does; None where it is a query only.
        query: what ``header?`` answers; None where there is no query.
        time_s: time that it takes, s; None for the instrument's usual.
    """

    header: str
    set: Act | None = None
    query: Answer | None = None
    time_s: float | None = None


Bound = float | Callable[[Any, Any], float]
"""A limit: a number, or a function of the instrument and what is set."""


def number(
    header: str,
    attribute: str,
    unit: Unit | Callable[[Any], Unit] = PLAIN,
    low: Bound = float("-inf"),
    high: Bound = float("inf"),
    form: str = "{:.6E}",
) -> Command:
    """A number that is set and read back, ``MIN`` and ``MAX`` included.

    Args:
        header: the command's header.
        attribute: of the settings, in SI units.
        unit: of a bare number, on the way in and out; or how the instrument tells it.
        low: lowest value, SI.
        high: highest value, SI.
        form: how it is written, in the bare unit.
    """

    def unit_of(instrument: "Instrument") -> Unit:
        return unit(instrument) if callable(unit) else unit

    def taken(instrument: "Instrument", call: Call, target: Any) -> float:
        first, last = (
            bound(instrument, target) if callable(bound) else bound for bound in (low, high)
        )
        return call.number(0, unit_of(instrument), first, last)

    def put(instrument: "Instrument", call: Call) -> None:
        call.at_most(1)
        targets = instrument.targets(call)
        values = [taken(instrument, call, target) for target in targets]
        for target, value in zip(targets, values, strict=True):
            setattr(target, attribute, value)
        instrument.apply()

    def ask(instrument: "Instrument", call: Call) -> str:
        call.at_most(1)
        targets = instrument.targets(call)
        values = [
            taken(instrument, call, target) if call.arguments else getattr(target, attribute)
            for target in targets
        ]
        return ",".join(form.format(value / unit_of(instrument).bare) for value in values)

    return Command(header, put, ask)


def switch(header: str, attribute: str, form: str = "{:d}") -> Command:
    """ON or OFF; reads back as 1 or 0."""

    def put(instrument: "Instrument", call: Call) -> None:
        call.at_most(1)
        on = call.switch()
        for target in instrument.targets(call):
            setattr(target, attribute, on)
        instrument.apply()

    def ask(instrument: "Instrument", call: Call) -> str:
        return ",".join(
            form.format(getattr(target, attribute)) for target in instrument.targets(call)
        )

    return Command(header, put, ask)


def choice(header: str, attribute: str, words: Sequence[str]) -> Command:
    """One of some words; reads back in its short form."""

    def put(instrument: "Instrument", call: Call) -> None:
        call.at_most(1)
        word = short_form(call.choice(words))
        for target in instrument.targets(call):
            setattr(target, attribute, word)
        instrument.apply()

    def ask(instrument: "Instrument", call: Call) -> str:
        return ",".join(str(getattr(target, attribute)) for target in instrument.targets(call))

    return Command(header, put, ask)


def short_form(word: str) -> str:
    """``VOLTage`` -> ``VOLT``."""
    return re.sub("[a-z]", "", word)


def serial_number(name: str) -> str:
    """The same for the same instrument name."""
    return f"{crc32(name.encode()):08d}"


class Instrument(SimulatedInstrument):
    """A SCPI instrument. A subclass gives `commands`, `identify`, `reset` and `apply`.

    Attributes:
        unknown: headers that it did not know, in the order they came, the latest 100.
        settings: what `number`, `switch` and `choice` act on, unless `targets` says otherwise.
        extra_s: time that the command at work adds to its usual, s.
    """

    settings: Any
    extra_s: float

    commands: ClassVar[Sequence[Command]]
    end: ClassVar[bytes] = b"\n"
    """What ends its replies."""
    no_error: ClassVar[str] = '+0,"No error"'
    usual_s: ClassVar[float] = 0.001
    """Time that a command takes, s."""
    options: ClassVar[str] = "0"
    """What ``*OPT?`` answers."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.unknown: deque[str] = deque(maxlen=100)
        self._table = [
            (header_pattern(command.header), command) for command in (*self.commands, *COMMON)
        ]
        self.power_cycle()

    def identify(self) -> str:
        """What ``*IDN?`` answers."""
        raise NotImplementedError

    def reset(self) -> None:
        """``*RST``: settings as at power-up."""
        raise NotImplementedError

    def apply(self) -> None:
        """Let the plant feel the settings; called after every change."""

    def targets(self, call: Call) -> Sequence[Any]:
        """What a command's settings belong to: a channel's, or the instrument's own."""
        del call
        return (self.settings,)

    def power_cycle(self) -> None:
        self.events, self.event_enable, self.service_enable = POWER_ON, 0, 0
        self.errors: deque[ScpiError] = deque()
        self._input = b""
        self.reset()

    def disconnected(self) -> None:
        self._input = b""

    def receive(self, data: bytes) -> list[Reply]:
        *messages, self._input = _END.split(self._input + data)
        if len(self._input) > LONGEST_MESSAGE:
            self._input = b""
            self.fail(ScpiError(-363))
        return [reply for message in messages if message.strip() for reply in self._serve(message)]

    def status_byte(self) -> int:
        status = (1 << 2 if self.errors else 0) | (1 << 5 if self.events & self.event_enable else 0)
        return status | (1 << 6 if status & self.service_enable else 0)

    def fail(self, error: ScpiError) -> None:
        """Queue an error and set its event bit."""
        bit = {1: 5, 2: 4, 3: 3, 4: 2}.get(-error.code // 100, 3)
        self.events |= 1 << bit
        if len(self.errors) >= ERROR_QUEUE:
            self.errors[-1] = ScpiError(-350)
        else:
            self.errors.append(error)

    def next_error(self) -> str:
        """The oldest error, taken from the queue."""
        return str(self.errors.popleft()) if self.errors else self.no_error

    def _serve(self, message: bytes) -> list[Reply]:
        """Carry out one message: its commands in order, its answers in one reply."""
        answers: list[str] = []
        time_s, path = 0.0, ""
        for part in split_outside(message.decode("latin-1"), ";"):
            if not part.strip():
                continue
            try:
                path, command, call, query = self._look_up(part.strip(), path)
                time_s += self.usual_s if command.time_s is None else command.time_s
                time_s += self._carry_out(command, call, query, answers)
            except ScpiError as error:
                self.fail(error)
        data = ";".join(answers).encode("latin-1") + self.end if answers else b""
        return [Reply(data, time_s)]

    def _look_up(self, part: str, path: str) -> tuple[str, Command, Call, bool]:
        """The command of one part of a message, and the path that the next one starts from."""
        header, arguments = (*part.split(maxsplit=1), "")[:2]
        query = header.endswith("?")
        bare = header.removesuffix("?")
        if bare.startswith("*"):
            full, following = bare, path
        else:
            full = bare[1:] if bare.startswith(":") else path + bare
            following = full[: full.rfind(":") + 1]
        for pattern, command in self._table:
            if match := pattern.fullmatch(full):
                if (command.query if query else command.set) is None:
                    break
                return following, command, Call([*map(suffix_of, match.groups())], arguments), query
        log.warning("%s: unknown header %r", self.name, header)
        self.unknown.append(header)
        raise ScpiError(-113)

    def _carry_out(self, command: Command, call: Call, query: bool, answers: list[str]) -> float:
        """Run one command; the time that it takes beyond its usual."""
        self.extra_s = 0.0
        if query and command.query:
            answers.append(command.query(self, call))
        elif command.set:
            command.set(self, call)
        return self.extra_s


def _read_events(instrument: Instrument, _: Call) -> str:
    events, instrument.events = instrument.events, 0
    return str(events)


def _clear(instrument: Instrument, _: Call) -> None:
    instrument.errors.clear()
    instrument.events = 0


def _complete(instrument: Instrument, _: Call) -> None:
    instrument.events |= OPERATION_COMPLETE


def _register(header: str, attribute: str) -> Command:
    def put(instrument: Instrument, call: Call) -> None:
        setattr(instrument, attribute, call.integer(0, 0, 255))

    return Command(header, put, lambda instrument, _: str(getattr(instrument, attribute)))


def _nothing(*_: object) -> None:
    """The command has no effect on what is simulated."""


def ignored(headers: Iterable[str]) -> list[Command]:
    """Commands that the instrument takes and that change nothing here."""
    return [Command(header, _nothing) for header in headers]


COMMON = (
    Command("*IDN", query=lambda instrument, _: instrument.identify()),
    Command("*OPT", query=lambda instrument, _: instrument.options),
    Command("*OPC", _complete, lambda *_: "1"),
    Command("*CLS", _clear),
    Command("*RST", lambda instrument, _: instrument.reset()),
    Command("*ESR", query=_read_events),
    _register("*ESE", "event_enable"),
    _register("*SRE", "service_enable"),
    Command("*STB", query=lambda instrument, _: str(instrument.status_byte())),
    Command("*TST", query=lambda *_: "0"),
    Command("*WAI", _nothing),
    Command("*TRG", _nothing),
    Command("SYSTem:ERRor[:NEXT]", query=lambda instrument, _: instrument.next_error()),
    Command("SYSTem:ERRor:COUNt", query=lambda instrument, _: str(len(instrument.errors))),
    Command("SYSTem:VERSion", query=lambda *_: "1999.0"),
)
"""What every instrument of IEEE 488.2 and SCPI has."""
