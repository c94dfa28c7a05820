"""A wire in memory between two pumps, in compiled code: what arrives when, and what is lost.

Each direction takes messages from one pump's backlog at the wire's pace and puts them into
the other pump's chunk when their last byte is there. The caller says what time it is, so a
millisecond of the wire takes as long as its bytes take to copy.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from drivers.protocols.npu import MAX_FRAME, Kind
from drivers.protocols.npu_compiled import copy_bytes
from drivers.protocols.npu_pump import Pump, send_posted
from lumina.compiled import compiled_tick

__all__ = [
    "DOUBLED",
    "DROPPED",
    "FAR_NS",
    "GARBLED",
    "IN_MEMORY",
    "LATE",
    "TRUNCATED",
    "Flight",
    "WireTiming",
    "arrival_ns",
    "build_flight",
    "clear_flight",
    "departure_ns",
    "land",
    "letter_ns",
    "send_on",
    "stall",
]

IN_MEMORY = 1 << 40
"""Stands for the file descriptor of a wire that no system call may touch."""

FAR_NS = 2**62
"""Later than anything."""

SLOTS = 64
"""Pieces that are on their way at a time; what comes after them waits in the backlog."""

PIECE_BYTES = MAX_FRAME + 1
BITS_PER_BYTE = 10
SENSOR, ACTUATOR = int(Kind.SENSOR), int(Kind.ACTUATOR)

FLIGHT = np.dtype(
    [
        ("byte_ps", "i8"),  # time of a byte, ps
        ("latency_ns", "i8"),  # from the last byte's leaving to its arrival
        ("free_ns", "i8"),  # when the wire has taken all that it was given
        ("taken", "i8"),  # bytes of the backlog that were given to it
        ("sent", "i8"),  # pieces given to it so far
        ("landed", "i8"),  # pieces that have arrived
        ("harm", "i8"),  # what befalls the next messages
        ("harmed", "i8"),  # how many of them
        ("harm_ns", "i8"),  # how late they get
    ]
)


LATE, DROPPED, TRUNCATED, DOUBLED, GARBLED = range(5)
"""What may befall a message: values of FLIGHT's `harm`."""

FLIPPED_BIT = 0x10


@dataclass(frozen=True)
class WireTiming:
    """How fast a wire is.

    Attributes:
        byte_s: time of a byte, s.
        latency_s: from the last byte's leaving to its arrival, s.
    """

    byte_s: float
    latency_s: float = 0.0

    @classmethod
    def serial(cls, baud: int) -> "WireTiming":
        """A serial line, 8N1."""
        return cls(BITS_PER_BYTE / baud)

    @classmethod
    def ethernet(cls) -> "WireTiming":
        """TCP over gigabit Ethernet and one switch, between two stacks that are not busy."""
        return cls(byte_s=8e-9, latency_s=50e-6)


class Flight(NamedTuple):
    """One direction of a wire."""

    state: NDArray[Any]
    """Shape (1,), dtype FLIGHT."""
    arrive_ns: NDArray[np.int64]
    """Shape (SLOTS,)."""
    lengths: NDArray[np.int64]
    """Shape (SLOTS,)."""
    letters: NDArray[np.bool_]
    """Shape (SLOTS,): which pieces are not frames, and so are for Python to read."""
    pieces: NDArray[np.uint8]
    """Shape (SLOTS * PIECE_BYTES,): bytes as they are on the wire, piece after piece."""


def build_flight(timing: WireTiming) -> Flight:
    """A direction with nothing on its way."""
    state = np.zeros(1, FLIGHT)
    state["byte_ps"] = round(timing.byte_s * 1e12)
    state["latency_ns"] = round(timing.latency_s * 1e9)
    return Flight(
        state=state,
        arrive_ns=np.zeros(SLOTS, np.int64),
        lengths=np.zeros(SLOTS, np.int64),
        letters=np.zeros(SLOTS, np.bool_),
        pieces=np.zeros(SLOTS * PIECE_BYTES, np.uint8),
    )


def clear_flight(flight: Flight) -> None:
    """Forget what is on its way."""
    for name in ("free_ns", "taken", "sent", "landed"):
        flight.state[name] = 0


def stall(flight: Flight, until_ns: int) -> None:
    """Take nothing and give nothing until then."""
    flight.state["free_ns"] = max(int(flight.state["free_ns"][0]), until_ns)
    np.maximum(flight.arrive_ns, until_ns, out=flight.arrive_ns)


