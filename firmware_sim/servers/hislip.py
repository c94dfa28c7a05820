"""HiSLIP 1.0 (IVI-6.1): VISA's own protocol on TCP, one session of two connections."""

import socket
import struct
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from firmware_sim.servers.endpoint import Arrival, Endpoint
from firmware_sim.servers.sockets import accepted, hung_up, listen, read_from, write_to

__all__ = ["HislipEndpoint"]

HEADER = struct.Struct(">2sBBIQ")
PROLOGUE = b"HS"
VERSION = 0x0100
VENDOR = int.from_bytes(b"LU", "big")
LONGEST_MESSAGE = 1 << 20

INITIALIZE, INITIALIZE_RESPONSE, FATAL_ERROR, ASYNC_LOCK, ASYNC_LOCK_RESPONSE = 0, 1, 2, 4, 5
DATA, DATA_END, DEVICE_CLEAR_COMPLETE, DEVICE_CLEAR_ACKNOWLEDGE = 6, 7, 8, 9
ASYNC_REMOTE_LOCAL, ASYNC_REMOTE_LOCAL_RESPONSE, TRIGGER = 10, 11, 12
ASYNC_MAX_SIZE, ASYNC_MAX_SIZE_RESPONSE, ASYNC_INITIALIZE, ASYNC_INITIALIZE_RESPONSE = (
    15,
    16,
    17,
    18,
)
ASYNC_CLEAR, ASYNC_STATUS, ASYNC_STATUS_RESPONSE, ASYNC_CLEAR_ACKNOWLEDGE = 19, 21, 22, 23
ASYNC_LOCK_INFO, ASYNC_LOCK_INFO_RESPONSE = 24, 25

TOO_MANY_CLIENTS = 3
POORLY_FORMED = 1
SESSION = 1


class Message(NamedTuple):
    """One message of either connection."""

    kind: int
    control: int
    parameter: int
    payload: bytes

    def packed(self) -> bytes:
        """Its bytes."""
        size = len(self.payload)
        return HEADER.pack(PROLOGUE, self.kind, self.control, self.parameter, size) + self.payload


class Connection:
    """One TCP connection and what of a message has arrived on it."""

    def __init__(self, client: socket.socket) -> None:
        self.socket = client
        self._input = b""

    def feed(self, data: bytes) -> list[Message] | None:
        """The messages that are whole now; None when it does not speak HiSLIP."""
        self._input += data
        messages = []
        while len(self._input) >= HEADER.size:
            prologue, kind, control, parameter, size = HEADER.unpack_from(self._input)
            if prologue != PROLOGUE or size > LONGEST_MESSAGE:
                return None
            end = HEADER.size + size
            if len(self._input) < end:
                break
            messages.append(Message(kind, control, parameter, self._input[HEADER.size : end]))
            self._input = self._input[end:]
        return messages

    def send(self, kind: int, control: int = 0, parameter: int = 0, payload: bytes = b"") -> None:
        """Send a short message; they fit any buffer."""
        write_to(self.socket, Message(kind, control, parameter, payload).packed())


