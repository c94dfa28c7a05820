"""`drivers.protocols.npu` in machine code: the same bytes, for threads that must not wait.

A message lives at the start of a buffer of uint8; lengths are passed beside it.
"""

import numpy as np
from numpy.typing import NDArray

from drivers.protocols.npu import CRC_BYTES, HEADER, VERSION
from lumina.compiled import compiled_tick

__all__ = [
    "HEADER_BYTES",
    "copy_bytes",
    "crc_table",
    "open_frame",
    "read_word",
    "seal_frame",
    "write_header",
    "write_word",
]

Bytes = NDArray[np.uint8]

HEADER_BYTES = HEADER.itemsize
CRC_WIDTH = CRC_BYTES
PROTOCOL_VERSION = VERSION
FULL_BLOCK = 0xFF
ALL_ONES = 0xFFFFFFFF
STRIDE = 8
"""Bytes of a CRC that are taken at a time."""
POLYNOMIAL = 0xEDB88320
"""CRC-32 of IEEE 802.3, reflected."""


def crc_table() -> NDArray[np.uint32]:
    """What a byte does to a CRC-32, alone and with up to seven zero bytes behind it.

    Returns:
        Shape (8, 256): eight bytes can be taken at a time (Kounavis and Berry, 2005).
    """
    row = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        row = np.where(row & 1, row >> np.uint32(1) ^ np.uint32(POLYNOMIAL), row >> 1)
    rows = [row.astype(np.uint32)]
    for _ in range(STRIDE - 1):
        rows.append(rows[0][rows[-1] & 0xFF] ^ (rows[-1] >> np.uint32(8)))
    return np.array(rows)


@compiled_tick
def read_word(data: Bytes, at: int, size: int) -> int:
    """Little-endian integer of `size` bytes; of 8 bytes it is signed."""
    value = np.int64(0)
    for index in range(size):
        value |= np.int64(data[at + index]) << np.int64(8 * index)
    return int(value)


@compiled_tick
def crc32(table: NDArray[np.uint32], data: Bytes, length: int) -> int:
    """CRC-32 of the first `length` bytes."""
    crc = np.uint32(ALL_ONES)
    whole = length - length % STRIDE
    for at in range(0, whole, STRIDE):
        word = crc ^ np.uint32(read_word(data, at, 4))
        crc = np.uint32(
            table[7, np.uint8(word)]
            ^ table[6, np.uint8(word >> 8)]
            ^ table[5, np.uint8(word >> 16)]
            ^ table[4, np.uint8(word >> 24)]
            ^ table[3, data[at + 4]]
            ^ table[2, data[at + 5]]
            ^ table[1, data[at + 6]]
            ^ table[0, data[at + 7]]
        )
    for at in range(whole, length):
        crc = np.uint32(table[0, np.uint8(crc ^ data[at])] ^ (crc >> np.uint32(8)))
    return int(crc ^ np.uint32(ALL_ONES))


@compiled_tick
def write_word(data: Bytes, at: int, size: int, value: int) -> None:
    """Write a little-endian integer of `size` bytes."""
    for index in range(size):
        data[at + index] = np.uint8((value >> (8 * index)) & 0xFF)


@compiled_tick
def copy_bytes(source: Bytes, start: int, target: Bytes, at: int, count: int) -> None:
    """Copy `count` bytes from `start` of one buffer to `at` of another."""
    # Unsigned: an index that may be negative would be looked at byte by byte.
    first, to = np.uint64(start), np.uint64(at)
    for index in range(np.uint64(count)):
        target[to + index] = source[first + index]


@compiled_tick
def write_header(message: Bytes, kind: int, sequence: int, time_ns: int) -> None:
    """Fill the header of a message."""
    message[0], message[1] = PROTOCOL_VERSION, kind
    write_word(message, 2, 2, 0)
    write_word(message, 4, 4, sequence)
    write_word(message, 8, 8, time_ns)


@compiled_tick
def stuff(data: Bytes, length: int, out: Bytes, at: int) -> int:
    """COBS of the first `length` bytes into `out` from `at`; returns where it ends."""
    code_at, end, code = at, at + 1, 1
    for index in range(length):
        byte = data[index]
        if byte != 0:
            out[end] = byte
            end += 1
            code += 1
        if byte == 0 or (code == FULL_BLOCK and index + 1 < length):
            out[code_at] = code
            code_at, code = end, 1
            end += 1
    out[code_at] = code
    return end


@compiled_tick
def unstuff(frame: Bytes, length: int, out: Bytes) -> int:
    """Undo `stuff`; returns the length, or -1 if this is the code of nothing."""
    at, end = 0, 0
    while at < length:
        code = int(frame[at])
        if code == 0 or at + code > length:
            return -1
        for index in range(at + 1, at + code):
            if frame[index] == 0:
                return -1
            out[end] = frame[index]
            end += 1
        at += code
        if code < FULL_BLOCK and at < length:
            out[end] = 0
            end += 1
    return end


@compiled_tick
def seal_frame(table: NDArray[np.uint32], message: Bytes, length: int, out: Bytes, at: int) -> int:
    """Put a message on the wire: CRC, stuffing, final zero; returns where it ends in `out`.

    Args:
        table: of `crc_table`.
        message: header and payload, with room for the CRC behind them.
        length: of header and payload.
        out: what goes out.
        at: where in `out` to begin.
    """
    write_word(message, length, CRC_WIDTH, crc32(table, message, length))
    end = stuff(message, length + CRC_WIDTH, out, at)
    out[end] = 0
    return end + 1


@compiled_tick
def open_frame(table: NDArray[np.uint32], frame: Bytes, length: int, message: Bytes) -> int:
    """The message in what stood between two zeros.

    Returns:
        Length of header and payload in `message`, or -1 for what is no message.
    """
    sealed = unstuff(frame, length, message)
    body = sealed - CRC_WIDTH
    if body < HEADER_BYTES or message[0] != PROTOCOL_VERSION:
        return -1
    if read_word(message, body, CRC_WIDTH) != crc32(table, message, body):
        return -1
    return body
