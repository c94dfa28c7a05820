"""Frames of the NPU protocol to and from a file descriptor, in compiled code.

One thread per end owns a pump and calls its functions. Python shares two rings with that
thread: what came in and is not the thread's own business, and what is to go out. Each side
wakes the other by an eventfd, so neither polls.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from drivers.protocols.npu import MAX_FRAME, MAX_MESSAGE, Kind
from drivers.protocols.npu_compiled import (
    HEADER_BYTES,
    copy_bytes,
    open_frame,
    seal_frame,
    write_header,
)
from lumina.compiled import compiled, compiled_tick, memory_fence
from lumina.frames import ActuatorFrame, SensorFrame
from lumina.realtime import (
    GONE,
    READABLE,
    WRITABLE,
    now_ns,
    poll_until,
    read_bytes,
    write_bytes,
)

__all__ = [
    "BACKLOG_BYTES",
    "CHUNK_BYTES",
    "KIND_AT",
    "PUMP_STATE",
    "SLOTS",
    "FrameBytes",
    "Pump",
    "Ring",
    "frame_bytes",
    "hand_over",
    "idle",
    "lose",
    "next_message",
    "pack_frame",
    "queue_message",
    "receive",
    "send_posted",
    "tell",
    "transmit",
    "unpack_frame",
    "wait",
]

SLOTS = 64
"""Messages that a ring holds."""

CHUNK_BYTES = 65536
"""Most that is read at once."""

BACKLOG_BYTES = 4 * MAX_FRAME
"""Most that may wait for the wire."""

LONGEST_FRAME = MAX_FRAME
IDLE_NS = 1_000_000_000
KIND_AT = 1
"""Where in a message its kind stands."""

SENSOR = int(Kind.SENSOR)
CAN_READ, CAN_WRITE, IS_GONE = READABLE, WRITABLE, GONE

PUMP_STATE = np.dtype(
    [
        ("fd", "i8"),  # -1 while there is none
        ("notify_fd", "i8"),  # eventfd by which Python is woken
        ("gone", "i8"),  # the other end has gone since `fd` was set
        ("stop", "i8"),
        ("filled", "i8"),  # bytes of the frame that is coming in
        ("overlong", "i8"),  # that frame is too long: ignored up to its end
        ("chunk_at", "i8"),
        ("chunk_end", "i8"),
        ("sending", "i8"),  # bytes that the wire has not taken yet
        ("sequence", "i8"),  # of what this thread sends by itself
        ("received", "i8"),
        ("corrupt", "i8"),
        ("untold", "i8"),  # Python has not been woken for what was handed over last
        ("unread", "i8"),  # messages dropped because Python did not fetch them
        ("unsent", "i8"),  # messages dropped because the wire did not take them
    ]
)


class Ring(NamedTuple):
    """Messages from one writer to one reader."""

    slots: NDArray[np.uint8]
    """Shape (SLOTS, MAX_MESSAGE)."""
    lengths: NDArray[np.int64]
    """Shape (SLOTS,)."""
    written: NDArray[np.int64]
    """Shape (1,): messages written so far."""
    read: NDArray[np.int64]
    """Shape (1,): messages read so far."""


class Pump(NamedTuple):
    """One end of a wire, as compiled code takes it."""

    state: NDArray[Any]
    """Shape (1,), dtype PUMP_STATE."""
    polled: NDArray[Any]
    """Shape (2,), dtype POLL: the wire, and Python's eventfd."""
    timespec: NDArray[np.int64]
    """Shape (2,): scratch."""
    word: NDArray[np.uint8]
    """Shape (8,): an eventfd's count."""
    table: NDArray[np.uint32]
    chunk: NDArray[np.uint8]
    """Bytes as they came."""
    frame: NDArray[np.uint8]
    """The frame that is coming in, still stuffed."""
    incoming: NDArray[np.uint8]
    """The message that came in last."""
    outgoing: NDArray[np.uint8]
    """The message that is being made."""
    backlog: NDArray[np.uint8]
    """Bytes that the wire is to take."""
    inbox: Ring
    outbox: Ring


class FrameBytes(NamedTuple):
    """A sensor or actuator frame, as its bytes."""

    head: NDArray[np.uint8]
    codes: NDArray[np.uint8]


def frame_bytes(frame: SensorFrame | ActuatorFrame) -> FrameBytes:
    """The same memory as bytes, in the order of the wire."""
    return FrameBytes(frame[0].view(np.uint8), frame[1].view(np.uint8))


@compiled
def notify(pump: Pump) -> None:
    """Wake Python."""
    for index in range(8):
        pump.word[index] = 1 if index == 0 else 0
    write_bytes(pump.state[0].notify_fd, pump.word, 8)


@compiled
def lose(pump: Pump) -> None:
    """The other end is gone: forget the wire and what was half said, and tell Python."""
    state = pump.state[0]
    state.fd, state.gone = -1, 1
    state.filled, state.overlong, state.sending = 0, 0, 0
    state.chunk_at, state.chunk_end = 0, 0
    notify(pump)


@compiled
def wait(pump: Pump, deadline_ns: int) -> bool:
    """Wait until there is something to receive or to send, or a monotonic time.

    Returns:
        Whether `receive` may find bytes.
    """
    state, wire, bell = pump.state[0], pump.polled[0], pump.polled[1]
    wire.fd = state.fd
    wire.events = CAN_READ | CAN_WRITE if state.sending > 0 else CAN_READ
    if poll_until(deadline_ns, pump.polled, pump.timespec) == 0:
        return False
    if bell.returned & CAN_READ:
        read_bytes(bell.fd, pump.word)
    if wire.returned & CAN_READ:
        return True
    if wire.returned & IS_GONE:
        lose(pump)
    return False


