"""The host's end of the wire to an NPU board: requests from asyncio, frames from the loop.

Requests go through the rings of the pump that carries the 1 kHz frames, so both share the
wire; who runs that pump depends on the wire.
"""

import asyncio
import itertools
import os
import threading
from abc import abstractmethod
from collections.abc import Awaitable, Callable

from drivers.comeback import BACKOFF_S, Comeback
from drivers.interfaces import FrameLink
from drivers.protocols import npu
from drivers.protocols.npu import REPLY, ErrorCode, Kind, Message
from drivers.protocols.npu_ends import PumpEnds, RingEnds
from drivers.protocols.npu_pump import Pump, idle
from drivers.transports import FORMS, TransportError, open_transport
from drivers.transports.serial_port import SerialPort
from drivers.transports.tcp import Tcp
from lumina.compiled import entry_point
from lumina.errors import (
    DeviceConnectionError,
    DeviceStateError,
    DeviceTimeoutError,
    MatrixError,
    ProtocolError,
    UsageError,
)

__all__ = ["BoardLink", "WireLink"]

BAUD = 3_000_000
PATIENCE_S = (1.0, 2.0, 4.0, 8.0)
"""How long to wait for an answer, attempt by attempt, s. One may be lost; but a board that is
busy only gets busier by being asked again."""

FAST_PAYLOAD = npu.MAX_PAYLOAD // 2
GONE = "the board is gone; is it powered, is the cable in?"

Greeting = Callable[[], Awaitable[None]]
Work = Callable[[], object]

SERIAL_PAYLOAD = 1024
"""Longest payload of a request, bytes: at 3 Mbaud this one holds frames up for 3.5 ms. Several
in a row would starve the board's watchdog."""

FAST_IN_FLIGHT = 4


class BoardLink(FrameLink):
    """Requests to one board, whatever carries them.

    Attributes:
        device: the board's name, for errors.
        resource: the board's address.
        longest_payload: bytes that one request should not exceed on this wire.
        in_flight: long requests that should be on it at once.
        greet: awaited after a lost wire was opened anew, before anything else passes: makes
            sure that it is the same board. While there is none, a lost wire stays lost.
    """

    def __init__(self, device: str, resource: str, *, slow: bool) -> None:
        self.device, self.resource = device, resource
        self.longest_payload = SERIAL_PAYLOAD if slow else FAST_PAYLOAD
        self.in_flight = 1 if slow else FAST_IN_FLIGHT
        self.heaters = self.outputs = 0
        self.greet: Greeting | None = None
        self._ends: RingEnds | None = None
        self._sequence = itertools.count(1)  # 0 is the loop's own
        self._pending: dict[int, asyncio.Future[Message]] = {}
        self._comeback = Comeback(device, self._come_back, BACKOFF_S)
        self._greeter: asyncio.Task[None] | None = None

    @abstractmethod
    async def open(self) -> None:
        """Open the wire.

        Raises:
            DeviceConnectionError: nobody is there, no permission, or in use.
            VirtualTimeError: this wire takes real time, and the event loop's is virtual.
        """

    @abstractmethod
    async def close(self) -> None:
        """Let go of the wire; idempotent. Whoever still waits for a reply gets an error."""

    @abstractmethod
    async def _reopen(self) -> None:
        """Open the wire anew, for requests only, with nothing left of what was to be said.

        Raises:
            DeviceConnectionError: nobody is there.
        """

    @abstractmethod
    def _hang_up(self) -> None:
        """Let go of a wire that was opened anew."""

    @abstractmethod
    def _resume(self) -> None:
        """Have the pump do again what it did when the wire was lost."""

    async def request(self, kind: Kind, payload: bytes = b"") -> bytes:
        """Ask the board; the payload of its reply.

        Requests change nothing that saying them twice would change again: one that is not
        answered is sent again as it was, and whichever is answered first will do.

        Raises:
            DeviceConnectionError: the wire is lost.
            DeviceTimeoutError: no answer, although it was asked several times.
            MatrixError: the board refuses the values.
            ProtocolError: the board does not understand.
        """
        sequence = next(self._sequence) & 0xFFFFFFFF
        answer = self._pending[sequence] = asyncio.get_running_loop().create_future()
        try:
            for wait_s in PATIENCE_S:
                self._post(npu.body(kind, sequence, 0, payload))
                # Not by a timeout: an answer counts that came while this loop was busy itself.
                await asyncio.wait([answer], timeout=wait_s)
                if answer.done():
                    return self._checked(kind, answer.result())
        finally:
            del self._pending[sequence]
            answer.cancel()
        raise DeviceTimeoutError(self.device, f"{self.resource}: {self._silence(kind)}")

    @property
    def pump(self) -> Pump:
        """The wire for compiled code; only the thread started by `run` may work on it."""
        return self._opened().pump

    @property
    def fault(self) -> str | None:
        """Why no frames can pass, in words; None while the wire stands."""
        if self._ends is None:
            return f"{self.resource}: not open"
        if self._ends.gone or self._comeback.lost is not None:
            return f"{self.resource}: the board is gone"
        return None

    @property
    def losses(self) -> int:
        """How often the wire has been lost since the link was made."""
        return self._comeback.times

    def _post(self, message: bytes) -> None:
        """Send a request."""
        ends = self._opened()
        if ends.gone or (self._comeback.lost is not None and not self._is_greeting()):
            raise self._lost(GONE)
        if not ends.post(message):
            raise DeviceStateError(self.device, "too many requests at once", "busy")

    def _checked(self, kind: Kind, reply: Message) -> bytes:
        if reply.kind == kind | REPLY:
            return reply.payload
        if reply.kind != Kind.ERROR:
            text = f"message {reply.kind} answers request {kind.name}"
            raise ProtocolError(self.device, f"{self.resource}: {text}")
        code, text = npu.unpack_error(reply.payload)
        if code == ErrorCode.REFUSED:
            raise MatrixError(f"{self.device}: the board refuses: {text}")
        raise ProtocolError(self.device, f"{self.resource}: request {kind.name}: {text}")

    def _on_arrival(self) -> None:
        """Hand replies to those who wait; what nobody waits for any more is forgotten."""
        ends = self._opened()
        for plain in ends.fetch():
            message = npu.parse(plain)
            future = self._pending.get(message.sequence)
            if future is not None and not future.done():
                future.set_result(message)
        if ends.gone:
            self._fail_all(GONE)
            if self.greet is not None:
                self._comeback.begin(self._lost(GONE))

    async def _come_back(self) -> None:
        """One attempt to reconnect."""
        await self._reopen()
        self._greeter = asyncio.current_task()
        try:
            assert self.greet is not None
            await self.greet()
            if self._opened().gone:
                raise self._lost(GONE)
        except BaseException:
            self._hang_up()
            raise
        finally:
            self._greeter = None
        self._resume()

    def _is_greeting(self) -> bool:
        return self._greeter is not None and self._greeter is asyncio.current_task()

    def _fail_all(self, why: str) -> None:
        for future in self._pending.values():
            if not future.done():
                future.set_exception(self._lost(why))
                future.exception()  # who waits no more need not be told

    def _lost(self, why: str) -> DeviceConnectionError:
        return DeviceConnectionError(self.device, f"{self.resource}: {why}")

    def _silence(self, kind: Kind) -> str:
        corrupt = int(self._opened().pump.state["corrupt"][0])
        text = f"no answer to {kind.name} in {sum(PATIENCE_S):g} s, asked {len(PATIENCE_S)} times"
        if corrupt:
            return f"{text}; {corrupt} frames were garbled: is this an NPU board, at this speed?"
        return f"{text}; is this an NPU board?"

    def _opened(self) -> RingEnds:
        if self._ends is None:
            raise DeviceStateError(self.device, "connect it first", "not connected")
        return self._ends


