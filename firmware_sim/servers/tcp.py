"""A listening TCP socket and one client at a time."""

import socket
from abc import abstractmethod
from collections.abc import Collection, Iterator

from firmware_sim.servers.endpoint import Arrival, Endpoint
from firmware_sim.servers.sockets import accepted, hung_up, listen, read_from, write_to

__all__ = ["OneClientEndpoint", "TcpEndpoint"]


class OneClientEndpoint(Endpoint):
    """A listening socket whose second client is hung up on.

    Attributes:
        port: as asked for; once opened, the port that it is.
    """

    def __init__(self, name: str, host: str, port: int = 0) -> None:
        """Listen on a port as soon as it is opened.

        Args:
            name: the instrument's name, for errors.
            host: the interface to listen on.
            port: 0 takes any free one and keeps it.
        """
        super().__init__()
        self._name, self._host, self.port = name, host, port
        self._listener: socket.socket | None = None
        self._client: socket.socket | None = None

    @abstractmethod
    def _address(self) -> str:
        """Where it is, once the port is known."""

    @abstractmethod
    def _heard(self, data: bytes) -> Iterator[Arrival]:
        """What the client's bytes bring.

        Raises:
            ValueError: they are not of the protocol; the client is hung up on.
        """

    def open(self) -> None:
        self._listener = listen(self._name, self._host, self.port)
        self.port = self._listener.getsockname()[1]
        self.resource = self._address()

    def close(self) -> None:
        # The listener first: a client that is hung up on must not get in again meanwhile.
        if self._listener is not None:
            self._listener.close()
        self._listener = None
        self._hang_up()

    def watched(self) -> Collection[int]:
        return [s.fileno() for s in (self._client, self._listener) if s is not None]

    def ready(self, readable: Collection[int]) -> list[Arrival]:
        arrivals: list[Arrival] = []
        if self._client is not None and self._client.fileno() in readable:
            arrivals = self._read(self._client)
        if self._listener is not None and self._listener.fileno() in readable:
            self._accept(self._listener)
        return arrivals

    def _read(self, client: socket.socket) -> list[Arrival]:
        data = read_from(client)
        if data is None:
            return []
        arrivals: list[Arrival] = []
        try:
            arrivals.extend(self._heard(data))
        except ValueError:
            data = b""
        if not data:
            self._hang_up()
            arrivals.append(Arrival(b""))
        return arrivals

    def _accept(self, listener: socket.socket) -> None:
        if self._client is not None and hung_up(self._client):
            return  # the next one waits until this one's end has been read
        client = accepted(listener)
        if self._client is None:
            self._client = client
        elif client is not None:
            client.close()

    def _hang_up(self) -> None:
        if self._client is not None:
            self._client.close()
        self._client = None
        self._unsent.clear()

    def _write_some(self, data: bytes) -> int:
        return len(data) if self._client is None else write_to(self._client, data)


class TcpEndpoint(OneClientEndpoint):
    """A raw socket, as on an instrument's port 5025."""

    def __init__(self, name: str, host: str, port: int = 0, *, visa: bool = False) -> None:
        """As `OneClientEndpoint`.

        Args:
            name: the instrument's name, for errors.
            host: the interface to listen on.
            port: 0 takes any free one and keeps it.
            visa: whether the resource is told as VISA clients want it.
        """
        super().__init__(name, host, port)
        self._visa = visa

    def _address(self) -> str:
        plain, visa = f"tcp://{self._host}:{self.port}", f"TCPIP::{self._host}::{self.port}::SOCKET"
        return visa if self._visa else plain

    def _heard(self, data: bytes) -> Iterator[Arrival]:
        if data:
            yield Arrival(data)
