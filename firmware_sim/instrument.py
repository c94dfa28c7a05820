"""What a simulated instrument is: bytes in, timed bytes out, no I/O of its own.

Servers (pty, TCP, HiSLIP) carry the bytes, pace them, and break them when told to; the
instrument only knows its protocol and the plant.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

__all__ = ["Reply", "SimulatedInstrument", "Wiring"]


@dataclass(frozen=True)
class Reply:
    """Bytes that the instrument sends.

    Attributes:
        data: the bytes, terminator included.
        delay_s: time that the instrument takes before the first byte, s.
    """

    data: bytes
    delay_s: float = 0.0


@dataclass(frozen=True)
class Wiring:
    """How the real instrument is connected.

    Attributes:
        serial: whether it is served on a pty (True) or on TCP (False) unless told otherwise.
        baud: bits per second, for pacing at 10 bits a byte; None where the wire is fast.
        port: its usual TCP port; simulators listen on any free one.
        hislip: whether it is also served over HiSLIP.
        vxi11: whether it is also served over VXI-11.
    """

    serial: bool
    baud: int | None = None
    port: int | None = None
    hislip: bool = False
    vxi11: bool = False


class SimulatedInstrument(ABC):
    """One instrument on the wire. Not thread-safe: its server calls it from one thread."""

    wiring: ClassVar[Wiring]
    ticks_plant: ClassVar[bool] = False
    """Whether it advances its plant itself, as the board of the 1 kHz loop does."""

    @abstractmethod
    def receive(self, data: bytes) -> list[Reply]:
        """Take in bytes as they arrive, whole messages or pieces; answers to what is whole."""

    @abstractmethod
    def power_cycle(self) -> None:
        """Lose all settings and half-received input, as at power-up."""

    def disconnected(self) -> None:  # noqa: B027 - most have nothing to forget
        """The client has gone: forget half-received input."""

    def status_byte(self) -> int:
        """What a serial poll reads, where the interface has one."""
        return 0

    def idle(self) -> None:  # noqa: B027 - most instruments do nothing unasked
        """Time has passed: act on a silent host. Its server calls it every 50 ms or sooner."""
