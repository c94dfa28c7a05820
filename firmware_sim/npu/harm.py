"""What befalls the messages that a simulated board sends over a real wire, in compiled code.

Frames and replies are struck alike, as they are queued: by order the next ones, or by a
seeded plan a share of all. What is late keeps those behind it waiting: no wire lets bytes
overtake each other.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from drivers.protocols.npu_compiled import copy_bytes
from drivers.protocols.npu_flight import DOUBLED, DROPPED, GARBLED, LATE, TRUNCATED
from drivers.protocols.npu_pump import BACKLOG_BYTES, Pump
from firmware_sim.faults import Fault, FaultKind, FaultPlan
from lumina.compiled import compiled_tick
from lumina.errors import UsageError

__all__ = ["HARM", "Harms", "befall", "build_harms", "is_deaf", "order", "release"]

HARM = {
    FaultKind.LATE: LATE,
    FaultKind.DROPPED: DROPPED,
    FaultKind.TRUNCATED: TRUNCATED,
    FaultKind.DOUBLED: DOUBLED,
    FaultKind.GARBLED: GARBLED,
}
"""Faults of a message by their number in compiled code."""

NONE = -1
PLANNED = 1 << 16
"""Messages after which a plan begins anew: a minute of frames."""

FLIPPED_BIT = 0x10
NS_PER_S = 1e9

HARM_STATE = np.dtype(
    [
        ("harm", "i8"),  # what befalls the next messages; written by Python, as the next two
        ("harmed", "i8"),  # how many of them
        ("harm_ns", "i8"),  # how late they get
        ("plan_ns", "i8"),  # how late those of the plan get
        ("deaf_until_ns", "i8"),  # neither a byte in nor a byte out; written by Python
        ("held_until_ns", "i8"),
        ("held", "i8"),  # bytes that wait for it
        ("sent", "i8"),  # messages so far
        ("struck", "i8"),  # of them by something
    ]
)


class Harms(NamedTuple):
    """What goes wrong on one board's wire."""

    state: NDArray[Any]
    """Shape (1,), dtype HARM_STATE."""
    plan: NDArray[np.int8]
    """Shape (PLANNED,): what befalls message after message, NONE for nothing."""
    held: NDArray[np.uint8]
    """Shape (BACKLOG_BYTES,): bytes that are late."""


def build_harms(device: str, plan: FaultPlan) -> Harms:
    """What is planned, drawn by the plan's seed.

    Raises:
        UsageError: a kind of fault that does not befall a message.
    """
    others = [kind for kind in plan.kinds if kind not in HARM]
    if others:
        known = ", ".join(HARM)
        raise UsageError(f"{device}: no plan of {', '.join(others)} (allowed: {known})")
    random = np.random.default_rng(plan.seed)
    kinds = np.array([HARM[kind] for kind in plan.kinds], np.int8)
    struck = random.random(PLANNED) < plan.share
    table = np.where(struck, random.choice(kinds, PLANNED), NONE).astype(np.int8)
    state = np.zeros(1, HARM_STATE)
    state["plan_ns"] = round(plan.seconds * NS_PER_S)
    return Harms(state, table, np.zeros(BACKLOG_BYTES, np.uint8))


def order(harms: Harms, fault: Fault, count: int) -> None:
    """Have the next `count` messages struck."""
    harms.state["harm"] = HARM[fault.kind]
    harms.state["harm_ns"] = round(fault.seconds * NS_PER_S)
    harms.state["harmed"] = count


@compiled_tick
def next_harm(harms: Harms) -> int:
    """What befalls the message that is sent now."""
    state = harms.state[0]
    planned = harms.plan[state.sent % harms.plan.size]
    state.sent += 1
    if state.harmed > 0:
        state.harmed -= 1
        return int(state.harm)
    return int(planned)


@compiled_tick
def harm(pump: Pump, begin: int, kind: int) -> None:
    """Do it to the message that was queued last, from `begin` of the backlog on."""
    state = pump.state[0]
    length = state.sending - begin
    if kind == DROPPED:
        state.sending = begin
    elif kind == TRUNCATED:
        state.sending = begin + length // 2
    elif kind == GARBLED:
        pump.backlog[begin + length // 2] ^= FLIPPED_BIT
    elif kind == DOUBLED and state.sending + length <= pump.backlog.size:
        copy_bytes(pump.backlog, begin, pump.backlog, state.sending, length)
        state.sending += length


@compiled_tick
def befall(pump: Pump, harms: Harms, begin: int, time_ns: int) -> None:
    """See what befalls the message that was queued last, if one was."""
    state = harms.state[0]
    if pump.state[0].sending <= begin:
        return
    ordered = state.harmed > 0
    kind = next_harm(harms)
    if kind != NONE:
        state.struck += 1
        harm(pump, begin, kind)
    if kind == LATE:
        late_ns = state.harm_ns if ordered else state.plan_ns
        state.held_until_ns = max(state.held_until_ns, time_ns + late_ns)
    hold(pump, harms, begin, time_ns)


@compiled_tick
def hold(pump: Pump, harms: Harms, begin: int, time_ns: int) -> None:
    """Put what was queued last aside while anything before it is late; what is too much is lost."""
    state = harms.state[0]
    length = pump.state[0].sending - begin
    if state.held_until_ns <= time_ns:
        return
    if state.held + length <= harms.held.size:
        copy_bytes(pump.backlog, begin, harms.held, state.held, length)
        state.held += length
    pump.state[0].sending = begin


@compiled_tick
def release(pump: Pump, harms: Harms, time_ns: int) -> None:
    """Let out what was late, once its time has come; nothing else may be queued before."""
    state, queue = harms.state[0], pump.state[0]
    if state.held == 0 or state.held_until_ns > time_ns:
        return
    if queue.fd >= 0 and queue.sending + state.held <= pump.backlog.size:
        copy_bytes(harms.held, 0, pump.backlog, queue.sending, state.held)
        queue.sending += state.held
    state.held = 0


@compiled_tick
def is_deaf(harms: Harms, time_ns: int) -> bool:
    """Whether neither a byte goes in nor one out."""
    return bool(harms.state[0].deaf_until_ns > time_ns)
