"""ONC RPC version 2 over TCP (RFC 5531), as far as a server of one program needs it."""

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

__all__ = ["LONGEST_RECORD", "Arguments", "Call", "Outcome", "Records", "reply"]

LAST_FRAGMENT = 1 << 31
LONGEST_RECORD = 1 << 20
CALL, REPLY = 0, 1


class Outcome(IntEnum):
    """What becomes of a call that is understood."""

    SUCCESS = 0
    NO_PROGRAM = 1
    NO_PROCEDURE = 3
    GARBAGE = 4


class Arguments:
    """Values of a call, in XDR: words of four bytes, and strings padded to them."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def word(self) -> int:
        """The next word."""
        (value,) = struct.unpack_from(">I", self._data)
        self._data = self._data[4:]
        return int(value)

    def opaque(self) -> bytes:
        """The next string of bytes."""
        size = self.word()
        if size > len(self._data):
            raise struct.error("the string is cut")
        value, self._data = self._data[:size], self._data[size + -size % 4 :]
        return value


class Records:
    """Cuts a stream into records, which come in fragments."""

    def __init__(self) -> None:
        self._input = self._record = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The records that are whole now.

        Raises:
            ValueError: one is too long to be one.
        """
        self._input += data
        while len(self._input) >= 4:
            head = int.from_bytes(self._input[:4], "big")
            end = 4 + (head & ~LAST_FRAGMENT)
            if end + len(self._record) > LONGEST_RECORD:
                raise ValueError("the record is too long")
            if len(self._input) < end:
                return
            self._record += self._input[4:end]
            self._input = self._input[end:]
            if head & LAST_FRAGMENT:
                record, self._record = self._record, b""
                yield record


class Call(NamedTuple):
    """One call.

    Attributes:
        number: which its reply repeats.
        program: number and version.
        procedure: of the program.
        arguments: what follows.
    """

    number: int
    program: tuple[int, int]
    procedure: int
    arguments: Arguments

    @classmethod
    def parse(cls, record: bytes) -> "Call | None":
        """The call in a record; None where it is none."""
        words = Arguments(record)
        try:
            number, kind, _, program, version, procedure = (words.word() for _ in range(6))
            for _ in ("credentials", "verifier"):
                words.word()
                words.opaque()
        except struct.error:
            return None
        return cls(number, (program, version), procedure, words) if kind == CALL else None


def reply(
    number: int, *words: int, data: bytes | None = None, outcome: Outcome = Outcome.SUCCESS
) -> bytes:
    """The record that answers a call.

    Args:
        number: of the call.
        words: the results.
        data: a string of bytes after them.
        outcome: without results where it is no success.
    """
    body = struct.pack(f">{6 + len(words)}I", number, REPLY, 0, 0, 0, outcome, *words)
    if data is not None:
        body += struct.pack(">I", len(data)) + data + bytes(-len(data) % 4)
    return struct.pack(">I", LAST_FRAGMENT | len(body)) + body
