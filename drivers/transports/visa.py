"""Whatever a VISA resource string names, through pyvisa and pyvisa-py.

Raw sockets and serial lines are streams of bytes: they are read when something has arrived,
never waited on inside pyvisa, so that the bus may do so on its event loop. The other
interfaces carry whole messages and block until one is there.
"""

import contextlib
import fcntl
import select
import socket
import struct
import termios
import traceback
from collections.abc import Mapping
from functools import cache
from math import inf
from typing import Any

import pyvisa
from pyvisa.constants import Parity, SerialTermination, StatusCode, StopBits
from pyvisa.resources import MessageBasedResource

from drivers.transports.base import Transport, TransportError, WaitableTransport

__all__ = ["VisaMessages", "VisaSerial", "VisaSocket", "visa_transport"]

CHUNK = 1 << 20
SERIAL_CHUNK = 256
"""pyvisa-py reads a serial line byte by byte: 256 of them keep the event loop 1.5 ms."""

OPEN_MS = 3000
PARITY = {"none": Parity.none, "even": Parity.even, "odd": Parity.odd}
STOP_BITS = {1: StopBits.one, 2: StopBits.two}


def visa_transport(resource: str, settings: Mapping[str, Any]) -> Transport:
    """The transport of a VISA resource, not yet opened.

    Args:
        resource: for example ``TCPIP::192.168.1.20::hislip0::INSTR``.
        settings: `read_end`, what ends a reply (LF); `baud`, `parity`, `stop_bits` of a
            serial line.
    """
    kind = resource.upper()
    if kind.startswith("ASRL"):
        return VisaSerial(resource, settings)
    return VisaSocket(resource) if kind.endswith("SOCKET") else VisaMessages(resource, settings)


class _Session:
    """One VISA session."""

    resource: str

    def __init__(self, resource: str) -> None:
        self.resource = resource
        self._session: MessageBasedResource | None = None
        self._quiet = contextlib.ExitStack()

    def open(self) -> None:
        self.close()
        try:
            session = _manager().open_resource(self.resource, open_timeout=OPEN_MS)
        except Exception as error:  # pyvisa-py raises plain Exception too
            _close_what_is_left(error)
            raise TransportError(f"cannot be opened: {error or type(error).__name__}") from error
        assert isinstance(session, MessageBasedResource)
        self._session = session
        # A full buffer is no news: the rest is read next time.
        self._quiet.enter_context(session.ignore_warning(StatusCode.success_max_count_read))
        try:
            self._set_up(session)
        except (OSError, pyvisa.Error) as error:
            self.close()
            raise TransportError(_why_not_open(error)) from error

    def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            with contextlib.suppress(Exception):
                self._quiet.close()
                session.close()

    def write(self, data: bytes) -> None:
        session = self._live()
        try:
            session.visalib.write(session.session, data)
        except Exception as error:  # pyvisa-py lets all kinds through when the other side goes
            raise TransportError(f"lost: {error or type(error).__name__}") from error

    def _set_up(self, session: MessageBasedResource) -> None:
        """Make a session that has just been opened ready for bytes."""

    def _read(self, count: int) -> tuple[bytes, StatusCode]:
        """What VISA reads, up to `count` bytes, and why it stops there; none when it waits.

        Raises:
            TransportError: the other side has gone.
        """
        session = self._live()
        try:
            data, status = session.visalib.read(session.session, count)
        except Exception as error:  # as in `write`
            if getattr(error, "error_code", None) == StatusCode.error_timeout:
                return b"", StatusCode.error_timeout
            raise TransportError(f"lost: {error or type(error).__name__}") from error
        return bytes(data), status

    def _inner(self) -> Any:
        """pyvisa-py's own socket or serial port under the session."""
        session = self._live()
        return session.visalib.sessions[session.session].interface  # type: ignore[attr-defined]

    def _live(self) -> MessageBasedResource:
        if self._session is None:
            raise TransportError("not open")
        return self._session


