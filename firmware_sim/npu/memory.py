"""The simulated NPU board at the far end of a wire in memory, in compiled code.

Nothing waits and nothing asks the system: time goes from event to event (the board's next
tick, the next arrival at either end) up to where the caller wants it.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from drivers.protocols.npu import Kind
from drivers.protocols.npu_flight import (
    Flight,
    WireTiming,
    arrival_ns,
    build_flight,
    departure_ns,
    land,
    letter_ns,
    send_on,
)
from drivers.protocols.npu_pump import KIND_AT, Pump, hand_over, next_message
from firmware_sim.npu.loop import BoardArrays, live_on, queue_sensor, take_messages
from lumina.compiled import compiled_tick
from lumina.realtime import PERIOD_NS

__all__ = ["MemoryWire", "build_wire", "live_alone", "note_letters", "until_arrival"]

SENSOR = int(Kind.SENSOR)
TICK_NS = PERIOD_NS


class MemoryWire(NamedTuple):
    """A wire between a board and its host, and the time on it."""

    to_board: Flight
    to_host: Flight
    now_ns: NDArray[np.int64]
    """Shape (1,)."""
    letter_ns: NDArray[np.int64]
    """Shape (1,): before when nothing is there for Python to look at, on either side."""


def build_wire(timing: WireTiming) -> MemoryWire:
    """A wire with nothing on it, at time 0."""
    to_board, to_host = build_flight(timing), build_flight(timing)
    return MemoryWire(to_board, to_host, np.zeros(1, np.int64), np.zeros(1, np.int64))


@compiled_tick
def send_both(board: BoardArrays, host: Pump, wire: MemoryWire) -> None:
    """Give both directions what there is to send."""
    send_on(host, wire.to_board, wire.now_ns[0])
    send_on(board.pump, wire.to_host, wire.now_ns[0])


@compiled_tick
def next_event_ns(board: BoardArrays, host: Pump, wire: MemoryWire) -> int:
    """When something happens next."""
    now_ns = wire.now_ns[0]
    arrival = min(arrival_ns(wire.to_board), arrival_ns(wire.to_host))
    departure = min(
        departure_ns(host, wire.to_board, now_ns), departure_ns(board.pump, wire.to_host, now_ns)
    )
    return int(min(arrival, departure, board.state[0].deadline_ns + TICK_NS))


@compiled_tick
def until_arrival(board: BoardArrays, host: Pump, wire: MemoryWire, until_ns: int) -> bool:
    """Live until something has arrived at the host, or until a time.

    Returns:
        Whether something has arrived; if not, it is `until_ns`.
    """
    state = board.state[0]
    while True:
        now_ns = wire.now_ns[0]
        send_both(board, host, wire)
        while land(board.pump, wire.to_board, now_ns):
            take_messages(board, now_ns)
        if state.deadline_ns + TICK_NS <= now_ns:
            state.deadline_ns += TICK_NS
            live_on(board, 1)
            queue_sensor(board, now_ns)
            send_on(board.pump, wire.to_host, now_ns)
        if arrival_ns(wire.to_host) <= now_ns:
            return True
        if now_ns >= until_ns:
            return False
        wire.now_ns[0] = min(next_event_ns(board, host, wire), until_ns)


@compiled_tick
def note_letters(board: BoardArrays, host: Pump, wire: MemoryWire) -> None:
    """See when Python has to look at something; to be called last, before time stands still."""
    now_ns, inbox = wire.now_ns[0], board.pump.inbox
    if inbox.read[0] < inbox.written[0]:
        wire.letter_ns[0] = now_ns
    else:
        wire.letter_ns[0] = min(
            letter_ns(host, wire.to_board, now_ns), letter_ns(board.pump, wire.to_host, now_ns)
        )


@compiled_tick
def live_alone(board: BoardArrays, host: Pump, wire: MemoryWire, until_ns: int) -> None:
    """Live until a time, with a host that runs no loop: it reads replies only."""
    while until_arrival(board, host, wire, until_ns):
        while land(host, wire.to_host, wire.now_ns[0]):
            length = next_message(host)
            while length > 0:
                if host.incoming[KIND_AT] != SENSOR:
                    hand_over(host, length)
                length = next_message(host)
    note_letters(board, host, wire)
