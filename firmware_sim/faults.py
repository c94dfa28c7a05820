"""What can go wrong on a wire, by seed or by order."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Fault", "FaultKind", "FaultPlan", "Faults", "garbled"]


class FaultKind(StrEnum):
    """What goes wrong."""

    LATE = "late"
    """The reply arrives `seconds` later."""
    DROPPED = "dropped"
    """The reply never arrives."""
    TRUNCATED = "truncated"
    """The second half of the reply is missing."""
    DOUBLED = "doubled"
    """The reply arrives twice."""
    GARBLED = "garbled"
    """One bit of the reply is flipped."""
    STALL = "stall"
    """The instrument neither takes nor gives a byte for `seconds`."""
    DISCONNECT = "disconnect"
    """The link hangs up and comes back after `seconds`."""
    POWER_CYCLE = "power_cycle"
    """As disconnect, and the instrument has lost its settings when it is back."""


ON_REPLY = frozenset(
    {
        FaultKind.LATE,
        FaultKind.DROPPED,
        FaultKind.TRUNCATED,
        FaultKind.DOUBLED,
        FaultKind.GARBLED,
    }
)
"""Faults of one reply; the others are of the instrument and strike at once."""


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        kind: what goes wrong.
        seconds: how late, or how long away.
    """

    kind: FaultKind
    seconds: float = 1.0


class FaultPlan(BaseModel):
    """Faults that come by themselves, the same ones for the same seed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, ge=0, description="names the sequence of faults")
    share: float = Field(0.0, ge=0, le=1, description="share of the replies that a fault strikes")
    kinds: tuple[FaultKind, ...] = Field(
        tuple(sorted(ON_REPLY)), min_length=1, description="faults to choose among, evenly"
    )
    seconds: float = Field(1.0, ge=0, le=3600, description="how late, or how long away, s")


class Faults:
    """The faults of one instrument. `strike` is called by its server, `inject` by anyone."""

    def __init__(self, plan: FaultPlan | None = None) -> None:
        self._plan = plan or FaultPlan()
        self._random = np.random.default_rng(self._plan.seed)
        self._ordered: deque[Fault] = deque()
        self._at_once: deque[Fault] = deque()

    def inject(self, fault: Fault, count: int = 1) -> None:
        """Strike the next `count` replies, or the instrument at once; safe from any thread."""
        queue = self._ordered if fault.kind in ON_REPLY else self._at_once
        queue.extend([fault] * count)

    @property
    def waiting(self) -> bool:
        """Whether a fault of the instrument is due."""
        return bool(self._at_once)

    def at_once(self) -> Fault | None:
        """A fault of the instrument that is due."""
        return self._at_once.popleft() if self._at_once else None

    def strike(self) -> Fault | None:
        """The fault of the next reply, if one strikes it."""
        if self._ordered:
            return self._ordered.popleft()
        struck, kind = self._random.random(2)
        if struck >= self._plan.share:
            return None
        kinds: Sequence[FaultKind] = self._plan.kinds
        fault = Fault(kinds[int(kind * len(kinds))], self._plan.seconds)
        if fault.kind in ON_REPLY:
            return fault
        self._at_once.append(fault)
        return None

    def disturbed(self, reply: bytes) -> tuple[list[bytes], float]:
        """What becomes of a reply: the pieces that are sent, and how late, s."""
        fault = self.strike()
        if fault is None:
            return [reply], 0.0
        match fault.kind:
            case FaultKind.LATE:
                return [reply], fault.seconds
            case FaultKind.TRUNCATED:
                return [reply[: len(reply) // 2]], 0.0
            case FaultKind.DOUBLED:
                return [reply, reply], 0.0
            case FaultKind.GARBLED:
                return [garbled(reply)], 0.0
            case _:
                return [], 0.0


def garbled(reply: bytes) -> bytes:
    """The reply with a bit of its middle byte flipped: still one line, not the same."""
    middle = max(len(reply) - 1, 0) // 2
    return (
        reply[:middle]
        + bytes(byte ^ 0x10 for byte in reply[middle : middle + 1])
        + reply[middle + 1 :]
    )
