"""Listening sockets and their clients, without ever waiting for either."""

import errno
import select
import socket

from firmware_sim.servers.endpoint import READ_BYTES
from lumina.errors import DeviceConnectionError

__all__ = ["accepted", "hung_up", "listen", "read_from", "write_to"]


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


def accepted(listener: socket.socket) -> socket.socket | None:
    """A client that has come; None where it has gone again."""
    try:
        client, _ = listener.accept()
    except OSError:
        return None
    client.setblocking(False)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


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