class _Stream(_Session, WaitableTransport):
    """A session that is a stream of bytes, read when its file descriptor says so."""

    chunk = CHUNK
    ended: str
    """What it means when there is something to read and it is nothing."""

    def __init__(self, resource: str) -> None:
        super().__init__(resource)
        self._fd = -1
        self._readable = select.poll()

    def close(self) -> None:
        self._fd = -1
        super().close()

    def fileno(self) -> int:
        return self._fd

    def read(self, timeout_s: float) -> bytes:
        self._live()
        if not self._readable.poll(1000.0 * timeout_s):
            return b""
        if not (waiting := self._waiting()):
            raise TransportError(self.ended)
        data, _ = self._read(min(waiting, self.chunk))
        return data

    def _set_up(self, session: MessageBasedResource) -> None:
        self._fd = self._inner().fileno()
        self._readable = select.poll()
        self._readable.register(self._fd, select.POLLIN)

    def _waiting(self) -> int:
        """Bytes that have arrived."""
        try:
            answer = fcntl.ioctl(self._fd, termios.FIONREAD, bytes(4))
        except OSError:
            return 0
        return int(struct.unpack("i", answer)[0])


class VisaSocket(_Stream):
    """``TCPIP::host::port::SOCKET``."""

    reopening_forgets = True
    ended = "closed by the other side"

    def _set_up(self, session: MessageBasedResource) -> None:
        link: socket.socket = self._inner()
        link.getpeername()  # pyvisa-py takes a refused connection for an open one
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        super()._set_up(session)


class VisaSerial(_Stream):
    """``ASRL/dev/ttyUSB0::INSTR``."""

    reopening_forgets = False
    chunk = SERIAL_CHUNK
    ended = "unplugged"

    def __init__(self, resource: str, settings: Mapping[str, Any]) -> None:
        super().__init__(resource)
        self._settings = settings

    def _set_up(self, session: MessageBasedResource) -> None:
        line: Any = session
        line.baud_rate = int(self._settings.get("baud", 115200))
        line.parity = PARITY[self._settings.get("parity", "none")]
        line.stop_bits = STOP_BITS[int(self._settings.get("stop_bits", 1))]
        line.end_input = SerialTermination.none
        self._inner().exclusive = True
        super()._set_up(session)


class VisaMessages(_Session, Transport):
    """HiSLIP, VXI-11, USBTMC, GPIB: the interface itself marks where a message ends.

    A time-out of pyvisa-py loses what has arrived of a message, so a read is never cut
    into slices: after a cancelled request the next one may wait that request's time out.
    """

    reopening_forgets = True
    patience_s = inf

    def __init__(self, resource: str, settings: Mapping[str, Any]) -> None:
        super().__init__(resource)
        self._end: bytes = settings.get("read_end", b"\n") or b"\n"
        self._timeout_ms = -1

    def read(self, timeout_s: float) -> bytes:
        session = self._live()
        if timeout_s == 0.0:
            return b""  # it knows nothing of messages that nobody has asked for
        timeout_ms = max(1, round(1000.0 * timeout_s))
        if timeout_ms != self._timeout_ms:
            session.timeout = self._timeout_ms = timeout_ms
        data, status = self._read(CHUNK)
        if not data or status == StatusCode.success_max_count_read or data.endswith(self._end):
            return data
        return data + self._end  # its text may lack an end of line

    def close(self) -> None:
        """Close; pyvisa-py would ask a VXI-11 instrument that has gone for its leave, for 5 s."""
        link = getattr(self._inner(), "sock", None) if self._session is not None else None
        if isinstance(link, socket.socket) and _has_ended(link):
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
        super().close()

    def _set_up(self, session: MessageBasedResource) -> None:
        self._timeout_ms = -1


def _close_what_is_left(error: BaseException | None) -> None:
    """pyvisa-py leaves the sockets of a session that it cannot open in its frames."""
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            for value in frame.f_locals.values():
                for link in (value, *getattr(value, "__dict__", {}).values()):
                    if isinstance(link, socket.socket):
                        link.close()
        error = error.__context__


def _has_ended(link: socket.socket) -> bool:
    try:
        return link.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


@cache
def _manager() -> pyvisa.ResourceManager:
    return pyvisa.ResourceManager("@py")


def _why_not_open(error: Exception) -> str:
    if "exclusively lock" in str(error):
        return "in use by another process"
    if isinstance(error, OSError) and not error.strerror:
        return str(error)
    if isinstance(error, OSError):
        return "nobody listens on this port, or it is in use by another client"
    return f"cannot be set up: {error}"
