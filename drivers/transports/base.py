"""What the bus needs of a wire."""

from abc import ABC, abstractmethod

__all__ = ["Transport", "TransportError"]


class TransportError(Exception):
    """The wire is not there, or not any more; the text says why, for people."""


class Transport(ABC):
    """A byte stream to one instrument. Blocking: only a bus's own thread calls it.

    Attributes:
        resource: the address as configured, for errors.
        reopening_forgets: whether bytes sent to an old connection can never arrive on a
            new one (true for sockets, false for serial lines).
    """

    resource: str
    reopening_forgets: bool

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
