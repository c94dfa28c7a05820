"""A listening TCP socket and one client at a time."""

import errno
import select
import socket
from collections.abc import Collection

from firmware_sim.servers.endpoint import READ_BYTES, Arrival, Endpoint
from lumina.errors import DeviceConnectionError

__all__ = ["TcpEndpoint", "hung_up", "listen", "read_from", "write_to"]


class TcpEndpoint(Endpoint):
    """A raw socket, as on an instrument's port 5025: a second client is hung up on."""

    def __init__(self, name: str, host: str, port: int = 0, *, visa: bool = False) -> None:
        """Listen on a port as soon as it is opened.

        Args:
            name: the instrument's name, for errors.
            host: the interface to listen on.
            port: 0 takes any free one and keeps it.
            visa: whether the resource is told as VISA clients want it.
        """
        super().__init__()
        self._name, self._host, self.port, self._visa = name, host, port, visa
        self._listener: socket.socket | None = None
        self._client: socket.socket | None = None

    def open(self) -> None:
        self._listener = listen(self._name, self._host, self.port)
        self.port = self._listener.getsockname()[1]
        plain, visa = f"tcp://{self._host}:{self.port}", f"TCPIP::{self._host}::{self.port}::SOCKET"
        self.resource = visa if self._visa else plain

    def close(self) -> None:
        # The listener first: a client that is hung up on must not get in again meanwhile.
        for open_socket in (self._listener, self._client):
            if open_socket is not None:
                open_socket.close()
        self._client = self._listener = None
        self._unsent.clear()

    def watched(self) -> Collection[int]:
        return [s.fileno() for s in (self._client, self._listener) if s is not None]

    def ready(self, readable: Collection[int]) -> list[Arrival]:
        arrivals = []
        if self._client is not None and self._client.fileno() in readable:
            data = read_from(self._client)
            if data is not None:
                arrivals.append(Arrival(data))
            if data == b"":
                self._hang_up()
        if self._listener is not None and self._listener.fileno() in readable:
            self._accept(self._listener)
        return arrivals

    def _accept(self, listener: socket.socket) -> None:
        if self._client is not None and hung_up(self._client):
            return  # the next one waits until this one's end has been read
        try:
            client, _ = listener.accept()
        except OSError:  # it has gone again
            return
        if self._client is not None:
            client.close()
            return
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._client = client

    def _hang_up(self) -> None:
        if self._client is not None:
            self._client.close()
        self._client = None
        self._unsent.clear()

    def _write_some(self, data: bytes) -> int:
        return len(data) if self._client is None else write_to(self._client, data)


def listen(name: str, host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        DeviceConnectionError: the port is taken, or the host is not this machine.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()
    except (OSError, OverflowError) as error:
        listener.close()
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        why = "another program listens there; give it another port" if taken else str(error)
        raise DeviceConnectionError(name, f"cannot be served on {host}:{port}: {why}") from error
    listener.setblocking(False)
    return listener


def hung_up(client: socket.socket) -> bool:
    """Whether a client has gone, even if what it sent before is still to be read."""
    poll = select.poll()
    poll.register(client, select.POLLRDHUP)
    return bool(poll.poll(0))


def read_from(client: socket.socket) -> bytes | None:
    """What a readable client has sent; empty when it has gone, None for nothing after all."""
    try:
        return client.recv(READ_BYTES)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def write_to(client: socket.socket, data: bytes) -> int:
    """Bytes that a client takes at once; one that has gone takes them all."""
    try:
        return client.send(data)
    except BlockingIOError:
        return 0
    except OSError:
        return len(data)