class WireLink(BoardLink):
    """A serial or TCP wire to one board.

    One thread at a time runs its pump: while no control loop runs one that only carries
    requests and replies, else the loop's.
    """

    _ends: PumpEnds | None

    def __init__(self, device: str, address: str) -> None:
        """Prepare a wire; nothing is opened yet.

        Raises:
            UsageError: the address is neither a serial port nor a TCP port.
        """
        transport = open_transport(address, baud=BAUD)
        if not isinstance(transport, SerialPort | Tcp):
            raise UsageError(f"{device}: address {address!r} is no serial or TCP port: {FORMS}")
        slow = isinstance(transport, SerialPort) and not _is_pty(transport.resource)
        super().__init__(device, transport.resource, slow=slow)
        self._transport = transport
        self._thread: threading.Thread | None = None
        self._work: tuple[Work, str] | None = None
        self._run_idle: Callable[..., object] = idle

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        await self._open_transport()
        ends = self._ends = PumpEnds()
        # A line may still bring replies to whoever used it before, under small numbers.
        self._sequence = itertools.count(1 + int.from_bytes(os.urandom(3), "little"))
        self._run_idle = await loop.run_in_executor(None, entry_point, idle, ends.pump)
        loop.add_reader(ends.notify_fd, self._on_arrival)
        ends.attach(self._transport.fileno())
        self.rest()

    async def close(self) -> None:
        await self._comeback.end()
        ends = self._ends
        if ends is None:
            return
        self._halt()
        self._ends = None
        asyncio.get_running_loop().remove_reader(ends.notify_fd)
        self._transport.close()
        self._fail_all("closed")
        ends.close()

    def run(self, work: Callable[[], object], name: str) -> None:
        """Have a thread of its own run the pump by `work`, in place of the one that does.

        When the wire is lost the thread ends, and is started again when the wire is back.
        """
        self._work = work, name
        if self._comeback.lost is None:
            self._resume()

    def rest(self) -> None:
        """Go back to carrying requests and replies only."""
        pump = self.pump
        self.run(lambda: self._run_idle(pump), f"wire-{self.device}")

    def _resume(self) -> None:
        assert self._work is not None
        work, name = self._work
        self._start(work, name)

    def _start(self, work: Work, name: str) -> None:
        self._halt()
        self._thread = threading.Thread(target=work, name=name, daemon=True)
        self._thread.start()

    async def _open_transport(self) -> None:
        opening = asyncio.get_running_loop().run_in_executor(None, self._transport.open)
        try:
            await asyncio.shield(opening)
        except TransportError as error:
            raise self._lost(str(error)) from error
        except asyncio.CancelledError:
            await asyncio.wait([opening])  # whoever closes it then finds it open
            raise

    async def _reopen(self) -> None:
        self._hang_up()
        await self._open_transport()
        ends = self._ends
        assert ends is not None
        ends.attach(self._transport.fileno())
        self._start(lambda: self._run_idle(ends.pump), f"wire-{self.device}")

    def _hang_up(self) -> None:
        self._halt()
        self._transport.close()
        self._opened().detach()

    def _halt(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None and self._ends is not None:
            self._ends.stop(thread)


def _is_pty(path: str) -> bool:
    return os.path.realpath(path).startswith("/dev/pts/")