@compiled_tick
def arrival_ns(flight: Flight) -> int:
    """When the next piece arrives; FAR_NS if none is on its way."""
    state = flight.state[0]
    if state.landed == state.sent:
        return FAR_NS
    return int(flight.arrive_ns[state.landed % SLOTS])


@compiled_tick
def departure_ns(pump: Pump, flight: Flight, now_ns: int) -> int:
    """When a message of Python's that waits can depart at the earliest; FAR_NS if none does."""
    wire = flight.state[0]
    if pump.outbox.read[0] == pump.outbox.written[0] or wire.sent - wire.landed == SLOTS:
        return FAR_NS
    return int(max(wire.free_ns, now_ns + 1))


@compiled_tick
def letter_ns(pump: Pump, flight: Flight, now_ns: int) -> int:
    """Before when no request or reply from `pump` arrives; FAR_NS if none is on its way."""
    state = flight.state[0]
    for number in range(state.landed, state.sent):
        if flight.letters[number % SLOTS]:
            return int(flight.arrive_ns[number % SLOTS])
    return departure_ns(pump, flight, now_ns)


@compiled_tick
def is_frame(flight: Flight, slot: int) -> bool:
    """Whether a piece is a sensor or actuator frame: COBS leaves the kind in the third byte."""
    kind = flight.pieces[slot * PIECE_BYTES + 2]
    return bool(flight.lengths[slot] > 2 and SENSOR <= kind <= ACTUATOR)


@compiled_tick
def depart(pump: Pump, flight: Flight, length: int, late_ns: int, now_ns: int) -> None:
    """The next `length` bytes of the backlog go out, behind what has gone before."""
    wire = flight.state[0]
    slot = wire.sent % SLOTS
    copy_bytes(pump.backlog, wire.taken, flight.pieces, slot * PIECE_BYTES, length)
    wire.free_ns = max(wire.free_ns, now_ns) + length * wire.byte_ps // 1000
    flight.arrive_ns[slot] = wire.free_ns + wire.latency_ns + late_ns
    if wire.sent > wire.landed:  # in order, as on every wire
        before_ns = flight.arrive_ns[(wire.sent - 1) % SLOTS]
        flight.arrive_ns[slot] = max(flight.arrive_ns[slot], before_ns)
    flight.lengths[slot] = length
    flight.letters[slot] = not is_frame(flight, slot)
    wire.sent += 1


@compiled_tick
def depart_harmed(pump: Pump, flight: Flight, length: int, now_ns: int) -> None:
    """The next `length` bytes of the backlog go out, and something befalls them."""
    wire = flight.state[0]
    wire.harmed -= 1
    if wire.harm == LATE:
        depart(pump, flight, length, wire.harm_ns, now_ns)
    elif wire.harm == TRUNCATED:
        depart(pump, flight, length // 2, 0, now_ns)
    elif wire.harm == DOUBLED:
        depart(pump, flight, length, 0, now_ns)
        if wire.sent - wire.landed < SLOTS:
            depart(pump, flight, length, 0, now_ns)
    elif wire.harm == GARBLED:
        pump.backlog[wire.taken + length // 2] ^= FLIPPED_BIT
        depart(pump, flight, length, 0, now_ns)


@compiled_tick
def send_on(pump: Pump, flight: Flight, now_ns: int) -> None:
    """Give the wire what the pump has queued; if it is idle, a message that Python has posted."""
    wire, state = flight.state[0], pump.state[0]
    if wire.free_ns <= now_ns and wire.taken == state.sending:
        wire.taken, state.sending = 0, 0
        send_posted(pump)
    length = min(state.sending - wire.taken, PIECE_BYTES)
    if length == 0 or wire.sent - wire.landed == SLOTS:
        return
    if wire.harmed > 0:
        depart_harmed(pump, flight, length, now_ns)
    else:
        depart(pump, flight, length, 0, now_ns)
    wire.taken += length


@compiled_tick
def land(pump: Pump, flight: Flight, now_ns: int) -> bool:
    """Put the next piece that has arrived into the pump's chunk; False if none has."""
    if arrival_ns(flight) > now_ns:
        return False
    state, wire = pump.state[0], flight.state[0]
    slot = wire.landed % SLOTS
    state.chunk_at, state.chunk_end = 0, flight.lengths[slot]
    copy_bytes(flight.pieces, slot * PIECE_BYTES, pump.chunk, 0, state.chunk_end)
    wire.landed += 1
    return True
