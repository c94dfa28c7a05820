"""What the bus needs of a wire."""

from abc import ABC, abstractmethod

from drivers.transports.clock import monotonic

__all__ = ["LoopTransport", "Transport", "TransportError", "WaitableTransport", "Wire"]


class TransportError(Exception):
    """The wire is not there, or not any more; the text says why, for people."""


class Transport(ABC):
    """A byte stream to one instrument. Blocking: only a bus's own thread calls it.

    Attributes:
        resource: the address as configured, for errors.
        reopening_forgets: whether bytes sent to an old connection can never arrive on a
            new one (true for sockets, false for serial lines).
        patience_s: the longest a single `read` may be asked to wait, s. Between two
            reads the bus looks whether anybody still wants the answer.
    """

    resource: str
    reopening_forgets: bool
    patience_s: float = 0.05

    @abstractmethod
    def open(self) -> None:
        """Open the wire.

        Raises:
            TransportError: nobody is there, no permission, or in use by another process.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the wire; idempotent, never raises."""

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Send all of `data`.

        Raises:
            TransportError: the wire is gone.
        """

    @abstractmethod
    def read(self, timeout_s: float) -> bytes:
        """Whatever has arrived, at least one byte; empty after `timeout_s` of silence.

        Raises:
            TransportError: the wire is gone.
        """

    def now(self) -> float:
        """The clock that time-outs are judged by, s."""
        return monotonic()


class WaitableTransport(Transport):
    """A wire whose file descriptor says when it can be read.

    `read` with no patience and a short `write` do not block on it; the bus then waits on
    the event loop, and has its thread open and close.
    """

    @abstractmethod
    def fileno(self) -> int:
        """The open wire's file descriptor, which does not block; -1 when it is not open."""


class LoopTransport(ABC):
    """A byte stream that needs no thread: it waits on the event loop, so also in virtual time.

    Attributes:
        resource: the address as configured, for errors.
        reopening_forgets: as `Transport.reopening_forgets`.
    """

    resource: str
    reopening_forgets: bool

    @abstractmethod
    def open(self) -> None:
        """As `Transport.open`."""

    @abstractmethod
    def close(self) -> None:
        """As `Transport.close`."""

    @abstractmethod
    def write(self, data: bytes) -> None:
        """As `Transport.write`."""

    @abstractmethod
    async def read(self, timeout_s: float) -> bytes:
        """As `Transport.read`."""

    @abstractmethod
    def now(self) -> float:
        """The clock that time-outs are judged by, s."""


Wire = Transport | LoopTransport
"""What a bus can stand on."""
