"""Who carries out a conversation's steps: a thread of its own, or the event loop."""

import asyncio
import queue
import threading
from collections.abc import Callable, Generator
from typing import Protocol

from drivers.bus.conversation import Step
from drivers.transports.base import LoopTransport, Transport, Wire

__all__ = ["Lane", "LoopLane", "Steps", "ThreadLane"]

Steps = Generator[Step, bytes, bytes]


class Lane(Protocol):
    """Runs steps on one wire, one conversation at a time and in order."""

    async def run(self, steps: Steps) -> bytes:
        """Carry out the steps to their end; what they return.

        When the caller is cancelled, the steps end where they are.

        Raises:
            TransportError: the wire is gone.
        """

    async def open(self) -> None:
        """Open the wire."""

    async def close(self) -> None:
        """Close the wire and end the lane."""


class Job:
    """One call for the thread, and the coroutine that waits for it."""

    __slots__ = ("abandoned", "call", "error", "finished", "future", "loop", "result")

    def __init__(self, call: "Callable[[Job], bytes]") -> None:
        self.call = call
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[bytes] = self.loop.create_future()
        self.finished = self.loop.create_future()
        self.abandoned = False
        self.result = b""
        self.error: BaseException | None = None

    def carry_out(self) -> None:
        """On the thread: make the call and hand over what came of it."""
        try:
            if not self.abandoned:
                self.result = self.call(self)
        except Exception as error:  # noqa: BLE001 - all of it belongs to the caller
            self.error = error
        try:
            self.loop.call_soon_threadsafe(self.deliver)
        except RuntimeError:
            return  # the loop has ended: nobody waits any more

    def deliver(self) -> None:
        """On the loop: wake the waiting coroutine."""
        self.finished.set_result(None)
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class ThreadLane:
    """A blocking wire that only its own thread touches."""

    def __init__(self, device: str, transport: Transport) -> None:
        self._device, self._transport = device, transport
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._last: Job | None = None

    async def run(self, steps: Steps) -> bytes:
        return await self._call(lambda job: self._walk(job, steps))

    async def open(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._serve, name=f"bus {self._device}", daemon=True
            )
            self._thread.start()
        await self._call(lambda _: _none(self._transport.open()))

    async def close(self) -> None:
        if self._thread is not None:
            await self._call(lambda _: _none(self._transport.close()))
            self._jobs.put(None)
            self._thread = None

    async def on_thread(self, step: bytes | None) -> bytes:
        """Carry out a step that is not a read."""
        return await self._call(lambda _: _carry_out(self._transport, step))

    async def settled(self) -> None:
        """Wait until the thread has let go of what a cancelled caller asked of it."""
        if self._last is not None and not self._last.finished.done():
            await asyncio.wait([self._last.finished])

    async def _call(self, call: Callable[[Job], bytes]) -> bytes:
        job = self._last = Job(call)
        self._jobs.put(job)
        try:
            return await job.future
        except asyncio.CancelledError:
            job.abandoned = True
            raise

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            job.carry_out()

    def _walk(self, job: Job, steps: Steps) -> bytes:
        transport, patience_s = self._transport, self._transport.patience_s
        result = b""
        try:
            step = next(steps)
            while not job.abandoned:
                if isinstance(step, float):
                    result = transport.read(min(step, patience_s))
                else:
                    result = _carry_out(transport, step)
                step = steps.send(result)
        except StopIteration as stop:
            return bytes(stop.value)
        return b""


class LoopLane:
    """A wire that waits on the event loop."""

    def __init__(self, transport: LoopTransport) -> None:
        self._transport = transport

    async def run(self, steps: Steps) -> bytes:
        result = b""
        try:
            step = next(steps)
            while True:
                if isinstance(step, float):
                    result = await self._transport.read(step)
                else:
                    result = _carry_out(self._transport, step)
                step = steps.send(result)
        except StopIteration as stop:
            return bytes(stop.value)

    async def open(self) -> None:
        self._transport.open()

    async def close(self) -> None:
        self._transport.close()


def _carry_out(transport: Wire, step: bytes | None) -> bytes:
    """A step that is not a read."""
    if step is None:
        transport.close()
        transport.open()
    else:
        transport.write(step)
    return b""


def _none(_: None) -> bytes:
    return b""