class HislipEndpoint(Endpoint):
    """A HiSLIP server, ``TCPIP::host::hislip0,port::INSTR``.

    A reply carries the number of the message that it answers. A message ends with its
    DataEnd; a terminator is added where the client left it out.
    """

    def __init__(
        self, name: str, host: str, port: int = 0, *, status: Callable[[], int] = lambda: 0
    ) -> None:
        super().__init__()
        self._name, self._host, self.port, self._status = name, host, port, status
        self._listener: socket.socket | None = None
        self._connections: dict[int, Connection] = {}
        self._sync: Connection | None = None
        self._message = b""

    def open(self) -> None:
        self._listener = listen(self._name, self._host, self.port)
        self.port = self._listener.getsockname()[1]
        self.resource = f"TCPIP::{self._host}::hislip0,{self.port}::INSTR"

    def close(self) -> None:
        if self._listener is not None:
            self._listener.close()
        self._listener = None
        self._end_session()

    def watched(self) -> Collection[int]:
        listening = [] if self._listener is None else [self._listener.fileno()]
        return [*self._connections, *listening]

    def ready(self, readable: Collection[int]) -> list[Arrival]:
        arrivals: list[Arrival] = []
        for number in [n for n in self._connections if n in readable]:
            if connection := self._connections.get(number):
                arrivals += self._read(connection)
        if self._listener is not None and self._listener.fileno() in readable:
            self._accept(self._listener)
        return arrivals

    def send(self, data: bytes, tag: Any = None) -> None:
        """Send a whole reply to the message whose number is the tag."""
        super().send(Message(DATA_END, 0, tag, data).packed())

    def _write_some(self, data: bytes) -> int:
        return len(data) if self._sync is None else write_to(self._sync.socket, data)

    def _accept(self, listener: socket.socket) -> None:
        if self._sync is not None and hung_up(self._sync.socket):
            return  # the next one waits until this one's end has been read
        if (client := accepted(listener)) is not None:
            self._connections[client.fileno()] = Connection(client)

    def _read(self, connection: Connection) -> list[Arrival]:
        data = read_from(connection.socket)
        if data is None:
            return []
        messages = connection.feed(data) if data else None
        if messages is None:
            return self._drop(connection, POORLY_FORMED if data else None)
        arrivals: list[Arrival] = []
        for message in messages:
            arrivals += self._handle(connection, message)
        return arrivals

    def _handle(self, connection: Connection, message: Message) -> list[Arrival]:
        match message.kind:
            case 0 if self._sync is not None:
                return self._drop(connection, TOO_MANY_CLIENTS)
            case 0:
                self._sync = connection
                connection.send(INITIALIZE_RESPONSE, 0, VERSION << 16 | SESSION)
            case 6 | 7:
                return self._data(message)
            case 19:
                self._message = b""
                self._unsent.clear()
                connection.send(ASYNC_CLEAR_ACKNOWLEDGE)
                return [Arrival(b"")]
            case _:
                self._answer(connection, message.kind)
        return []

    def _answer(self, connection: Connection, kind: int) -> None:
        """What is answered by a header and no more."""
        size = LONGEST_MESSAGE.to_bytes(8, "big")
        answers: dict[int, tuple[int, int, int, bytes]] = {
            ASYNC_INITIALIZE: (ASYNC_INITIALIZE_RESPONSE, 0, VENDOR, b""),
            ASYNC_MAX_SIZE: (ASYNC_MAX_SIZE_RESPONSE, 0, 0, size),
            DEVICE_CLEAR_COMPLETE: (DEVICE_CLEAR_ACKNOWLEDGE, 0, 0, b""),
            ASYNC_LOCK: (ASYNC_LOCK_RESPONSE, 1, 0, b""),
            ASYNC_LOCK_INFO: (ASYNC_LOCK_INFO_RESPONSE, 0, 0, b""),
            ASYNC_REMOTE_LOCAL: (ASYNC_REMOTE_LOCAL_RESPONSE, 0, 0, b""),
        }
        if kind == ASYNC_STATUS:
            connection.send(ASYNC_STATUS_RESPONSE, self._status())
        elif kind in answers:
            connection.send(*answers[kind])

    def _data(self, message: Message) -> list[Arrival]:
        self._message += message.payload
        if message.kind == DATA and len(self._message) < LONGEST_MESSAGE:
            return []
        text, self._message = self._message, b""
        ended = text if text.endswith((b"\n", b"\r")) else text + b"\n"
        return [Arrival(ended, message.parameter)]

    def _drop(self, connection: Connection, error: int | None) -> list[Arrival]:
        """Close a connection; with the session's own goes the session."""
        if error is not None:
            connection.send(FATAL_ERROR, error)
        if connection is self._sync:
            self._end_session()
            return [Arrival(b"")]
        self._connections.pop(connection.socket.fileno(), None)
        connection.socket.close()
        return []

    def _end_session(self) -> None:
        for connection in self._connections.values():
            connection.socket.close()
        self._connections.clear()
        self._sync = None
        self._message = b""
        self._unsent.clear()
