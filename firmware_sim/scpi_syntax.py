"""The grammar of SCPI: headers in long and short form, messages, arguments, error numbers.

SCPI-99 volume 1 (syntax, chapter 6 to 8) and volume 2 (errors, chapter 21).
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

__all__ = [
    "ERRORS",
    "PLAIN",
    "Call",
    "ScpiError",
    "Unit",
    "header_pattern",
    "split_outside",
    "suffix_of",
]

ERRORS = {
    -101: "Invalid character",
    -102: "Syntax error",
    -104: "Data type error",
    -108: "Parameter not allowed",
    -109: "Missing parameter",
    -113: "Undefined header",
    -114: "Header suffix out of range",
    -131: "Invalid suffix",
    -141: "Invalid character data",
    -221: "Settings conflict",
    -222: "Data out of range",
    -224: "Illegal parameter value",
    -230: "Data corrupt or stale",
    -350: "Queue overflow",
    -363: "Input buffer overrun",
    -420: "Query UNTERMINATED",
}
"""Number -> text, as the standard has them."""

_NODE = re.compile(r"([A-Z]+)([a-z]*)(#?)")
_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:E[+-]?\d+)?)\s*([A-Z]*)\s*", re.I)

_PREFIXES = {
    "": 1.0,
    "T": 1e12,
    "G": 1e9,
    "MA": 1e6,
    "K": 1e3,
    "M": 1e-3,
    "U": 1e-6,
    "N": 1e-9,
    "P": 1e-12,
    "F": 1e-15,
}
_MEGA = ("HZ", "OHM")
"""Units before which M means mega."""


class ScpiError(Exception):
    """What the error queue gets: a number and its text."""

    def __init__(self, code: int, text: str | None = None) -> None:
        self.code, self.text = code, text or ERRORS[code]
        super().__init__(f'{code},"{self.text}"')


@dataclass(frozen=True)
class Unit:
    """What a bare number means, and which suffixes it may carry.

    Attributes:
        name: unit in upper case; prefixes are added to it.
        bare: SI value of a number 1 that has no suffix.
    """

    name: str
    bare: float = 1.0

    def value(self, number: float, suffix: str) -> float:
        """The SI value of a number with its suffix."""
        if not suffix:
            return number * self.bare
        if suffix == "DBM" and self.name == "W":
            return float(1e-3 * 10.0 ** (min(max(number, -300.0), 300.0) / 10.0))
        prefix = suffix.removesuffix(self.name)
        if not self.name or prefix == suffix or prefix not in _PREFIXES:
            raise ScpiError(-131)
        if prefix == "M" and self.name in _MEGA:
            return number * 1e6
        return number * _PREFIXES[prefix]


PLAIN = Unit("")
"""A number without unit."""


@cache
def header_pattern(header: str) -> re.Pattern[str]:
    """What matches a header in all its spellings.

    Args:
        header: as manuals write it, ``[SENSe#:]POWer[:DC]:RANGe``: capitals are the short
            form, brackets may be left out, ``#`` takes a numeric suffix.
    """
    text, place = "", 0
    while place < len(header):
        if node := _NODE.match(header, place):
            short, rest, numbered = node.groups()
            text += f"(?:{short}{rest.upper()}|{short})" + (r"(\d{0,3})" if numbered else "")
            place = node.end()
        else:
            text += {"[": "(?:", "]": ")?", ":": ":"}.get(header[place], re.escape(header[place]))
            place += 1
    return re.compile(text, re.I | re.A)


def suffix_of(text: str | None) -> int:
    """A numeric suffix; 1 where there is none."""
    return int(text) if text else 1


def split_outside(text: str, separator: str) -> list[str]:
    """Split where the separator stands outside quotes and parentheses."""
    parts, quote, depth, start = [], "", 0, 0
    for place, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter == separator and depth == 0:
            parts.append(text[start:place])
            start = place + 1
        else:
            depth = max(0, depth + (letter == "(") - (letter == ")"))
    parts.append(text[start:])
    return parts


class Call:
    """One command as it was sent: its suffixes and arguments.

    Attributes:
        suffixes: numeric suffixes of the header, 1 where left out.
        arguments: as sent, without the channel list.
        channels: the channel list ``(@1,3:4)``, empty where there is none.
    """

    def __init__(self, suffixes: Sequence[int], text: str) -> None:
        self.suffixes = tuple(suffixes)
        parts = [part.strip() for part in split_outside(text, ",")] if text.strip() else []
        self.channels: tuple[int, ...] = ()
        if parts and parts[-1].startswith("(@"):
            self.channels = tuple(_channel_list(parts.pop()))
        self.arguments = tuple(parts)

    def at_most(self, count: int) -> None:
        """Refuse more arguments than that."""
        if len(self.arguments) > count:
            raise ScpiError(-108)

    def text(self, index: int = 0) -> str:
        """An argument, quotes removed."""
        if index >= len(self.arguments) or not self.arguments[index]:
            raise ScpiError(-109)
        return self.arguments[index].strip("\"'")

    def number(
        self, index: int = 0, unit: Unit = PLAIN, low: float = -math.inf, high: float = math.inf
    ) -> float:
        """A numeric argument in SI units, ``MIN`` and ``MAX`` included.

        Raises:
            ScpiError: missing (-109), not a number (-104), wrong unit (-131), or out of
                range (-222).
        """
        word = self.text(index).upper()
        if word in ("MIN", "MINIMUM", "MAX", "MAXIMUM"):
            value = low if word.startswith("MIN") else high
            if math.isinf(value):
                raise ScpiError(-224)
            return value
        parsed = _NUMBER.fullmatch(word)
        if parsed is None:
            raise ScpiError(-104)
        value = unit.value(float(parsed[1]), parsed[2])
        slack = 1e-9 * max(abs(low), abs(high)) if math.isfinite(low) and math.isfinite(high) else 0
        if not low - slack <= value <= high + slack or math.isinf(value):
            raise ScpiError(-222)
        return min(max(value, low), high)

    def integer(self, index: int = 0, low: float = -math.inf, high: float = math.inf) -> int:
        """A numeric argument, rounded."""
        return round(self.number(index, PLAIN, low, high))

    def switch(self, index: int = 0) -> bool:
        """ON, OFF or a number."""
        word = self.text(index).upper()
        return word == "ON" if word in ("ON", "OFF") else self.integer(index) != 0

    def choice(self, words: Sequence[str], index: int = 0) -> str:
        """One of some words, written as manuals do; the answer is the word as listed."""
        given = self.text(index)
        for word in words:
            if header_pattern(word).fullmatch(given):
                return word
        raise ScpiError(-224)


def _channel_list(text: str) -> Iterator[int]:
    inner = text.removeprefix("(@").removesuffix(")")
    for part in inner.split(","):
        ends = [end.strip() for end in part.split(":")]
        if not text.endswith(")") or len(ends) > 2 or not all(_is_channel(end) for end in ends):
            raise ScpiError(-102)
        yield from range(int(ends[0]), int(ends[-1]) + 1)


def _is_channel(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 3
