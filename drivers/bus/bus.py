"""One instrument's bus: requests and replies that cannot get mixed up.

A reply that belongs to a request that timed out or was cancelled never reaches the next
caller; see `drivers.bus.resync` for how.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from drivers.bus.conversation import Conversation, GarbageError, SilenceError, Steps
from drivers.bus.framing import Framer, LineFramer
from drivers.bus.ready_lane import lane_for
from drivers.bus.resync import Resync
from drivers.transports.base import TransportError, Wire
from lumina.errors import (
    DeviceConnectionError,
    DeviceTimeoutError,
    ProtocolError,
    UsageError,
)

__all__ = ["Bus", "Framer", "LineFramer", "Resync"]

SHOWN_BYTES = 64
"""Of a message in an error's text."""


class Bus:
    """An asyncio face on one wire. A blocking wire gets one thread of its own.

    Args:
        device: the instrument's name, for errors.
        transport: the wire, not yet open.
        framer: how messages are marked off.
        resync: how to get back in step after an unwanted reply.
        timeout_s: how long to wait for a reply unless told otherwise, s.

    Raises:
        UsageError: reopening cannot help on this wire.
    """

    def __init__(
        self,
        device: str,
        transport: Wire,
        framer: Framer,
        resync: Resync,
        *,
        timeout_s: float = 1.0,
    ) -> None:
        if resync.reopens and not transport.reopening_forgets:
            raise UsageError(
                f"{device}: {transport.resource} brings late replies over a reopened line; "
                "use a sentinel or matching"
            )
        self.device, self.timeout_s = device, timeout_s
        self._transport = transport
        self._lane = lane_for(device, transport)
        self._talk = Conversation(device, framer, resync, transport.now, timeout_s)
        self._lock = asyncio.Lock()
        self._owner: asyncio.Task[object] | None = None
        self._open = False

    @property
    def resource(self) -> str:
        """The address."""
        return self._transport.resource

    @property
    def is_open(self) -> bool:
        """Whether the wire is open, as far as anybody has noticed."""
        return self._open

    @property
    def dropped(self) -> int:
        """Late or surplus replies dropped so far."""
        return self._talk.dropped

    async def open(self) -> None:
        """Open the wire; on an open bus, open it anew.

        Raises:
            DeviceConnectionError: nobody is there, no permission, or in use.
        """
        try:
            await self._lane.open()
        except TransportError as error:
            await self._lane.close()
            raise self._lost(error) from error
        self._open = True
        self._talk.start_anew(may_bring_old=not self._transport.reopening_forgets)

    async def close(self) -> None:
        """Close the wire and end its thread; idempotent, never raises."""
        self._open = False
        await self._lane.close()

    async def request(self, message: bytes, *, timeout_s: float | None = None) -> bytes:
        """Send a message and wait for its whole reply, framing removed.

        Nothing is ever sent again. After a time-out it is unknown whether the
        instrument has obeyed.

        Raises:
            DeviceConnectionError: the wire is gone, or not open.
            DeviceTimeoutError: no reply in time.
            ProtocolError: what came is no reply.
        """
        limit_s = self.timeout_s if timeout_s is None else timeout_s
        return await self._run(self._talk.request(message, limit_s), message, limit_s)

    async def send(self, message: bytes) -> None:
        """Send a message that has no reply.

        Raises:
            DeviceConnectionError: the wire is gone, or not open.
            DeviceTimeoutError: the bus could not get back in step before it.
        """
        await self._run(self._talk.send(message, self.timeout_s), message, self.timeout_s)

    @asynccontextmanager
    async def sequence(self) -> AsyncIterator[None]:
        """Several requests between which nobody else gets in; may be nested in one task."""
        task = asyncio.current_task()
        if self._owner is task:
            yield
            return
        async with self._lock:
            self._owner = task
            try:
                yield
            finally:
                self._owner = None

    async def _run(self, steps: Steps[bytes], message: bytes, limit_s: float) -> bytes:
        if self._owner is not None and self._owner is asyncio.current_task():
            return await self._exchange(steps, message, limit_s)
        async with self._lock:
            return await self._exchange(steps, message, limit_s)

    async def _exchange(self, steps: Steps[bytes], message: bytes, limit_s: float) -> bytes:
        if not self._open:
            raise DeviceConnectionError(self.device, f"{self.resource}: not connected")
        try:
            return await self._lane.run(steps)
        except TransportError as error:
            await self.close()
            raise self._lost(error) from error
        except SilenceError:
            text = f"{self.resource}: no answer to {_shown(message)} within {limit_s:g} s"
            raise DeviceTimeoutError(self.device, text) from None
        except GarbageError as error:
            text = f"{self.resource}: no valid answer to {_shown(message)}: {error}"
            raise ProtocolError(self.device, text) from error

    def _lost(self, error: TransportError) -> DeviceConnectionError:
        return DeviceConnectionError(self.device, f"{self.resource}: {error}")


def _shown(message: bytes) -> str:
    """A message for an error's text: all of a short one."""
    cut = len(message) - SHOWN_BYTES
    return repr(message) if cut <= 0 else f"{message[:SHOWN_BYTES]!r} and {cut} more bytes"
