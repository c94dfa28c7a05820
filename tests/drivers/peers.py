"""Small instruments for the tests of buses and drivers, on real ptys and sockets.

The dialect is a line of text in, lines of text out. Besides ``*IDN?`` and the like it
has words that misbehave: ``SLOW x`` answers late, ``TWICE x`` doubly, ``HALF x`` without
its end, ``NOISE`` with garbage, ``MUTE`` not at all, and ``BYE`` hangs up.
"""

import contextlib
import os
import socket
import threading
import tty
from collections.abc import Iterator
from dataclasses import dataclass, field

from drivers.transports.memory import plug_in, unplug

WIRES = ("serial", "tcp", "visa serial", "visa socket", "memory")
"""Ways to serve the dialect."""

LATE_S = 0.08


@dataclass(frozen=True)
class Timed:
    data: bytes
    delay_s: float = 0.0


class HangUp(Exception):  # noqa: N818 - an event, not an error
    """The instrument drops the connection."""


@dataclass
class Dialect:
    """What the instrument says; its state survives connections, not power cycles."""

    identity: bytes = b"ACME,Model 1,SN7,1.0"
    end: bytes = b"\n"
    heard: list[bytes] = field(default_factory=list)
    errors: list[bytes] = field(default_factory=list)
    values: dict[bytes, bytes] = field(default_factory=dict)
    refuses: dict[bytes, bytes] = field(default_factory=dict)
    powered_on: bool = True
    deaf: bool = False

    def power_cycle(self) -> None:
        self.values.clear()
        self.errors.clear()
        self.powered_on = True

    def answer(self, line: bytes) -> list[Timed]:
        self.heard.append(line)
        if self.deaf:
            return []
        word, _, rest = line.partition(b" ")
        method = getattr(self, f"_{word.decode('latin-1').lower()}", None)
        if method is not None:
            return list(method(rest))
        if b"?" in line:
            return self._said(self._query(line))
        if word == b"*CLS":
            self.errors.clear()
            self.powered_on = False
        elif word in self.refuses:
            self.errors.append(self.refuses[word])
        else:
            self.values[word] = rest
        return []

    def _said(self, text: bytes) -> list[Timed]:
        return [Timed(text + self.end)]

    def _query(self, line: bytes) -> bytes:
        if line == b"*IDN?":
            return self.identity
        if line == b"*ESR?":
            was_on, self.powered_on = self.powered_on, False
            return b"128" if was_on else b"0"
        if line.lstrip(b":") == b"SYST:ERR?":
            return self.errors.pop(0) if self.errors else b'0,"No error"'
        header, _, rest = line.partition(b"?")
        return self.values.get(header + rest, self.values.get(header, b"0"))

    def _echo(self, rest: bytes) -> list[Timed]:
        return self._said(rest)

    def _slow(self, rest: bytes) -> list[Timed]:
        return [Timed(rest + self.end, LATE_S)]

    def _twice(self, rest: bytes) -> list[Timed]:
        return [Timed(2 * (rest + self.end))]

    def _half(self, rest: bytes) -> list[Timed]:
        return [Timed(rest)]

    def _noise(self, _: bytes) -> list[Timed]:
        return [Timed(b"\xff\x00\x9c junk" + self.end + b"\xfe\xfe")]

    def _mute(self, _: bytes) -> list[Timed]:
        return []

    def _bye(self, _: bytes) -> list[Timed]:
        raise HangUp


class Lines:
    """Cuts what a client sends into lines, whatever ends them."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        *lines, self._rest = (self._rest + data).replace(b"\r", b"\n").split(b"\n")
        return [line for line in lines if line]


class MemoryPeer:
    """The dialect plugged in under a name."""

    def __init__(self, dialect: Dialect, name: str) -> None:
        self._dialect, self._name, self._lines = dialect, name, Lines()
        self.address = plug_in(name, self)

    def receive(self, data: bytes) -> list[Timed]:
        try:
            return [r for line in self._lines.feed(data) for r in self._dialect.answer(line)]
        except HangUp:
            unplug(self._name)
            return []

    def disconnected(self) -> None:
        self._lines = Lines()

    def come_back(self) -> None:
        plug_in(self._name, self)

    def stop(self) -> None:
        unplug(self._name)


class _Served:
    """A dialect in a thread of its own."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._ending = threading.Event()
        self._threads: list[threading.Thread] = []

    def _start(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _join(self) -> None:
        for thread in self._threads:
            thread.join(2.0)
            assert not thread.is_alive()

    def _reply(self, fd: int, line: bytes) -> None:
        for reply in self._dialect.answer(line):
            if reply.delay_s and self._ending.wait(reply.delay_s):
                return
            os.write(fd, reply.data)


class SerialPeer(_Served):
    """The dialect on a pseudo-terminal; hanging up unplugs it."""

    def __init__(self, dialect: Dialect, link: str) -> None:
        super().__init__(dialect)
        self._link = link
        self.address = f"serial:{link}"
        self.come_back()

    def come_back(self) -> None:
        """Plug it in, under the same name: a link, as udev makes."""
        self._master, slave = os.openpty()
        tty.setraw(self._master)
        tty.setraw(slave)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._link)
        os.symlink(os.ttyname(slave), self._link)
        self._start(self._serve, self._master, slave)

    def _serve(self, master: int, slave: int) -> None:
        lines = Lines()
        os.set_blocking(master, False)
        try:
            while not self._ending.wait(0.001):
                with contextlib.suppress(BlockingIOError):
                    for line in lines.feed(os.read(master, 4096)):
                        self._reply(master, line)
        except HangUp:
            os.unlink(self._link)
        finally:
            os.close(slave)
            os.close(master)

    def stop(self) -> None:
        self._ending.set()
        self._join()


class TcpPeer(_Served):
    """The dialect on a port of its own."""

    def __init__(self, dialect: Dialect) -> None:
        super().__init__(dialect)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self.port = self._listener.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self.port}"
        self._start(self._accept)

    def come_back(self) -> None:
        """It never stops listening."""

    def _accept(self) -> None:
        while not self._ending.is_set():
            with contextlib.suppress(TimeoutError):
                link, _ = self._listener.accept()
                self._start(self._serve, link)

    def _serve(self, link: socket.socket) -> None:
        lines = Lines()
        link.settimeout(0.02)
        with link, contextlib.suppress(HangUp, OSError):
            while not self._ending.is_set():
                with contextlib.suppress(TimeoutError):
                    data = link.recv(4096)
                    if not data:
                        return
                    for line in lines.feed(data):
                        self._reply(link.fileno(), line)

    def stop(self) -> None:
        self._ending.set()
        self._join()
        self._listener.close()


Peer = MemoryPeer | SerialPeer | TcpPeer


@contextlib.contextmanager
def served(kind: str, dialect: Dialect, link: str) -> Iterator[Peer]:
    """The dialect on a wire of one of `WIRES`."""
    peer: Peer
    if kind in ("serial", "visa serial"):
        peer = SerialPeer(dialect, link)
    elif kind == "memory":
        peer = MemoryPeer(dialect, "peer")
    else:
        peer = TcpPeer(dialect)
    if kind == "visa serial":
        peer.address = f"ASRL{link}::INSTR"
    if kind == "visa socket" and isinstance(peer, TcpPeer):
        peer.address = f"TCPIP::127.0.0.1::{peer.port}::SOCKET"
    try:
        yield peer
    finally:
        peer.stop()
