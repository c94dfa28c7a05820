"""Whatever a VISA resource string names, through pyvisa and pyvisa-py."""

import contextlib
import select
import socket
from collections.abc import Mapping
from functools import cache
from math import inf
from typing import Any

import pyvisa
from pyvisa.constants import Parity, StatusCode, StopBits
from pyvisa.resources import MessageBasedResource

from drivers.framing import ANY_END
from drivers.transports.base import Transport, TransportError

__all__ = ["Visa"]

CHUNK = 1 << 20
OPEN_MS = 3000
PARITY = {"none": Parity.none, "even": Parity.even, "odd": Parity.odd}
STOP_BITS = {1: StopBits.one, 2: StopBits.two}


class Visa(Transport):
    """One VISA session.

    A time-out of pyvisa-py loses what has arrived of a message, so a read is never cut
    into slices: after a cancelled request the next one may wait that request's time out.

    Args:
        resource: for example ``TCPIP::192.168.1.20::hislip0::INSTR``.
        settings: `read_end`, what ends a reply (LF); `baud`, `parity`, `stop_bits` of a
            serial line.
    """

    patience_s = inf

    def __init__(self, resource: str, settings: Mapping[str, Any]) -> None:
        self.resource = resource
        kind = resource.upper()
        self._is_serial = kind.startswith("ASRL")
        self._is_stream = self._is_serial or kind.endswith("SOCKET")
        self.reopening_forgets = not self._is_serial
        self._settings = settings
        self._end: bytes = settings.get("read_end", b"\n")
        self._session: MessageBasedResource | None = None
        self._timeout_ms = -1

    def open(self) -> None:
        self.close()
        try:
            session = _manager().open_resource(self.resource, open_timeout=OPEN_MS)
        except Exception as error:  # pyvisa-py raises plain Exception too
            raise TransportError(f"cannot be opened: {error}") from error
        assert isinstance(session, MessageBasedResource)
        self._session, self._timeout_ms = session, -1
        try:
            self._check_connected()
            self._configure(session)
        except (OSError, pyvisa.Error) as error:  # pyserial's errors are OSErrors
            self.close()
            raise TransportError(_why_not_open(error)) from error

    def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            with contextlib.suppress(Exception):
                session.close()

    def write(self, data: bytes) -> None:
        session = self._live()
        try:
            session.visalib.write(session.session, data)
        except (pyvisa.Error, OSError) as error:
            raise TransportError(f"lost: {error}") from error

    def read(self, timeout_s: float) -> bytes:
        session = self._live()
        if timeout_s == 0.0 and not self._has_input():
            return b""
        self._set_timeout(session, timeout_s)
        # Without one end of line to wait for, take what comes byte by byte.
        count = 1 if self._is_stream and self._end == ANY_END else CHUNK
        try:
            # A full buffer is no news: the rest is read next time.
            with session.ignore_warning(StatusCode.success_max_count_read):
                data, status = session.visalib.read(session.session, count)
        except pyvisa.VisaIOError as error:
            if error.error_code != StatusCode.error_timeout:
                raise TransportError(f"lost: {error}") from error
            self._check_alive()
            return b""
        except (OSError, RuntimeError, AssertionError, ValueError) as error:
            # pyvisa-py's HiSLIP lets these through when the other side goes.
            raise TransportError(f"lost: {error or type(error).__name__}") from error
        return self._ended(bytes(data), status)

    def _ended(self, data: bytes, status: StatusCode) -> bytes:
        """A message protocol marks the end itself; its text may lack an end of line."""
        if self._is_stream or status == StatusCode.success_max_count_read or not data:
            return data
        end = self._end or b"\n"
        return data if data.endswith(end) else data + end

    def _configure(self, session: MessageBasedResource) -> None:
        if self._is_stream and self._end != ANY_END:
            session.read_termination = self._end[-1:].decode("latin-1")
        if self._is_serial:
            serial_session: Any = session
            serial_session.baud_rate = int(self._settings.get("baud", 115200))
            serial_session.parity = PARITY[self._settings.get("parity", "none")]
            serial_session.stop_bits = STOP_BITS[int(self._settings.get("stop_bits", 1))]
            port = self._inner()
            if hasattr(port, "exclusive"):
                port.exclusive = True

    def _set_timeout(self, session: MessageBasedResource, timeout_s: float) -> None:
        timeout_ms = max(1, round(1000.0 * timeout_s))
        if timeout_ms != self._timeout_ms:
            session.timeout = self._timeout_ms = timeout_ms

    def _inner(self) -> Any:
        """pyvisa-py's own socket or serial port under the session, where it has one."""
        session = self._live()
        sessions = getattr(session.visalib, "sessions", {})
        return getattr(sessions.get(session.session), "interface", None)

    def _has_input(self) -> bool:
        """Whether bytes have come that nobody has asked for; a message protocol knows."""
        if not self._is_stream:
            return False
        session, inner = self._live(), self._inner()
        if self._is_serial:
            return bool(getattr(inner, "in_waiting", 0))
        sessions = getattr(session.visalib, "sessions", {})
        if getattr(sessions.get(session.session), "_pending_buffer", b""):
            return True
        return isinstance(inner, socket.socket) and bool(select.select([inner], [], [], 0)[0])

    def _check_connected(self) -> None:
        """pyvisa-py takes a refused connection for an open one."""
        inner = self._inner()
        if isinstance(inner, socket.socket):
            inner.getpeername()

    def _check_alive(self) -> None:
        """pyvisa-py takes a closed connection for a silent one."""
        inner = self._inner()
        if not isinstance(inner, socket.socket):
            return
        try:
            gone = inner.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return
        except OSError as error:
            raise TransportError(f"lost: {error.strerror}") from error
        if gone:
            raise TransportError("closed by the other side")

    def _live(self) -> MessageBasedResource:
        if self._session is None:
            raise TransportError("not open")
        return self._session


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
