"""Modbus frames, RTU and TCP: whole frames out of a byte stream, requests, replies.

Frames and messages are pymodbus'. Cutting the stream is ours: pymodbus' own decoders drop
what follows a frame, and after a late reply that is the answer one waits for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from pymodbus.framer.base import FramerBase
from pymodbus.framer.rtu import FramerRTU
from pymodbus.framer.socket import FramerSocket
from pymodbus.pdu import DecodePDU, ExceptionResponse, ModbusPDU
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadInputRegistersRequest,
    WriteMultipleRegistersRequest,
    WriteSingleRegisterRequest,
)

from drivers.protocols.modbus_maps import Space

__all__ = [
    "BROADCAST",
    "EXCEPTIONS",
    "BadReplyError",
    "FrameSplitter",
    "Framing",
    "Link",
    "RefusedError",
    "message_gap_s",
]

BROADCAST = 0
"""Unit that every device listens to and none answers."""

LONGEST_FRAME = 260

EXCEPTIONS = {
    1: "illegal function",
    2: "illegal address",
    3: "illegal value",
    4: "device failure, or no authorisation",
    5: "acknowledged, in progress",
    6: "busy",
}
"""Exception code of a refusal -> what it means."""


class BadReplyError(Exception):
    """A reply that does not answer its request; the text says why."""


class RefusedError(Exception):
    """The device refused a request.

    Attributes:
        code: its exception code.
    """

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(f"exception {code}, {EXCEPTIONS.get(code, 'unknown')}")


class Framing(Enum):
    """How a message is wrapped."""

    RTU = "rtu"
    """Unit, message, CRC: on serial lines."""
    TCP = "tcp"
    """Transaction, length, unit, message: on sockets."""


def message_gap_s(baud: int) -> float:
    """Silence that ends an RTU frame: 3.5 characters of 11 bits, 1.75 ms above 19200 baud."""
    return 3.5 * 11 / baud if baud <= 19200 else 0.00175


class FrameSplitter:
    """Cuts a byte stream into whole frames; bytes that belong to none are dropped."""

    def __init__(self, framing: Framing, *, requests: bool = False) -> None:
        """Start with an empty buffer.

        Args:
            framing: of the stream.
            requests: whether the stream carries requests, not replies.
        """
        self._decoder = DecodePDU(requests)
        self._next = self._next_rtu if framing is Framing.RTU else self._next_tcp
        self._buffer = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that are whole now."""
        self._buffer += data
        frames = []
        while frame := self._next():
            frames.append(frame)
        self._buffer = self._buffer[-LONGEST_FRAME:]
        return frames

    @property
    def idle(self) -> bool:
        """Whether it holds nothing."""
        return not self._buffer

    def clear(self) -> None:
        """Forget what has been received."""
        self._buffer = b""

    def _next_rtu(self) -> bytes:
        """The first frame at any offset: one cut short may stand before a whole one."""
        for start in range(len(self._buffer) - FramerRTU.MIN_SIZE + 1):
            end = start + self._rtu_size(self._buffer[start:])
            frame = self._buffer[start:end]
            if FramerRTU.MIN_SIZE <= end - start == len(frame) and _crc_holds(frame):
                self._buffer = self._buffer[end:]
                return frame
        return b""

    def _rtu_size(self, data: bytes) -> int:
        """Size of the frame that starts with `data`, 0 while unknown."""
        kind = self._decoder.lookupPduClass(data)
        return kind.calculateRtuFrameSize(data) if kind else 0

    def _next_tcp(self) -> bytes:
        if len(self._buffer) < FramerSocket.MIN_SIZE:
            return b""
        protocol = int.from_bytes(self._buffer[2:4], "big")
        length = int.from_bytes(self._buffer[4:6], "big")
        if protocol != 0 or not 2 <= length <= LONGEST_FRAME - 6:
            self._buffer = b""  # where the next frame starts cannot be told
        frame = self._buffer[: 6 + length]
        if len(frame) < 6 + length:
            return b""
        self._buffer = self._buffer[6 + length :]
        return frame


def _crc_holds(frame: bytes) -> bool:
    return FramerRTU.check_CRC(frame[:-2], int.from_bytes(frame[-2:], "big"))


@dataclass(frozen=True)
class Link:
    """Messages to and from one unit, as frames.

    Attributes:
        framing: how messages are wrapped.
        unit: the device's address, 0 .. 255.
    """

    framing: Framing
    unit: int

    def read(self, space: Space, address: int, count: int, transaction: int = 0) -> bytes:
        """Ask for registers."""
        kind = ReadHoldingRegistersRequest if space is Space.HOLDING else ReadInputRegistersRequest
        return self.frame(kind(address=address, count=count), transaction)

    def write(self, address: int, words: Sequence[int], transaction: int = 0) -> bytes:
        """Set holding registers: one by function 6, several by function 16."""
        kind = WriteSingleRegisterRequest if len(words) == 1 else WriteMultipleRegistersRequest
        return self.frame(kind(address=address, registers=[*words]), transaction)

    def frame(self, message: ModbusPDU, transaction: int = 0) -> bytes:
        """Wrap a message."""
        message.dev_id, message.transaction_id = self.unit, transaction
        return self._framer(requests=False).buildFrame(message)

    def answer(self, request: bytes, reply: bytes) -> list[int]:
        """The registers in the reply to a request; empty where it only confirms a write.

        Args:
            request: a whole frame, by `read` or `write`.
            reply: a whole frame, by a `FrameSplitter`.

        Raises:
            RefusedError: the device refused.
            BadReplyError: the reply does not answer this request.
        """
        asked, told = self._parse(request, requests=True), self._parse(reply, requests=False)
        if (told.dev_id, told.transaction_id) != (asked.dev_id, asked.transaction_id):
            raise BadReplyError(
                f"unit {told.dev_id}, transaction {told.transaction_id} answered "
                f"unit {asked.dev_id}, transaction {asked.transaction_id}"
            )
        if told.function_code & 0x7F != asked.function_code:
            raise BadReplyError(f"function {told.function_code} answered {asked.function_code}")
        if isinstance(told, ExceptionResponse):
            raise RefusedError(told.exception_code)
        if asked.function_code in (Space.HOLDING.value, Space.INPUT.value):
            return _registers(asked, told)
        if told.address != asked.address:
            raise BadReplyError(f"address {told.address:#x} answered {asked.address:#x}")
        return []

    def request(self, frame: bytes) -> ModbusPDU:
        """The message in a host's whole frame.

        Raises:
            BadReplyError: it holds none, or a function that nobody knows.
        """
        return self._parse(frame, requests=True)

    def _parse(self, frame: bytes, *, requests: bool) -> ModbusPDU:
        framer = self._framer(requests)
        _, unit, transaction, body = framer.decode(frame)
        message = framer.decoder.decode(body) if body else None
        if message is None:
            raise BadReplyError(f"not a Modbus message: {frame.hex(' ')}")
        message.dev_id, message.transaction_id = unit, transaction
        return message

    def _framer(self, requests: bool) -> FramerBase:
        kind = FramerRTU if self.framing is Framing.RTU else FramerSocket
        return kind(DecodePDU(requests))


def _registers(asked: ModbusPDU, told: ModbusPDU) -> list[int]:
    if len(told.registers) != asked.count:
        raise BadReplyError(f"{len(told.registers)} registers, {asked.count} asked for")
    return [*told.registers]
