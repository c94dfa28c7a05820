"""MeCom, the protocol of Meerstetter TEC controllers: frames, checksum, parameters.

Source: the makers' Python client, pyMeCom 1.1, and its parameter list. A frame is text
with upper-case hex digits between ``#`` (host) or ``!`` (device) and CR::

    # AA SSSS payload CCCC CR      address, sequence number, payload, checksum

The checksum is CRC-16/XMODEM over everything before it, the start character included. A
device that carries out a setting repeats the checksum of the request instead.
"""

import re
import struct
from binascii import crc_hqx
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

__all__ = [
    "ERRORS",
    "IDENTIFY",
    "IDENTITY_LENGTH",
    "PARAMETERS",
    "READ",
    "REFUSED",
    "RESET",
    "SAVE",
    "SET",
    "DeviceStatus",
    "MecomError",
    "OutputEnable",
    "OutputInput",
    "Parameter",
    "Reply",
    "Request",
    "Stability",
    "acknowledge",
    "answer",
    "checksum",
    "is_reply_to",
    "parse_reply",
    "parse_request",
    "reading",
    "setting",
]

IDENTIFY, RESET, SAVE = "?IF", "RS", "SP"
READ, SET = "?VR", "VS"
REFUSED = "+"
IDENTITY_LENGTH = 20
"""Clients tell the answer to ``?IF`` from others by its length."""

ERRORS = {
    1: "command not available",
    2: "device is busy",
    3: "general communication error",
    4: "format error",
    5: "parameter is not available",
    6: "parameter is read only",
    7: "value is out of range",
    8: "instance is not available",
    9: "general failure",
}

_FRAME = re.compile(rb"([#!])([0-9A-F]{2})([0-9A-F]{4})([ -~]*)([0-9A-F]{4})", re.DOTALL)


class MecomError(ValueError):
    """Bytes that are no MeCom frame, or not the frame that was expected."""


class DeviceStatus(IntEnum):
    """Parameter 104."""

    INIT, READY, RUN, ERROR, BOOTLOADER, RESETTING = range(6)


class OutputInput(IntEnum):
    """Parameter 2000: what the output stage follows."""

    STATIC, LIVE, TEMPERATURE_CONTROLLER = range(3)


class OutputEnable(IntEnum):
    """Parameter 2010."""

    OFF, ON, LIVE, HARDWARE = range(4)


class Stability(IntEnum):
    """Parameter 1200."""

    LOOP_OFF, NOT_STABLE, STABLE = range(3)


@dataclass(frozen=True)
class Parameter:
    """One entry of the parameter list.

    Attributes:
        number: its id.
        real: float32 if True, else int32.
        writable: whether it can be set.
        low: lowest value that may be set.
        high: highest value that may be set.
    """

    number: int
    real: bool = False
    writable: bool = False
    low: float = -(2.0**31)
    high: float = 2.0**31 - 1

    def to_hex(self, value: float) -> str:
        """A value as eight hex digits.

        Raises:
            MecomError: the format cannot hold it.
        """
        try:
            packed = struct.pack(">f", value) if self.real else struct.pack(">i", int(value))
        except (struct.error, OverflowError, ValueError) as error:
            raise MecomError(f"parameter {self.number} cannot be {value}: {error}") from error
        return packed.hex().upper()

    def from_hex(self, text: str) -> float:
        """The value in eight hex digits; an int32 comes as a whole float.

        Raises:
            MecomError: it is none.
        """
        if re.fullmatch("[0-9A-F]{8}", text) is None:
            raise MecomError(f"{text!r} is no value")
        value: float
        (value,) = struct.unpack(">f" if self.real else ">i", bytes.fromhex(text))
        return float(value)


def _read(number: int, *, real: bool = False) -> Parameter:
    return Parameter(number, real)


def _kept(number: int, low: float, high: float, *, real: bool = False) -> Parameter:
    return Parameter(number, real, True, low, high)


PARAMETERS: Mapping[str, Parameter] = {
    "device_type": _read(100),
    "hardware_version": _read(101),
    "serial_number": _read(102),
    "firmware_version": _read(103),
    "device_status": _read(104),
    "error_number": _read(105),
    "error_instance": _read(106),
    "error_parameter": _read(107),
    "save_mode": _kept(108, 0, 1),
    "flash_status": _read(109),
    "object_c": _read(1000, real=True),
    "sink_c": _read(1001, real=True),
    "effective_target_c": _read(1010, real=True),
    "ramp_c": _read(1011, real=True),
    "control_percent": _read(1012, real=True),
    "current_a": _read(1020, real=True),
    "voltage_v": _read(1021, real=True),
    "device_c": _read(1063, real=True),
    "stability": _read(1200),
    "output_input": _kept(2000, 0, 2),
    "output_enable": _kept(2010, 0, 3),
    "static_current_a": _kept(2020, -16, 16, real=True),
    "static_voltage_v": _kept(2021, -21, 21, real=True),
    "current_limit_a": _kept(2030, 0, 16, real=True),
    "voltage_limit_v": _kept(2031, 0, 21, real=True),
    "current_error_a": _kept(2032, 0, 20, real=True),
    "voltage_error_v": _kept(2033, 0, 25, real=True),
    "operating_mode": _kept(2040, 0, 2),
    "baud": _kept(2050, 4800, 1_000_000),
    "address": _kept(2051, 0, 254),
    "response_delay_us": _kept(2052, 0, 1_000_000),
    "watchdog_s": _kept(2060, 0, 3600, real=True),
    "target_c": _kept(3000, -273, 1000, real=True),
    "proximity_k": _kept(3002, 0, 1000, real=True),
    "ramp_k_per_s": _kept(3003, 0, 1000, real=True),
    "gain_percent_per_k": _kept(3010, 0, 1e6, real=True),
    "integral_s": _kept(3011, 0, 1e6, real=True),
    "derivative_s": _kept(3012, 0, 1e6, real=True),
    "damping": _kept(3013, 0, 1, real=True),
}
"""Name -> parameter."""


