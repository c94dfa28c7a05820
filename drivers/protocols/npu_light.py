"""Light on the NPU board's wire: payloads of vectors, of amplitudes, and of tap readings.

Heads and arrays follow one another without gaps; `drivers.protocols.npu` has the messages
around them.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivers.protocols.npu import BadFrameError

__all__ = [
    "LIGHT",
    "TAPS",
    "TAP_CODES",
    "VECTORS",
    "Coding",
    "Standing",
    "pack_light",
    "pack_taps",
    "pack_vectors",
    "tap_vectors_per_message",
    "unpack_light",
    "unpack_taps",
    "unpack_vectors",
    "vectors_per_message",
]


class Coding(IntEnum):
    """How one quadrature of an amplitude is coded."""

    FLOAT32 = 0
    INT16 = 1  # 32767 is full scale


TAPS = np.dtype(
    [("taps", "<u2"), ("bits", "u1"), ("reserved", "u1", (5,)), ("vector_rate_hz", "<f8")]
)
"""Reply to DESCRIBE_TAPS: how many monitors lie inside the mesh, and how they are read."""

TAP_CODES = np.dtype([("taps", "<u2"), ("reserved", "<u2"), ("vectors", "<u4")])
"""Head of the codes in a reply to READ_TAPS: for vector after vector one u16 per tap."""

VECTORS = np.dtype([("coding", "u1"), ("reserved", "u1"), ("ports", "<u2"), ("vectors", "<u4")])
"""Head of a payload of vectors. Vector after vector follow, each port's I and Q in turn."""

LIGHT = np.dtype([("tick", "<i8"), ("epoch", "<u4"), ("flags", "<u4")])
"""Before what a reply to MULTIPLY or READ_TAPS saw: how the board stood when the light passed,
in the terms of the sensor frame of that tick."""

INT16_FULL_SCALE = 32767.0
QUADRATURE: dict[Coding, np.dtype[Any]] = {
    Coding.FLOAT32: np.dtype("<f4"),
    Coding.INT16: np.dtype("<i2"),
}


@dataclass(frozen=True)
class Standing:
    """How a board stood in one tick, in the terms of that tick's sensor frame.

    Attributes:
        tick: of the board.
        epoch: another number after each interruption, 0 .. 2^32 - 1.
        flags: HELD_SAFE | LOCKED_OUT of `lumina.frames`.
    """

    tick: int
    epoch: int
    flags: int


def vectors_per_message(ports: int, coding: Coding, longest_payload: int) -> int:
    """How many vectors of so many ports fit into a request and its reply; at least 1."""
    room = longest_payload - VECTORS.itemsize - LIGHT.itemsize
    return max(1, room // (2 * QUADRATURE[coding].itemsize * ports))


def pack_vectors(fields: NDArray[np.complex128], coding: Coding) -> bytes:
    """Vectors, shape (ports, vectors), as a payload; int16 clips at full scale."""
    head = np.zeros(1, VECTORS)
    head["coding"], head["ports"], head["vectors"] = coding, *fields.shape
    quadratures = np.ascontiguousarray(fields.T, np.complex128).view(np.float64)
    if coding is Coding.INT16:
        quadratures = np.rint(np.clip(quadratures, -1.0, 1.0) * INT16_FULL_SCALE)
    return head.tobytes() + quadratures.astype(QUADRATURE[coding]).tobytes()


def unpack_vectors(payload: bytes) -> tuple[NDArray[np.complex128], Coding]:
    """Vectors of shape (ports, vectors) and how they were coded.

    Raises:
        BadFrameError: the payload is no vectors.
    """
    if len(payload) < VECTORS.itemsize:
        raise BadFrameError("too short for vectors")
    head = np.frombuffer(payload, VECTORS, 1)[0]
    ports, vectors = int(head["ports"]), int(head["vectors"])
    if head["coding"] not in tuple(Coding):
        raise BadFrameError(f"no coding {head['coding']}")
    coding = Coding(int(head["coding"]))
    kind = QUADRATURE[coding]
    if len(payload) - VECTORS.itemsize != 2 * ports * vectors * kind.itemsize or not ports:
        raise BadFrameError(f"{len(payload)} bytes are not {vectors} vectors of {ports} ports")
    quadratures = np.frombuffer(payload, kind, offset=VECTORS.itemsize).astype(np.float64)
    if coding is Coding.INT16:
        quadratures /= INT16_FULL_SCALE
    return quadratures.view(np.complex128).reshape(vectors, ports).T.copy(), coding


def pack_light(standing: Standing, seen: NDArray[np.complex128], coding: Coding) -> bytes:
    """Payload of a reply to MULTIPLY."""
    return _pack_standing(standing) + pack_vectors(seen, coding)


def _pack_standing(standing: Standing) -> bytes:
    head = np.zeros(1, LIGHT)
    head["tick"], head["epoch"], head["flags"] = standing.tick, standing.epoch, standing.flags
    return head.tobytes()


def unpack_light(payload: bytes) -> tuple[Standing, NDArray[np.complex128]]:
    """How the board stood, and the vectors, shape (ports, vectors).

    Raises:
        BadFrameError: the payload is no reply to MULTIPLY.
    """
    return _unpack_standing(payload), unpack_vectors(payload[LIGHT.itemsize :])[0]


def _unpack_standing(payload: bytes) -> Standing:
    if len(payload) < LIGHT.itemsize:
        raise BadFrameError("too short for light")
    return Standing(*np.frombuffer(payload, LIGHT, 1)[0].item())


def tap_vectors_per_message(ports: int, taps: int, coding: Coding, longest_payload: int) -> int:
    """How many vectors fit into a request to read so many taps and into its reply; at least 1."""
    reply = (longest_payload - LIGHT.itemsize - TAP_CODES.itemsize) // (2 * taps)
    return max(1, min(vectors_per_message(ports, coding, longest_payload), reply))


def pack_taps(standing: Standing, codes: NDArray[np.uint16]) -> bytes:
    """Payload of a reply to READ_TAPS: codes of shape (taps, vectors)."""
    head = np.zeros(1, TAP_CODES)
    head["taps"], head["vectors"] = codes.shape
    return _pack_standing(standing) + head.tobytes() + codes.T.astype("<u2").tobytes()


def unpack_taps(payload: bytes) -> tuple[Standing, NDArray[np.uint16]]:
    """How the board stood, and the taps' codes, shape (taps, vectors).

    Raises:
        BadFrameError: the payload is no reply to READ_TAPS.
    """
    standing, rest = _unpack_standing(payload), payload[LIGHT.itemsize :]
    if len(rest) < TAP_CODES.itemsize:
        raise BadFrameError("too short for tap codes")
    head = np.frombuffer(rest, TAP_CODES, 1)[0]
    taps, vectors = int(head["taps"]), int(head["vectors"])
    if len(rest) - TAP_CODES.itemsize != 2 * taps * vectors or not taps:
        raise BadFrameError(f"{len(rest)} bytes are not codes of {taps} taps, {vectors} vectors")
    codes = np.frombuffer(rest, "<u2", offset=TAP_CODES.itemsize)
    return standing, codes.reshape(vectors, taps).T.astype(np.uint16)
