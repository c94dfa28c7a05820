"""Commands to Qontrol's heater drivers, in text or binary.

Text is ``CMD[channel]=value`` or ``CMD[channel]?``, case and spaces free, ended by LF.
Binary is a header byte, a command byte, three bytes of address and a 16-bit word, all big
endian. The header's top bit tells it from text, and its lowest makes its parity even::

    1  BCAST  ALLCH  ADDM  RW  ACT  DEXT  parity

With DEXT the word is a count, and as many words follow: the values of that channel and the
next ones. Words go from 0 to 65535 over the channel's full scale.

Source: the makers' Python client, qontrol 1.1.20, and its recordings of a module.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntFlag

from drivers.protocols.qontrol_replies import Code, Fault

__all__ = [
    "CODES",
    "FULL_WORD",
    "MODULE_CHANNELS",
    "Binary",
    "Command",
    "CommandSplitter",
    "Flag",
    "Malformed",
    "Text",
    "from_word",
    "parse_text",
    "to_word",
    "vector",
]

FULL_WORD = 0xFFFF
MODULE_CHANNELS = 8
LONGEST_LINE = 8192
MOST_WORDS = 1024

CODES = {
    "V": 0x00,
    "I": 0x01,
    "VMAX": 0x02,
    "IMAX": 0x03,
    "VCAL": 0x04,
    "ICAL": 0x05,
    "VERR": 0x06,
    "IERR": 0x07,
    "VIP": 0x0A,
    "SR": 0x0B,
    "PDI": 0x0C,
    "PDP": 0x0D,
    "PDR": 0x0E,
    "GAIN": 0x0F,
    "VFULL": 0x20,
    "IFULL": 0x21,
    "NCHAN": 0x22,
    "FIRMWARE": 0x23,
    "ID": 0x24,
    "LIFETIME": 0x25,
    "NVM": 0x26,
    "LOG": 0x27,
    "QUIET": 0x28,
    "LED": 0x31,
    "NUP": 0x32,
    "CCFN": 0x35,
    "HELP": 0x41,
    "SAFE": 0x42,
    "ROCOM": 0x43,
}
"""Name of a command in text -> its code in binary."""

NAMES = {code: name for name, code in CODES.items()}


class Flag(IntFlag):
    """Bits of the header of a binary command."""

    EVERYBODY = 0x40
    ALL_CHANNELS = 0x20
    BY_MODULE = 0x10
    READ = 0x08
    ACT = 0x04
    VECTOR = 0x02


BINARY, PARITY = 0x80, 0x01
PLAIN = Flag(0)


@dataclass(frozen=True)
class Text:
    """A command in text.

    Attributes:
        name: in upper case.
        channel: where it names one.
        ask: whether it ends in ``?``.
        argument: behind ``=``, None where there is no ``=``.
    """

    name: str
    channel: int | None = None
    ask: bool = False
    argument: str | None = None

    def encode(self) -> bytes:
        """The line without its LF."""
        channel = "" if self.channel is None else str(self.channel)
        end = "?" if self.ask else "" if self.argument is None else f"={self.argument}"
        return f"{self.name}{channel}{end}".encode("ascii")


@dataclass(frozen=True)
class Binary:
    """A command in binary.

    Attributes:
        code: of the command.
        channel: 0 .. 65535; with `Flag.BY_MODULE` within that module, 0 .. 255.
        words: 0 .. 65535 each; exactly one without `Flag.VECTOR`.
        flags: of the header.
        module: serial number that `Flag.BY_MODULE` addresses.
    """

    code: int
    channel: int = 0
    words: tuple[int, ...] = (0,)
    flags: Flag = PLAIN
    module: int = 0

    @property
    def name(self) -> str:
        """The command in text, empty where there is none."""
        return NAMES.get(self.code, "")

    def encode(self) -> bytes:
        """The bytes; nothing ends them."""
        if self.flags & Flag.BY_MODULE:
            address = self.module.to_bytes(2, "big") + self.channel.to_bytes(1, "big")
        else:
            address = self.channel.to_bytes(3, "big")
        words = (len(self.words), *self.words) if self.flags & Flag.VECTOR else self.words
        data = b"".join(word.to_bytes(2, "big") for word in words)
        return bytes((_header(self.flags), self.code)) + address + data


@dataclass(frozen=True)
class Malformed:
    """Bytes that are no command, and the error that answers them."""

    fault: Fault


Command = Text | Binary | Malformed


class CommandSplitter:
    """Cuts what a module receives into commands, text and binary mixed."""

    def __init__(self) -> None:
        self._rest = b""

    @property
    def waiting(self) -> bool:
        """Whether a command has begun and not ended."""
        return bool(self._rest)

    def forget(self) -> None:
        """Drop a command that has begun."""
        self._rest = b""

    def feed(self, data: bytes) -> list[Command]:
        """The commands that `data` completes."""
        self._rest += data
        commands: list[Command] = []
        while self._rest:
            length = self._length()
            if length is None:
                break
            piece, self._rest = self._rest[:length], self._rest[length:]
            if piece[0] & BINARY:
                commands.append(_parse_binary(piece))
            elif line := piece.strip():
                commands.append(parse_text(line))
        return commands

    def _length(self) -> int | None:
        """Bytes of the first command; None while it is not whole."""
        if self._rest[0] & BINARY:
            return _binary_length(self._rest)
        end = re.search(rb"[\r\n]", self._rest)
        if end:
            return end.end()
        return len(self._rest) if len(self._rest) > LONGEST_LINE else None


def to_word(value: float, full_scale: float) -> int:
    """A voltage or current as a word, rounded to the nearest."""
    return min(max(round(value / full_scale * FULL_WORD), 0), FULL_WORD)


def from_word(word: int, full_scale: float) -> float:
    """The voltage or current that a word stands for."""
    return word / FULL_WORD * full_scale


def vector(name: str, first: int, values: Sequence[float], full_scale: float) -> bytes:
    """A binary command that sets neighbouring channels, from `first` on."""
    words = tuple(to_word(value, full_scale) for value in values)
    return Binary(CODES[name], first, words, Flag.VECTOR).encode()


def parse_text(line: bytes) -> Text | Malformed:
    """A line of text as a command; its end removed."""
    plain = re.sub(rb"[\s\0]+", b"", line).decode("latin-1").upper()
    match = re.fullmatch(r"([A-Z]+)(\d{0,5})(\?|=([-+.,\dE]*))?", plain, re.ASCII)
    if match is None:
        return Malformed(Fault(Code.COMMAND, 0))
    name, channel, end, argument = match.groups()
    return Text(name, int(channel) if channel else None, end == "?", argument)


def _header(flags: Flag) -> int:
    header = BINARY | int(flags)
    return header | (header.bit_count() & 1)


def _binary_length(data: bytes) -> int | None:
    if len(data) < 7:
        return None
    if not data[0] & Flag.VECTOR or data[0].bit_count() & 1:
        return 7
    words = int.from_bytes(data[5:7], "big")
    length = 7 + 2 * words if words <= MOST_WORDS else 7
    return length if len(data) >= length else None


def _parse_binary(piece: bytes) -> Binary | Malformed:
    if piece[0].bit_count() & 1:
        return Malformed(Fault(Code.SERIAL, 0))
    flags = Flag(piece[0] & ~(BINARY | PARITY))
    by_module = bool(flags & Flag.BY_MODULE)
    module = int.from_bytes(piece[2:4], "big") if by_module else 0
    channel = piece[4] if by_module else int.from_bytes(piece[2:5], "big")
    words = tuple(int.from_bytes(piece[at : at + 2], "big") for at in range(5, len(piece), 2))
    if flags & Flag.VECTOR:
        count, *rest = words
        words = tuple(rest)
        if count != len(words):
            return Malformed(Fault(Code.PARAMETER, 0))
    return Binary(piece[1], channel, words, flags, module)
