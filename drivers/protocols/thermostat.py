"""The M-Labs Sinara Thermostat 8451: one line of text there, one line of JSON back.

``pid 0 target 25`` sets, ``report``, ``pid`` and ``output`` show both channels, ``hwrev``
tells who answers. What it has obeyed is answered by ``{}``, what not by an object with the
key ``error``.

Source: README of the M-Labs thermostat firmware.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = [
    "CHANNELS",
    "MAX_CURRENT_A",
    "MAX_VOLTAGE_V",
    "OBEYED",
    "OUTPUT_FIELDS",
    "PID_FIELDS",
    "Command",
    "Report",
    "ThermostatError",
    "encode_refusal",
    "encode_reply",
    "is_revision",
    "parse_command",
    "parse_obeyed",
    "parse_reply",
    "parse_reports",
    "parse_revision",
    "parse_targets",
]

CHANNELS = 2
MAX_CURRENT_A = 2.0
MAX_VOLTAGE_V = 4.0
"""Larger values are clamped without a word."""

OBEYED = "{}"
PID_FIELDS = ("target", "kp", "ki", "kd", "output_min", "output_max")
OUTPUT_FIELDS = ("i_set", "max_i_pos", "max_i_neg", "max_v")

LONGEST_LINE = 1024

_CHANNEL = r"(?P<channel>[01])"
_NUMBER = r"(?P<number>[+-]?\d{1,15}(?:\.\d{0,15})?(?:e[+-]?\d{1,2})?)"
_FORMS = [
    re.compile(form, re.ASCII)
    for form in (
        r"(?P<name>report|output|pid|b-p|postfilter|fan|hwrev|load|save)",
        rf"(?P<name>load|save) {_CHANNEL}",
        r"(?P<name>fan) (?P<field>auto)",
        rf"(?P<name>fan) {_NUMBER}",
        rf"(?P<name>output) {_CHANNEL} (?P<field>pid)",
        rf"(?P<name>output) {_CHANNEL} (?P<field>polarity) (?P<word>normal|reversed)",
        rf"(?P<name>output) {_CHANNEL} (?P<field>{'|'.join(OUTPUT_FIELDS)}) {_NUMBER}",
        rf"(?P<name>pid) {_CHANNEL} (?P<field>{'|'.join(PID_FIELDS)}) {_NUMBER}",
        rf"(?P<name>b-p) {_CHANNEL} (?P<field>t0|b|r0) {_NUMBER}",
    )
]
"""The lines it understands, words separated by one space."""


class ThermostatError(ValueError):
    """Text that the protocol does not allow, or an error that the instrument tells."""


@dataclass(frozen=True)
class Command:
    """One line of a client.

    Attributes:
        name: its first word.
        channel: 0 or 1, None where it names none.
        field: what is set, empty where it shows something.
        value: to what: a number, or a word such as ``reversed``.
    """

    name: str
    channel: int | None = None
    field: str = ""
    value: float | str | None = None

    def encode(self) -> bytes:
        """The line without its LF."""
        value = f"{self.value:.9g}" if isinstance(self.value, float) else self.value
        words = (self.name, self.channel, self.field, value)
        return " ".join(str(word) for word in words if word not in (None, "")).encode("ascii")


@dataclass(frozen=True)
class Report:
    """What one channel tells of itself.

    Attributes:
        channel: 0 or 1.
        time_s: when its temperature was measured.
        interval_s: since the measurement before.
        temperature_c: None where the thermistor cannot be read.
        pid_engaged: whether it regulates.
        set_a: commanded TEC current, positive cools.
        current_a: measured TEC current.
        voltage_v: measured TEC voltage.
    """

    channel: int
    time_s: float
    interval_s: float
    temperature_c: float | None
    pid_engaged: bool
    set_a: float
    current_a: float
    voltage_v: float

    def fields(self) -> dict[str, Any]:
        """As the instrument writes it; what follows from others it derives itself."""
        return {
            "channel": self.channel,
            "time": self.time_s,
            "interval": self.interval_s,
            "temperature": self.temperature_c,
            "pid_engaged": self.pid_engaged,
            "i_set": self.set_a,
            "tec_i": self.current_a,
            "tec_u_meas": self.voltage_v,
        }


def parse_command(line: bytes) -> Command:
    """A client's line, its end removed.

    Raises:
        ThermostatError: it is no command.
    """
    text = " ".join(line[:LONGEST_LINE].decode("latin-1").split())
    for form in _FORMS:
        if match := form.fullmatch(text):
            found = {key: word for key, word in match.groupdict().items() if word is not None}
            number, channel = found.get("number"), found.get("channel")
            return Command(
                found["name"],
                None if channel is None else int(channel),
                found.get("field", ""),
                found.get("word") if number is None else float(number),
            )
    raise ThermostatError("parser: no such command")


def encode_reply(content: object) -> bytes:
    """A line of JSON without its LF; numbers that are none are told as null."""
    return json.dumps(_finite(content), separators=(",", ":"), allow_nan=False).encode("ascii")


def encode_refusal(text: str) -> bytes:
    """The answer to what cannot be obeyed."""
    return encode_reply({"error": text})


def parse_reply(line: bytes) -> Any:
    """The content of an answer.

    Raises:
        ThermostatError: it is no JSON, or tells an error.
    """
    try:
        content = json.loads(
            line.decode("utf-8"),
            parse_constant=_finite_number,
            parse_float=_finite_number,
            parse_int=_finite_number,
        )
    except (ValueError, RecursionError) as error:
        raise ThermostatError(f"{line[:80]!r} is no JSON: {error}") from error
    if isinstance(content, Mapping) and "error" in content:
        raise ThermostatError(f"the instrument says: {content['error']}")
    return content


def parse_obeyed(line: bytes) -> None:
    """See that a setting was obeyed.

    Raises:
        ThermostatError: it was not, or the line answers something else.
    """
    if parse_reply(line) != {}:
        raise ThermostatError(f"{line[:80]!r} is no answer to a setting")


def parse_targets(line: bytes) -> tuple[float, ...]:
    """The set points in an answer to ``pid``, in C, in the order of the channels.

    Raises:
        ThermostatError: it is none.
    """
    match parse_reply(line):
        case [
            {"channel": 0, "target": int() | float() as first},
            {"channel": 1, "target": int() | float() as second},
        ]:
            return float(first), float(second)
    raise ThermostatError(f"{line[:80]!r} tells no set points")


def parse_reports(line: bytes) -> tuple[Report, ...]:
    """The answer to ``report``, in the order of the channels.

    Raises:
        ThermostatError: it is none.
    """
    content = parse_reply(line)
    if not isinstance(content, list) or len(content) != CHANNELS:
        raise ThermostatError(f"{line[:80]!r} is no report of {CHANNELS} channels")
    reports = tuple(map(_report, content))
    if [report.channel for report in reports] != list(range(CHANNELS)):
        raise ThermostatError(f"{line[:80]!r} reports other channels")
    return reports


def parse_revision(line: bytes) -> str:
    """The hardware revision in an answer to ``hwrev``: ``2.2``.

    Raises:
        ThermostatError: it is none.
    """
    match parse_reply(line):
        case {"rev": {"major": int(major), "minor": int(minor)}}:
            return f"{major}.{minor}"
    raise ThermostatError(f"{line[:80]!r} is no hardware revision")


def is_revision(line: bytes) -> bool:
    """Whether an answer is that to ``hwrev``."""
    try:
        parse_revision(line)
    except ThermostatError:
        return False
    return True


def _report(content: object) -> Report:
    match content:
        case {
            "channel": int(channel),
            "time": int() | float() as time_s,
            "interval": int() | float() as interval_s,
            "temperature": None | int() | float() as temperature_c,
            "pid_engaged": bool(pid_engaged),
            "i_set": int() | float() as set_a,
            "tec_i": int() | float() as current_a,
            "tec_u_meas": int() | float() as voltage_v,
        }:
            return Report(
                channel,
                float(time_s),
                float(interval_s),
                None if temperature_c is None else float(temperature_c),
                pid_engaged,
                float(set_a),
                float(current_a),
                float(voltage_v),
            )
    raise ThermostatError(f"{str(content)[:80]} is no report of a channel")


def _finite_number(word: str) -> float:
    value = float(word)
    if not math.isfinite(value):
        raise ThermostatError(f"{word[:20]} is no number")
    return int(word) if word.lstrip("-").isdigit() else value


def _finite(content: object) -> object:
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, Mapping):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return content
