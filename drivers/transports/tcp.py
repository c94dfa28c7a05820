"""A plain TCP connection, as on an instrument's raw port."""

import contextlib
import errno
import select
import socket

from drivers.transports.base import TransportError, WaitableTransport

__all__ = ["Tcp"]

CHUNK = 65536
CONNECT_S = 3.0
WRITE_PATIENCE_S = 2.0


class Tcp(WaitableTransport):
    """One connection to a host and port; nothing is delayed to fill packets."""

    reopening_forgets = True

    def __init__(self, host: str, port: int) -> None:
        self.resource = f"tcp://{host}:{port}"
        self._host, self._port = host, port
        self._socket: socket.socket | None = None
        self._readable = select.poll()

    def open(self) -> None:
        self.close()
        try:
            link = socket.create_connection((self._host, self._port), CONNECT_S)
        except OSError as error:
            raise TransportError(why_not_connected(error)) from error
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        link.settimeout(WRITE_PATIENCE_S)
        self._socket = link
        self._readable = select.poll()
        self._readable.register(link, select.POLLIN)

    def fileno(self) -> int:
        """The open wire's file descriptor, for who reads it without a bus; non-blocking."""
        return -1 if self._socket is None else self._socket.fileno()

    def close(self) -> None:
        link, self._socket = self._socket, None
        if link is not None:
            with contextlib.suppress(OSError):
                link.close()

    def write(self, data: bytes) -> None:
        try:
            self._link().sendall(data)
        except OSError as error:
            raise TransportError(why_lost(error)) from error

    def read(self, timeout_s: float) -> bytes:
        link = self._link()
        try:
            if not self._readable.poll(1000.0 * timeout_s):
                return b""
            data = link.recv(CHUNK)
        except OSError as error:
            raise TransportError(why_lost(error)) from error
        if not data:
            raise TransportError("closed by the other side")
        return data

    def _link(self) -> socket.socket:
        if self._socket is None:
            raise TransportError("not open")
        return self._socket


def why_not_connected(error: OSError) -> str:
    """Why nobody could be reached, in words."""
    if isinstance(error, socket.gaierror):
        return "there is no such host"
    if isinstance(error, TimeoutError):
        return f"nobody answers within {CONNECT_S:g} s; is it switched on, is the address right?"
    if error.errno == errno.ECONNREFUSED:
        return "nobody listens on this port, or it is in use by another client"
    return f"cannot be reached: {error.strerror or error}"


def why_lost(error: OSError) -> str:
    """How an open connection ended, in words."""
    if isinstance(error, TimeoutError):
        return "takes no more bytes"
    return f"lost: {error.strerror or error}"
