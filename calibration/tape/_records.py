"""One exchange with a chip as bytes: what was asked, when, and what was answered.

    length u32 | body | CRC-32 of the body u32         little-endian throughout
    body     = time f64 | question | argument | answer
    question = length u8, ASCII
    argument, answer = kind u8, dimensions u8, each dimension u32, the numbers

A single number has no dimensions; nothing at all has kind 0 and no dimensions.
"""

import struct
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

__all__ = ["Answer", "Exchange", "decode_exchange", "encode_exchange"]

Answer = float | NDArray[np.float64] | NDArray[np.complex128] | None

LENGTH = struct.Struct("<I")
_TIME = struct.Struct("<d")
_KINDS = {1: np.dtype("<f8"), 2: np.dtype("<c16")}
_MOST_DIMENSIONS = 8


class Exchange(NamedTuple):
    """One question and its answer."""

    t_s: float
    """Bench time of the answer, in s."""
    question: str
    """Name of the call."""
    argument: Answer
    answer: Answer

    def asks(self, question: str, argument: Answer) -> bool:
        """Whether this is that question, bit for bit."""
        return self.question == question and _bytes(self.argument) == _bytes(argument)


def encode_exchange(exchange: Exchange) -> bytes:
    """The record of an exchange."""
    name = exchange.question.encode("ascii")
    body = b"".join(
        [
            _TIME.pack(exchange.t_s),
            bytes([len(name)]),
            name,
            _bytes(exchange.argument),
            _bytes(exchange.answer),
        ]
    )
    return LENGTH.pack(len(body)) + body + LENGTH.pack(crc32(body))


def decode_exchange(record: bytes) -> Exchange | None:
    """The exchange of a record; None where it is torn or damaged."""
    if len(record) < 2 * LENGTH.size:
        return None
    body, end = memoryview(record)[LENGTH.size : -LENGTH.size], len(record) - LENGTH.size
    told = LENGTH.unpack_from(record)[0], LENGTH.unpack_from(record, end)[0]
    if told != (len(body), crc32(body)):
        return None
    try:
        return _decoded(body)
    except (ValueError, struct.error, IndexError):
        return None


def _decoded(body: memoryview) -> Exchange:
    (t_s,) = _TIME.unpack_from(body)
    start = _TIME.size + 1
    stop = start + body[_TIME.size]
    question = bytes(body[start:stop]).decode("ascii")
    argument, stop = _value(body, stop)
    answer, stop = _value(body, stop)
    if stop != len(body):
        raise ValueError("bytes left over")
    return Exchange(t_s, question, argument, answer)


def _bytes(value: Answer) -> bytes:
    if value is None:
        return b"\0\0"
    array = np.asarray(value)
    kind = 2 if array.dtype.kind == "c" else 1
    shape = b"".join(map(LENGTH.pack, array.shape))
    return bytes([kind, array.ndim]) + shape + array.astype(_KINDS[kind]).tobytes()


def _value(body: memoryview, at: int) -> tuple[Answer, int]:
    """The value that begins at a byte, and where it ends."""
    kind, dimensions = body[at], body[at + 1]
    at += 2
    if kind == 0:
        return None, at
    if kind not in _KINDS or dimensions > _MOST_DIMENSIONS:
        raise ValueError("unknown kind of value")
    shape = struct.unpack_from(f"<{dimensions}I", body, at)
    at += 4 * dimensions
    count = int(np.prod(shape, dtype=object)) if shape else 1
    size = count * _KINDS[kind].itemsize
    if at + size > len(body):
        raise ValueError("numbers are missing")
    array = np.frombuffer(body, _KINDS[kind], count, at).reshape(shape)
    return (array.copy() if shape else array.item()), at + size
