"""VXI-11 (TCP/IP instrument protocol, revision 1.0): VISA's older protocol, on ONC RPC.

The core channel only, on a port of its own: there is no port mapper, so clients are given the
port. Neither the abort channel nor service requests are served, and locks are not kept: there
is one client.
"""

import struct
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import NamedTuple

from firmware_sim.clock import now_s
from firmware_sim.servers.endpoint import Arrival
from firmware_sim.servers.rpc import LONGEST_RECORD, Arguments, Call, Outcome, Records, reply
from firmware_sim.servers.tcp import OneClientEndpoint

__all__ = ["Vxi11Endpoint"]

CORE_CHANNEL = 0x0607AF, 1

NO_ERROR, NO_SUCH_LINK, OUT_OF_RESOURCES, TIMED_OUT = 0, 4, 9, 15

WRITE_ENDS, STOPS_AT_CHARACTER = 8, 128
"""Flags of a call."""

ALL_ASKED_FOR, AT_CHARACTER, AT_END = 1, 2, 4
"""Why a read ends."""

LINK = 1


class Procedure(IntEnum):
    """What a client may call."""

    CREATE_LINK = 10
    WRITE = 11
    READ = 12
    STATUS = 13
    TRIGGER = 14
    CLEAR = 15
    REMOTE = 16
    LOCAL = 17
    LOCK = 18
    UNLOCK = 19
    DESTROY_LINK = 23


SERVED = frozenset(Procedure)


class Reading(NamedTuple):
    """A device_read that waits for something to read."""

    call: int
    most: int
    until_s: float
    stop: bytes


class Vxi11Endpoint(OneClientEndpoint):
    """A VXI-11 server, ``TCPIP::host,port::inst0::INSTR``, with one link."""

    def __init__(
        self, name: str, host: str, port: int = 0, *, status: Callable[[], int] = lambda: 0
    ) -> None:
        super().__init__(name, host, port)
        self._status = status
        self._records = Records()
        self._linked = False
        self._message = self._to_read = b""
        self._reading: Reading | None = None

    def _address(self) -> str:
        return f"TCPIP::{self._host},{self.port}::inst0::INSTR"

    def send(self, data: bytes, tag: object = None) -> None:
        """Keep a reply for the client to read."""
        del tag
        self._to_read += data
        self.flush()

    def flush(self) -> None:
        self._answer_reading()
        super().flush()

    def _heard(self, data: bytes) -> Iterator[Arrival]:
        for record in self._records.feed(data):
            yield from self._serve(record)

    def _serve(self, record: bytes) -> list[Arrival]:
        """Answer one call; what it brings for the instrument."""
        call = Call.parse(record)
        if call is None:
            return []
        if call.program != CORE_CHANNEL:
            self._unsent += reply(call.number, outcome=Outcome.NO_PROGRAM)
            return []
        try:
            return self._carry_out(call.number, call.procedure, call.arguments)
        except struct.error:
            self._unsent += reply(call.number, outcome=Outcome.GARBAGE)
            return []

    def _carry_out(self, call: int, procedure: int, words: Arguments) -> list[Arrival]:
        if procedure not in SERVED:
            self._unsent += reply(call, outcome=Outcome.NO_PROCEDURE)
            return []
        if procedure == Procedure.CREATE_LINK:
            error, self._linked = OUT_OF_RESOURCES if self._linked else NO_ERROR, True
            self._unsent += reply(call, error, LINK, self.port, LONGEST_RECORD // 2)
            return []
        error = NO_ERROR if words.word() == LINK and self._linked else NO_SUCH_LINK
        if procedure == Procedure.WRITE:
            return self._take(call, error, words)
        if procedure == Procedure.READ:
            self._start_reading(call, error, words)
            return []
        told = [self._status()] if procedure == Procedure.STATUS else []
        self._unsent += reply(call, error, *told)
        if error or procedure not in (Procedure.CLEAR, Procedure.DESTROY_LINK):
            return []
        return self._forget(keep_link=procedure == Procedure.CLEAR)

    def _take(self, call: int, error: int, words: Arguments) -> list[Arrival]:
        _, _, flags, data = words.word(), words.word(), words.word(), words.opaque()
        self._unsent += reply(call, error, 0 if error else len(data))
        if error:
            return []
        self._message += data
        if not flags & WRITE_ENDS:
            return []
        text, self._message = self._message, b""
        return [Arrival(text if text.endswith((b"\n", b"\r")) else text + b"\n")]

    def _start_reading(self, call: int, error: int, words: Arguments) -> None:
        most, timeout_ms, _, flags, character = (words.word() for _ in range(5))
        if error:
            self._unsent += reply(call, error, 0, data=b"")
            return
        stop = bytes([character & 0xFF]) if flags & STOPS_AT_CHARACTER else b""
        self._reading = Reading(call, most, now_s() + timeout_ms / 1000.0, stop)

    def _answer_reading(self) -> None:
        """Answer the read that waits, when there is something or its time is up."""
        reading = self._reading
        if reading is None or (not self._to_read and now_s() < reading.until_s):
            return
        self._reading = None
        if not self._to_read:
            self._unsent += reply(reading.call, TIMED_OUT, 0, data=b"")
            return
        found = self._to_read.find(reading.stop) + 1 if reading.stop else 0
        size = min(found or len(self._to_read), reading.most)
        data, self._to_read = self._to_read[:size], self._to_read[size:]
        reason = ALL_ASKED_FOR if size == reading.most else 0
        reason |= AT_CHARACTER if found == size else 0
        reason |= 0 if self._to_read else AT_END
        self._unsent += reply(reading.call, NO_ERROR, reason, data=data)

    def _hang_up(self) -> None:
        super()._hang_up()
        self._records = Records()
        self._forget()

    def _forget(self, *, keep_link: bool = False) -> list[Arrival]:
        """Drop what is half said, as the instrument then hears."""
        self._linked = keep_link
        self._message = self._to_read = b""
        self._reading = None
        return [Arrival(b"")]