@dataclass(frozen=True)
class Request:
    """One frame of the host.

    Attributes:
        address: 0 .. 255; 0 is anybody, 255 everybody, whom nobody answers.
        sequence: 0 .. 65535, which the device repeats.
        command: ``?VR``, ``VS``, ``?IF``, ``RS`` or ``SP``.
        parameter: its id, for ``?VR`` and ``VS``.
        instance: the channel, from 1.
        value: eight hex digits, for ``VS``.
    """

    address: int
    sequence: int
    command: str
    parameter: int = 0
    instance: int = 1
    value: str = ""

    def encode(self) -> bytes:
        """The frame without its CR."""
        payload = self.command
        if self.command in (READ, SET):
            payload += f"{self.parameter:04X}{self.instance:02X}{self.value}"
        return _sealed("#", self.address, self.sequence, payload)


@dataclass(frozen=True)
class Reply:
    """One frame of the device.

    Attributes:
        address: of the device.
        sequence: of the request.
        payload: a value, a text, ``+EE``, or nothing where the request was obeyed.
        checksum: as received.
    """

    address: int
    sequence: int
    payload: str
    checksum: int

    @property
    def error(self) -> int | None:
        """The number of a refusal."""
        match = re.fullmatch(r"\+([0-9A-Fa-f]{2})", self.payload)
        return int(match[1], 16) if match else None


def checksum(data: bytes) -> int:
    """CRC-16/XMODEM: polynomial 0x1021, start 0, nothing reflected."""
    return crc_hqx(data, 0)


def reading(address: int, sequence: int, parameter: Parameter, instance: int = 1) -> Request:
    """A request for a parameter's value."""
    return Request(address, sequence, READ, parameter.number, instance)


def setting(
    address: int, sequence: int, parameter: Parameter, value: float, instance: int = 1
) -> Request:
    """A request to set a parameter."""
    text = parameter.to_hex(value)
    return Request(address, sequence, SET, parameter.number, instance, text)


def answer(address: int, request: Request, payload: str) -> bytes:
    """The frame, without its CR, by which a device gives a value, a text or a refusal."""
    return _sealed("!", address, request.sequence, payload)


def acknowledge(address: int, request: Request) -> bytes:
    """The frame, without its CR, by which a device says: done."""
    return f"!{address:02X}{request.sequence:04X}".encode() + request.encode()[-4:]


def parse_request(frame: bytes) -> Request:
    """What a host has sent, CR removed.

    Raises:
        MecomError: not a frame, or its checksum is wrong: such frames are not answered.
    """
    address, sequence, payload, found = _opened(b"#", frame)
    if found != checksum(frame[:-4]):
        raise MecomError(f"{frame!r}: wrong checksum")
    match = re.fullmatch(r"(\?VR|VS)([0-9A-F]{4})([0-9A-F]{2})((?:[0-9A-F]{8})?)", payload)
    if match and (match[1] == SET) == bool(match[4]):
        number, instance = int(match[2], 16), int(match[3], 16)
        return Request(address, sequence, match[1], number, instance, match[4])
    return Request(address, sequence, payload)


def parse_reply(frame: bytes, request: bytes) -> Reply:
    """What a device has answered to a request's frame; both without CR.

    Raises:
        MecomError: not a frame, another sequence number, or a wrong checksum.
    """
    address, sequence, payload, found = _opened(b"!", frame)
    if f"{sequence:04X}".encode() != request[3:7]:
        raise MecomError(f"{frame!r} does not answer {request!r}")
    expected = checksum(frame[:-4]) if payload else int(request[-4:], 16)
    if found != expected:
        raise MecomError(f"{frame!r}: wrong checksum")
    return Reply(address, sequence, payload, found)


def is_reply_to(request: bytes, frame: bytes) -> bool:
    """Whether a frame is a whole answer to that request; both without CR."""
    try:
        parse_reply(frame, request)
    except MecomError:
        return False
    return True


def _sealed(start: str, address: int, sequence: int, payload: str) -> bytes:
    text = f"{start}{address:02X}{sequence:04X}{payload}".encode("ascii")
    return text + f"{checksum(text):04X}".encode()


def _opened(start: bytes, frame: bytes) -> tuple[int, int, str, int]:
    match = _FRAME.fullmatch(frame)
    if match is None or match[1] != start:
        raise MecomError(f"{frame!r} is no frame")
    return int(match[2], 16), int(match[3], 16), match[4].decode("ascii"), int(match[5], 16)
