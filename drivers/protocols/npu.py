"""The NPU board's wire protocol: bytes to messages and back, without any I/O.

docs/reference/npu_protocol.md describes it for people. A message is a header, a payload and
a CRC-32, stuffed by COBS so that it holds no zero byte, and ended by a zero byte::

    COBS( version kind reserved sequence time_ns | payload | crc32 ) 00

`drivers.protocols.npu_compiled` does the same in machine code, for the 1 kHz loop;
`drivers.protocols.npu_light` has the payloads of requests that send light.
"""

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from zlib import crc32

import numpy as np

from lumina.theory.architecture import ChipKind

__all__ = [
    "BOARD",
    "DETECTIONS",
    "HEADER",
    "KINDS",
    "MAX_FRAME",
    "MAX_MESSAGE",
    "MAX_PAYLOAD",
    "REPLY",
    "STATUS",
    "VERSION",
    "BadFrameError",
    "ErrorCode",
    "Feature",
    "Kind",
    "Message",
    "Splitter",
    "body",
    "cobs_decode",
    "cobs_encode",
    "decode",
    "encode",
    "pack_error",
    "parse",
    "unpack_error",
]

VERSION = 2

HEADER = np.dtype(
    [
        ("version", "u1"),
        ("kind", "u1"),
        ("reserved", "<u2"),
        ("sequence", "<u4"),  # counts up per direction; a reply repeats its request's
        ("time_ns", "<i8"),  # sender's clock; of a sensor frame, when the sample was due
    ]
)

CRC_BYTES = 4
MAX_PAYLOAD = 16 * 1024
"""Longest payload, bytes: a board of 4096 heaters fits twice."""

MAX_MESSAGE = HEADER.itemsize + MAX_PAYLOAD + CRC_BYTES
"""Longest message before stuffing, bytes."""

MAX_FRAME = MAX_MESSAGE + MAX_MESSAGE // 254 + 1
"""Longest message after stuffing, bytes, without the zero that ends it."""

REPLY = 0x80
"""Bit that makes a request's kind its reply's."""


class Kind(IntEnum):
    """What a message is."""

    SENSOR = 1  # board -> host, each millisecond while streaming
    ACTUATOR = 2  # host -> board
    IDENTIFY = 16  # -> BOARD
    STREAM = 17  # one byte, 0 or 1 -> nothing
    MULTIPLY = 18  # vectors -> LIGHT, vectors
    RESET = 19  # -> nothing; streaming ends, outputs go safe, counters start at 0
    STATUS = 20  # -> STATUS
    DESCRIBE_TAPS = 21  # -> TAPS; boards whose FEATURES tell of taps
    READ_TAPS = 22  # vectors -> LIGHT, tap codes
    ERROR = 0xFF  # in place of a reply: code and text


class ErrorCode(IntEnum):
    """Why a board refuses a request."""

    UNKNOWN = 1  # no such request
    MALFORMED = 2  # the payload is not what this request takes
    REFUSED = 3  # understood, but the values cannot be


class Feature(IntFlag):
    """What a board has beside the requests that every board answers; bits of BOARD."""

    TAPS = 1  # DESCRIBE_TAPS and READ_TAPS


KINDS: tuple[ChipKind, ...] = ("svd", "unitary", "triangular", "rings")
"""Chips by their number in BOARD."""

DETECTIONS = ("coherent", "direct", "balanced")
"""Ways of detection by their number in BOARD."""

BOARD = np.dtype(
    [
        ("manufacturer", "S32"),
        ("model", "S32"),
        ("serial", "S32"),
        ("firmware", "S32"),
        ("boot", "<u4"),  # another number after each power-up
        ("ports", "<u2"),
        ("heaters", "<u2"),
        ("interferometers", "<u2"),
        ("micro_rings", "<u2"),
        ("wavelength_channels", "u1"),
        ("rails", "u1"),
        ("mesh", "u1"),
        ("detection", "u1"),
        ("heater_bits", "u1"),
        ("converter_bits", "u1"),
        ("thermal_control", "u1"),
        ("features", "u1"),  # of `Feature`; boards that know of none send 0
        ("max_drive_v", "<f8"),
        ("nominal_phase_rad_per_v2", "<f8"),
        ("vector_rate_hz", "<f8"),
        ("channel_spacing_rad", "<f8"),  # of a weight bank, in round-trip phase; else 0
        ("ring_width_rad", "<f8"),
    ]
)
"""Reply to IDENTIFY: who the board is and what it has."""

STATUS = np.dtype(
    [
        ("tick", "<i8"),
        ("ticks", "<i8"),  # since the last reset, as all that follow
        ("late", "<i8"),  # of them started 1 ms late or more, or were skipped
        ("actuators", "<i8"),  # valid actuator frames
        ("corrupt", "<i8"),  # frames that were none: wrong CRC, version or length
        ("dropped", "<i8"),  # sensor frames that the wire did not take in time
        ("watchdog_trips", "<i8"),
        ("safe", "<i8"),  # 1 while the watchdog holds the safe state
        ("round_trip_p50_us", "<f8"),  # sensor frame out to its actuator frame in
        ("round_trip_p99_us", "<f8"),
        ("round_trip_worst_us", "<f8"),
    ]
)
"""Reply to STATUS."""