@compiled
def receive(pump: Pump) -> None:
    """Read what has come; `next_message` then finds the messages in it."""
    state = pump.state[0]
    if state.fd < 0:
        return
    count = read_bytes(state.fd, pump.chunk)
    if count == 0 or (count < 0 and pump.polled[0].returned & IS_GONE):
        lose(pump)
    state.chunk_at, state.chunk_end = 0, max(count, 0)


@compiled_tick
def complete_frame(pump: Pump) -> int:
    """The frame has ended: its message's length, 0 if it is none."""
    state = pump.state[0]
    length = 0
    if state.overlong == 0 and state.filled > 0:
        length = max(open_frame(pump.table, pump.frame, state.filled, pump.incoming), 0)
    if length > 0:
        state.received += 1
    elif state.overlong == 1 or state.filled > 0:
        state.corrupt += 1
    state.filled, state.overlong = 0, 0
    return length


@compiled_tick
def fill_frame(pump: Pump) -> bool:
    """Take bytes from the chunk up to the next zero; False if there is none."""
    state = pump.state[0]
    at, end = state.chunk_at, state.chunk_end
    while at < end and pump.chunk[np.uint64(at)] != 0:
        at += 1
    count = at - state.chunk_at
    if count > LONGEST_FRAME - state.filled:
        count, state.overlong = LONGEST_FRAME - state.filled, 1
    copy_bytes(pump.chunk, state.chunk_at, pump.frame, state.filled, count)
    state.filled += count
    state.chunk_at = at + 1
    return bool(at < end)


@compiled_tick
def next_message(pump: Pump) -> int:
    """Length of the next whole message in `incoming`; 0 when no more has come."""
    state = pump.state[0]
    while state.chunk_at < state.chunk_end:
        ended = fill_frame(pump)
        length = complete_frame(pump) if ended else 0
        if length > 0:
            return length
    return 0


@compiled_tick
def hand_over(pump: Pump, length: int) -> None:
    """Leave the message that came in to Python; `tell` then wakes it."""
    ring = pump.inbox
    if ring.written[0] - ring.read[0] >= SLOTS or length > MAX_MESSAGE:
        pump.state[0].unread += 1
        return
    slot = ring.written[0] % SLOTS
    for index in range(length):
        ring.slots[slot, index] = pump.incoming[index]
    ring.lengths[slot] = length
    memory_fence()
    ring.written[0] += 1
    pump.state[0].untold = 1


@compiled
def tell(pump: Pump) -> None:
    """Wake Python if something was handed over."""
    if pump.state[0].untold == 1:
        pump.state[0].untold = 0
        notify(pump)


@compiled_tick
def queue_message(pump: Pump, length: int) -> bool:
    """Have the message in `outgoing` sent; False if the wire is too far behind."""
    state = pump.state[0]
    if state.fd < 0 or state.sending + LONGEST_FRAME >= pump.backlog.size:
        state.unsent += 1
        return False
    state.sending = seal_frame(pump.table, pump.outgoing, length, pump.backlog, state.sending)
    return True


@compiled
def transmit(pump: Pump) -> None:
    """Give the wire what it takes now."""
    state = pump.state[0]
    if state.fd < 0 or state.sending == 0:
        return
    taken = write_bytes(state.fd, pump.backlog, state.sending)
    if taken > 0:
        state.sending -= taken
        copy_bytes(pump.backlog, taken, pump.backlog, 0, state.sending)


@compiled_tick
def send_posted(pump: Pump) -> None:
    """Queue one message that Python has posted, if the wire is idle: frames go first."""
    ring = pump.outbox
    if pump.state[0].sending > 0 or ring.read[0] == ring.written[0]:
        return
    memory_fence()
    slot = ring.read[0] % SLOTS
    length = ring.lengths[slot]
    for index in range(length):
        pump.outgoing[index] = ring.slots[slot, index]
    memory_fence()
    ring.read[0] += 1
    queue_message(pump, length)


@compiled_tick
def pack_frame(pump: Pump, frame: FrameBytes, kind: int, time_ns: int) -> int:
    """Make a sensor or actuator message in `outgoing`; returns its length."""
    state = pump.state[0]
    state.sequence += 1
    write_header(pump.outgoing, kind, state.sequence & 0xFFFFFFFF, time_ns)
    at = HEADER_BYTES
    copy_bytes(frame.head, 0, pump.outgoing, at, frame.head.size)
    at += frame.head.size
    copy_bytes(frame.codes, 0, pump.outgoing, at, frame.codes.size)
    return int(at + frame.codes.size)


@compiled_tick
def unpack_frame(pump: Pump, length: int, frame: FrameBytes) -> bool:
    """Take a sensor or actuator message over from `incoming`; False if its size is wrong."""
    if length != HEADER_BYTES + frame.head.size + frame.codes.size:
        pump.state[0].corrupt += 1
        return False
    at = HEADER_BYTES
    copy_bytes(pump.incoming, at, frame.head, 0, frame.head.size)
    at += frame.head.size
    copy_bytes(pump.incoming, at, frame.codes, 0, frame.codes.size)
    return True


@compiled
def idle(pump: Pump) -> None:
    """Carry messages between Python and the wire, until stopped or the wire is gone."""
    state = pump.state[0]
    while state.stop == 0 and state.gone == 0:
        if wait(pump, now_ns(pump.timespec) + IDLE_NS):
            receive(pump)
            length = next_message(pump)
            while length > 0:
                if pump.incoming[KIND_AT] != SENSOR:  # the tail of a stream that was ended
                    hand_over(pump, length)
                length = next_message(pump)
            tell(pump)
        send_posted(pump)
        transmit(pump)
