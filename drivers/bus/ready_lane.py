"""Exchanges on the event loop, for a wire that can be waited on; its thread does the rest.

Handing a request to a thread and its reply back costs more than the exchange itself on a
socket. So the thread opens, closes, and sends what does not fit into the system's buffer;
the bytes of an ordinary exchange pass on the loop, which never waits for them.
"""

import asyncio
import contextlib
import select

from drivers.bus.lanes import Lane, LoopLane, Steps, ThreadLane
from drivers.transports.base import Transport, WaitableTransport, Wire

__all__ = ["ReadyLane", "lane_for"]

SHORT = 4096
"""A message that fits wherever the system says that there is room."""


def lane_for(device: str, wire: Wire) -> Lane:
    """A thread for a blocking wire, the event loop for the bytes of one that can wait there."""
    if isinstance(wire, WaitableTransport):
        return ReadyLane(device, wire)
    return ThreadLane(device, wire) if isinstance(wire, Transport) else LoopLane(wire)


class ReadyLane(ThreadLane):
    """One party touches the wire at a time: the loop, or the thread while the loop waits."""

    def __init__(self, device: str, transport: WaitableTransport) -> None:
        super().__init__(device, transport)
        self._wire = transport
        self._writable = select.poll()
        self._watched: tuple[asyncio.AbstractEventLoop, int] | None = None
        self._arrival: asyncio.Future[None] | None = None

    async def run(self, steps: Steps) -> bytes:
        await self.settled()
        try:
            step = next(steps)
            while True:
                if isinstance(step, float):
                    result = await self._read(step)
                else:
                    result = await self._act(step)
                step = steps.send(result)
        except StopIteration as stop:
            return bytes(stop.value)

    async def open(self) -> None:
        self._unwatch()
        await super().open()

    async def close(self) -> None:
        self._unwatch()
        await super().close()

    async def _read(self, timeout_s: float) -> bytes:
        data = self._wire.read(0.0)
        if data or timeout_s <= 0.0:
            return data
        await self._arrived(timeout_s)
        return self._wire.read(0.0)

    async def _act(self, step: bytes | None) -> bytes:
        """Send, or open anew."""
        if step is not None and len(step) <= SHORT and self._has_room():
            self._wire.write(step)
            return b""
        if step is None:
            self._unwatch()
        return await self.on_thread(step)

    def _has_room(self) -> bool:
        number = self._wire.fileno()
        if number < 0:
            return True  # not open: writing says so
        self._writable.register(number, select.POLLOUT)
        ready = self._writable.poll(0)
        self._writable.unregister(number)
        return bool(ready)

    async def _arrived(self, timeout_s: float) -> None:
        """Wait until bytes have arrived, or the time is up."""
        loop = asyncio.get_running_loop()
        self._watch(loop)
        self._arrival = loop.create_future()
        timer = loop.call_later(timeout_s, self._tell)
        try:
            await self._arrival
        finally:
            timer.cancel()
            self._arrival = None

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._watched is None:
            self._watched = loop, self._wire.fileno()
            loop.add_reader(self._watched[1], self._readable)

    def _unwatch(self) -> None:
        watched, self._watched = self._watched, None
        if watched is not None:
            with contextlib.suppress(RuntimeError):  # that loop has ended
                watched[0].remove_reader(watched[1])

    def _readable(self) -> None:
        """Bytes, or the end; nobody waits for what comes unasked."""
        if self._arrival is None:
            self._unwatch()
        self._tell()

    def _tell(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)