class BadFrameError(ValueError):
    """Bytes between two zeros that are no message of this protocol."""


@dataclass(frozen=True)
class Message:
    """One message.

    Attributes:
        kind: a `Kind`, with REPLY added in replies; others are passed on as they are.
        sequence: 0 .. 2^32 - 1.
        time_ns: sender's clock.
        payload: up to MAX_PAYLOAD bytes.
    """

    kind: int
    sequence: int
    time_ns: int
    payload: bytes = b""


def cobs_encode(data: bytes) -> bytes:
    """Stuff bytes so that none is zero (Cheshire and Baker, 1999)."""
    out = bytearray()
    runs = data.split(b"\0")
    for index, run in enumerate(runs):
        whole = len(run) // 254 * 254
        for start in range(0, whole, 254):
            out += b"\xff" + run[start : start + 254]
        rest = run[whole:]
        # A full block says nothing of a zero: the last run may end with it, others may not.
        if rest or not whole or index < len(runs) - 1:
            out.append(len(rest) + 1)
            out += rest
    return bytes(out)


def cobs_decode(frame: bytes) -> bytes:
    """Undo `cobs_encode`.

    Raises:
        BadFrameError: not the code of anything.
    """
    out = bytearray()
    at = 0
    while at < len(frame):
        code = frame[at]
        block = frame[at + 1 : at + code]
        if code == 0 or len(block) != code - 1 or 0 in block:
            raise BadFrameError(f"byte {at} is no block of COBS")
        out += block
        at += code
        if code < 0xFF and at < len(frame):
            out.append(0)
    return bytes(out)


def body(kind: int, sequence: int, time_ns: int, payload: bytes = b"") -> bytes:
    """Header and payload of a message, before CRC and stuffing."""
    header = np.zeros(1, HEADER)
    header["version"], header["kind"] = VERSION, kind
    header["sequence"], header["time_ns"] = sequence, time_ns
    return header.tobytes() + payload


def encode(message: Message) -> bytes:
    """A message as it goes on the wire, its final zero included."""
    plain = body(message.kind, message.sequence, message.time_ns, message.payload)
    return cobs_encode(plain + crc32(plain).to_bytes(CRC_BYTES, "little")) + b"\0"


def decode(frame: bytes) -> Message:
    """The message in what stood between two zeros.

    Raises:
        BadFrameError: no message: stuffing, length, CRC or version are wrong.
    """
    if len(frame) > MAX_FRAME:
        raise BadFrameError(f"{len(frame)} bytes are too many")
    sealed = cobs_decode(frame)
    plain, crc = sealed[:-CRC_BYTES], sealed[-CRC_BYTES:]
    if len(plain) < HEADER.itemsize:
        raise BadFrameError(f"{len(sealed)} bytes are too few")
    if crc32(plain) != int.from_bytes(crc, "little"):
        raise BadFrameError("the CRC does not fit")
    header = np.frombuffer(plain, HEADER, 1)[0]
    if header["version"] != VERSION:
        raise BadFrameError(f"version {header['version']}, not {VERSION}")
    return parse(plain)


def parse(plain: bytes) -> Message:
    """The message whose header and payload these are, checked already."""
    header = np.frombuffer(plain, HEADER, 1)[0]
    kind, sequence, time_ns = (int(header[name]) for name in ("kind", "sequence", "time_ns"))
    return Message(kind, sequence, time_ns, plain[HEADER.itemsize :])


class Splitter:
    """Messages out of bytes as they arrive.

    Attributes:
        corrupt: frames so far that were no messages.
    """

    def __init__(self) -> None:
        self.corrupt = 0
        self._frame = bytearray()
        self._overlong = False

    def feed(self, data: bytes) -> list[Message]:
        """Take in bytes; the messages that they complete."""
        *complete, rest = data.split(b"\0")
        messages = []
        for piece in complete:
            self._add(piece)
            frame, self._frame = bytes(self._frame), bytearray()
            overlong, self._overlong = self._overlong, False
            if overlong:
                self.corrupt += 1
            elif frame:
                messages += self._decoded(frame)
        self._add(rest)
        return messages

    def _add(self, piece: bytes) -> None:
        self._frame += piece
        if len(self._frame) > MAX_FRAME:
            self._frame.clear()
            self._overlong = True

    def _decoded(self, frame: bytes) -> list[Message]:
        try:
            return [decode(frame)]
        except BadFrameError:
            self.corrupt += 1
            return []


def pack_error(code: ErrorCode, text: str) -> bytes:
    """Payload of an ERROR reply."""
    return int(code).to_bytes(2, "little") + text.encode()[: MAX_PAYLOAD - 2]


def unpack_error(payload: bytes) -> tuple[int, str]:
    """Code and text of an ERROR reply; whatever came, it can be told."""
    return int.from_bytes(payload[:2], "little"), payload[2:].decode(errors="replace")
