"""Replies of Qontrol's heater drivers: lines of text, also to binary commands.

A set command is answered by ``OK``, a query by a value with its unit, and anything by an
error line; error lines may also come unasked.
"""

import re
from dataclasses import dataclass
from enum import IntEnum

__all__ = [
    "ERRORS",
    "OK",
    "Code",
    "Fault",
    "QontrolError",
    "is_identity",
    "parse_fault",
    "parse_identity",
    "parse_quantity",
]

OK = "OK"


class Code(IntEnum):
    """Numbers of errors."""

    UNKNOWN = 0
    OVER_VOLTAGE = 1
    OVER_CURRENT = 2
    POWER = 3
    CALIBRATION = 4
    OUTPUT = 5
    COMMAND = 10
    PARAMETER = 11
    CHANNEL = 12
    FORBIDDEN = 13
    BUFFER = 14
    SERIAL = 15
    TIMEOUT = 16
    SPI = 17
    ADC = 18
    I2C = 19
    SUPPRESSED = 30
    TRAP = 31
    POWERED_UP = 90


ERRORS = {
    Code.UNKNOWN: "unknown error",
    Code.OVER_VOLTAGE: "over-voltage",
    Code.OVER_CURRENT: "over-current",
    Code.POWER: "power error",
    Code.CALIBRATION: "calibration error",
    Code.OUTPUT: "output error",
    Code.COMMAND: "unrecognised command",
    Code.PARAMETER: "unrecognised parameter",
    Code.CHANNEL: "no such channel",
    Code.FORBIDDEN: "operation forbidden",
    Code.BUFFER: "serial buffer overflow",
    Code.SERIAL: "serial communication error",
    Code.TIMEOUT: "command timed out",
    Code.SPI: "SPI error",
    Code.ADC: "ADC error",
    Code.I2C: "I2C error",
    Code.SUPPRESSED: "too many errors, some suppressed",
    Code.TRAP: "firmware trap",
    Code.POWERED_UP: "powered up",
}


class QontrolError(ValueError):
    """Bytes that the protocol does not allow."""


@dataclass(frozen=True)
class Fault:
    """An error line: ``E02:05``.

    Attributes:
        code: see `ERRORS`.
        channel: the channel at fault.
    """

    code: int
    channel: int

    def __str__(self) -> str:
        text = ERRORS.get(Code(self.code), "") if self.code in ERRORS else "unknown error"
        return f"E{self.code:02d}:{self.channel:02d}, {text}"

    def line(self) -> str:
        """As it stands on the wire, without its end."""
        return f"E{self.code:02d}:{self.channel:02d}"


def parse_fault(line: str) -> Fault | None:
    """An error line; None where it is another."""
    match = re.fullmatch(r"[A-Za-z]{1,3}(\d{1,3}):(\d{1,5})", line, re.ASCII)
    return Fault(int(match[1]), int(match[2])) if match else None


def parse_quantity(line: str, unit: str) -> float:
    """The number before a unit: ``+2.5000 V``.

    Raises:
        QontrolError: the line is none.
    """
    match = re.fullmatch(r"([+-]?\d+(?:\.\d*)?)\s*(\w*)", line, re.ASCII)
    if match is None or match[2] != unit:
        raise QontrolError(f"{line!r} is no value in {unit}")
    return float(match[1])


def parse_identity(line: str) -> tuple[str, str]:
    """Type and serial number of a module: ``Q8iv-0001``; ``****`` where none is set.

    Raises:
        QontrolError: the line is none.
    """
    match = re.fullmatch(r"(Q\w+)-([0-9A-Fa-f*]+)", line, re.ASCII)
    if match is None:
        raise QontrolError(f"{line!r} is no module's identity")
    return match[1], match[2]


def is_identity(line: bytes) -> bool:
    """Whether a reply answers ``ID?`` and nothing else."""
    return re.fullmatch(rb"\s*Q\w+-[0-9A-Fa-f*]+\s*", line) is not None
