"""A serial port, a USB adapter or a pseudo-terminal."""

import contextlib
import errno
import fcntl
import os
import select
import termios
from dataclasses import dataclass

import serial

from drivers.transports.base import TransportError, WaitableTransport

__all__ = ["SerialPort", "SerialSettings"]

CHUNK = 65536
WRITE_PATIENCE_MS = 2000
"""A line that takes no byte for so long is stuck."""

PARITY = {"none": serial.PARITY_NONE, "even": serial.PARITY_EVEN, "odd": serial.PARITY_ODD}


@dataclass(frozen=True)
class SerialSettings:
    """How bits go over the line.

    Attributes:
        baud: bits per second.
        parity: none, even or odd. A pseudo-terminal knows none only.
        stop_bits: 1 or 2.
    """

    baud: int = 115200
    parity: str = "none"
    stop_bits: int = 1


class SerialPort(WaitableTransport):
    """8 data bits, no flow control, and nobody else on the port while it is open."""

    reopening_forgets = False

    def __init__(self, path: str, settings: SerialSettings | None = None) -> None:
        self.resource = path
        self._settings = settings or SerialSettings()
        self._port: serial.Serial | None = None
        self._fd = -1
        self._readable = select.poll()
        self._writable = select.poll()

    def open(self) -> None:
        self.close()
        try:
            port = serial.Serial(
                self.resource,
                baudrate=self._settings.baud,
                parity=PARITY[self._settings.parity],
                stopbits=self._settings.stop_bits,
                timeout=0,
                exclusive=True,
            )
        except (serial.SerialException, OSError, ValueError, termios.error) as error:
            raise TransportError(_why_not_open(self.resource, error)) from error
        self._port, self._fd = port, port.fileno()
        self._readable, self._writable = select.poll(), select.poll()
        self._readable.register(self._fd, select.POLLIN)
        self._writable.register(self._fd, select.POLLOUT)
        self._keep_others_out()

    def fileno(self) -> int:
        """The open wire's file descriptor, for who reads it without a bus; non-blocking."""
        return self._fd

    def close(self) -> None:
        port, self._port, self._fd = self._port, None, -1
        if port is not None:
            with contextlib.suppress(OSError, termios.error):
                fcntl.ioctl(port.fileno(), termios.TIOCNXCL)
            with contextlib.suppress(OSError, serial.SerialException, termios.error):
                port.close()

    def write(self, data: bytes) -> None:
        try:
            sent = os.write(self._fd, data)
            while sent < len(data):
                if not self._writable.poll(WRITE_PATIENCE_MS):
                    raise TransportError("the line takes no more bytes")
                sent += os.write(self._fd, data[sent:])
        except BlockingIOError as error:
            raise TransportError("the line takes no more bytes") from error
        except OSError as error:
            raise TransportError(_why_lost(error)) from error

    def read(self, timeout_s: float) -> bytes:
        # pyserial's own read costs three system calls a byte: poll once, take all there is.
        try:
            if not self._readable.poll(1000.0 * timeout_s):
                return b""
            data = os.read(self._fd, CHUNK)
        except OSError as error:
            raise TransportError(_why_lost(error)) from error
        if not data:
            raise TransportError("unplugged")
        return data

    def _keep_others_out(self) -> None:
        """Refuse the port to processes that do not ask for the lock that pyserial takes.

        Not on a pseudo-terminal: its server keeps it open, so the mark would outlive a
        process that dies.
        """
        if not os.path.realpath(self.resource).startswith("/dev/pts/"):
            with contextlib.suppress(OSError):
                fcntl.ioctl(self._fd, termios.TIOCEXCL)


def _why_not_open(path: str, error: Exception) -> str:
    number = getattr(error, "errno", None)
    if number == errno.ENOENT:
        return "there is no such port; is it plugged in?"
    if number == errno.EACCES:
        return "no permission; is this user in the group that owns the port (often dialout)?"
    if number in (errno.EBUSY, errno.EWOULDBLOCK) or "exclusively lock" in str(error):
        return "in use by another process"
    return f"cannot be opened: {error}"


def _why_lost(error: OSError) -> str:
    if error.errno == errno.EBADF:
        return "not open"
    if error.errno in (errno.EIO, errno.ENXIO, errno.ENODEV):
        return "unplugged"
    return f"lost: {error.strerror}"
