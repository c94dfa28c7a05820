"""Drivers of instruments that speak Modbus: what they share."""

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from drivers.bus.resync import Resync
from drivers.protocols.modbus import (
    BadReplyError,
    FrameSplitter,
    Framing,
    Link,
    RefusedError,
    message_gap_s,
)
from drivers.protocols.modbus_maps import Register, RegisterMap, Space, Value
from drivers.transports import Wire
from drivers.transports.base import Transport
from drivers.transports.quiet import QuietLine, QuietLoopLine
from drivers.wire import WireInstrument
from lumina.errors import DeviceRangeError, DeviceStateError

__all__ = ["ModbusFramer", "ModbusInstrument", "ModbusRtuInstrument", "ModbusTcpInstrument"]

BITS_PER_BYTE = 11
"""Start, 8 data, parity or a second stop, stop."""

ILLEGAL_VALUE, NOT_AUTHORISED = 3, 4

USUAL_PORT = 502
HOST_ONLY = re.compile(r"tcp://[^:/?]+")
VISA_SOCKET = re.compile(r"TCPIP\d*::(?P<host>[^:]+)::(?P<port>\d+)::SOCKET", re.IGNORECASE)


class ModbusFramer:
    """Messages are whole frames: the codec marks them off itself."""

    def __init__(self, framing: Framing) -> None:
        self._framing = framing

    def encode(self, message: bytes) -> bytes:
        return message

    def splitter(self) -> FrameSplitter:
        return FrameSplitter(self._framing)


class ModbusInstrument(WireInstrument):
    """A unit whose values are read and written by the names in its table.

    Attributes:
        registers: the table.
        link: to the unit.
    """

    registers: ClassVar[RegisterMap]
    link: Link

    async def read(self, name: str) -> Value:
        """One value."""
        (value,) = await self.read_run(name, 1)
        return value

    async def number(self, name: str) -> float:
        """One value that is a number."""
        return float(await self.read(name))

    async def read_run(self, first: str, count: int) -> list[Value]:
        """Values that follow one another in the table and in the unit, in one exchange.

        Args:
            first: name of the first.
            count: how many.
        """
        names = list(self.registers)
        start = names.index(first)
        run = [self.registers[name] for name in names[start : start + count]]
        words = await self._ask(run[0].space, run[0].address, sum(r.size for r in run))
        return [_cut(register, words, run[0].address) for register in run]

    async def write(self, name: str, value: Value) -> None:
        """Set one value.

        Raises:
            DeviceRangeError: the unit does not take it.
            DeviceStateError: it may not be set, or not now.
        """
        register = self.registers[name]
        frame = self.link.write(register.address, register.words(value), self._transaction())
        try:
            self._answer(frame, await self.request(frame))
        except RefusedError as refusal:
            raise self._refused(register, value, refusal) from refusal

    def _refused(self, register: Register, value: Value, refusal: RefusedError) -> Exception:
        what = f"{register.name} = {value!r} refused: {refusal}"
        if refusal.code == ILLEGAL_VALUE:
            allowed = f"{register.low:g} .. {register.high:g}"
            return DeviceRangeError(self.name, what, allowed)
        if refusal.code == NOT_AUTHORISED:
            return DeviceStateError(self.name, what, "protected")
        return self.odd(what)

    async def _ask(self, space: Space, address: int, count: int) -> list[int]:
        frame = self.link.read(space, address, count, self._transaction())
        try:
            return self._answer(frame, await self.request(frame))
        except RefusedError as refusal:
            text = f"{count} registers from {address:#06x}: {refusal}"
            raise self.odd(text) from refusal

    def _answer(self, frame: bytes, reply: bytes) -> list[int]:
        try:
            return self.link.answer(frame, reply)
        except BadReplyError as error:
            raise self.odd(str(error)) from error

    def _transaction(self) -> int:
        """Number of the next request; RTU has none."""
        return 0


def _cut(register: Register, words: list[int], first: int) -> Value:
    start = register.address - first
    return register.value(words[start : start + register.size])


class ModbusTcpInstrument(ModbusInstrument):
    """Replies carry their request's transaction number: late ones are told by it."""

    framer = ModbusFramer(Framing.TCP)
    link = Link(Framing.TCP, 1)
    _last_transaction = 0

    def open_wire(self, address: str, settings: Mapping[str, Any]) -> Wire:
        return super().open_wire(_plain_socket(address), settings)

    def resync(self, wire: Wire) -> Resync:
        return Resync.match(lambda request, reply: request[:2] == reply[:2])

    def _transaction(self) -> int:
        self._last_transaction = self._last_transaction % 0xFFFF + 1
        return self._last_transaction


def _plain_socket(address: str) -> str:
    """A VISA socket ends messages at line feeds, which are bytes like any other here."""
    if visa := VISA_SOCKET.fullmatch(address):
        return f"tcp://{visa['host']}:{visa['port']}"
    return f"{address}:{USUAL_PORT}" if HOST_ONLY.fullmatch(address) else address


class ModbusRtuInstrument(ModbusInstrument):
    """Replies do not tell what they answer: to get back in step, a read like no other.

    Attributes:
        sentinel: input registers, first and number, that nothing else reads so many of.
    """

    framer = ModbusFramer(Framing.RTU)
    sentinel: ClassVar[tuple[int, int]]

    def open_wire(self, address: str, settings: Mapping[str, Any]) -> Wire:
        wire = super().open_wire(address, settings)
        baud = int(settings["baud"])
        gap_s, byte_s = message_gap_s(baud), BITS_PER_BYTE / baud
        if isinstance(wire, Transport):
            return QuietLine(wire, gap_s=gap_s, byte_s=byte_s)
        return QuietLoopLine(wire, gap_s=gap_s, byte_s=byte_s)

    def resync(self, wire: Wire) -> Resync:
        query = self.link.read(Space.INPUT, *self.sentinel)
        return Resync.sentinel(query, self._answers(query))

    def _answers(self, query: bytes) -> Callable[[bytes], bool]:
        def is_answer(reply: bytes) -> bool:
            try:
                return bool(self.link.answer(query, reply))
            except (BadReplyError, RefusedError):
                return False

        return is_answer
