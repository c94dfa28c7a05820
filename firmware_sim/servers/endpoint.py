"""One way in to a simulated instrument."""

from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import Any, NamedTuple

__all__ = ["READ_BYTES", "Arrival", "Endpoint"]

READ_BYTES = 1 << 16

CHOKED_BYTES = 1 << 16
"""A client that has so many bytes still to read gets no more answers worked out."""


class Arrival(NamedTuple):
    """What came from the client.

    Attributes:
        data: the bytes; none when the client has gone.
        tag: goes along with the answer.
    """

    data: bytes
    tag: Any = None


class Endpoint(ABC):
    """A pty or a listening socket, and its one client. Never blocks.

    Attributes:
        resource: the address for clients; the same for as long as the server lives.
    """

    resource: str

    def __init__(self) -> None:
        self._unsent = bytearray()

    @abstractmethod
    def open(self) -> None:
        """Be there for clients.

        Raises:
            DeviceConnectionError: the address is taken.
        """

    @abstractmethod
    def close(self) -> None:
        """Hang up and be gone; `open` brings the same address back. Idempotent."""

    @abstractmethod
    def watched(self) -> Collection[int]:
        """File descriptors to wait on for reading."""

    @abstractmethod
    def ready(self, readable: Collection[int]) -> list[Arrival]:
        """Read what has arrived on those that are readable."""

    @abstractmethod
    def _write_some(self, data: bytes) -> int:
        """Pass on as many bytes as are taken at once."""

    @property
    def unsent(self) -> bool:
        """Whether bytes wait for the client to read."""
        return bool(self._unsent)

    @property
    def choked(self) -> bool:
        """Whether the client does not read what it is sent."""
        return len(self._unsent) >= CHOKED_BYTES

    def send(self, data: bytes, tag: Any = None) -> None:
        """Send bytes to the client; what it does not take at once follows with `flush`."""
        del tag
        self._unsent += data
        self.flush()

    def flush(self) -> None:
        """Send on what the client has not taken yet."""
        while self._unsent:
            taken = self._write_some(bytes(self._unsent))
            if taken == 0:
                return
            del self._unsent[:taken]
