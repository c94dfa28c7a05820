"""A wire in memory: the instrument lives on the same event loop, in real or virtual time.

The instrument's end is a `Plug`: whoever owns it says when bytes arrive, and may hang up. As
on real wires there is one client at a time, and a serial line does not notice when its
client goes. For an instrument that just answers, `plug_in` is all there is to know.
"""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from drivers.transports.base import LoopTransport, TransportError

__all__ = ["FarEnd", "Memory", "Peer", "Plug", "TimedReply", "plug_in", "unplug"]

SERIAL = "?serial"
"""Ends the address of a wire that behaves like a serial line."""

CLOCK_STEP_S = 1e-9
"""A virtual clock stands on whole nanoseconds; less than one would pass no time at all."""


class FarEnd(Protocol):
    """Who listens at the instrument's end."""

    def receive(self, data: bytes) -> None:
        """The client has sent bytes."""

    def disconnected(self) -> None:
        """The client has gone; a serial line does not notice."""


class Plug:
    """The instrument's end of a wire, plugged in under a name in place of whoever was.

    Attributes:
        address: where clients find it, ``memory:name`` or ``memory:name?serial``.
    """

    def __init__(self, name: str, end: FarEnd, *, serial: bool = False) -> None:
        """Be there for clients.

        Args:
            name: without a question mark.
            end: who listens.
            serial: whether the wire behaves like a serial line: what was sent before it
                was opened anew may still arrive.
        """
        unplug(name)
        self.address = f"memory:{name}{SERIAL if serial else ''}"
        self._name, self._end, self._serial = name, end, serial
        self._client: Memory | None = None
        _plugged[name] = self

    def send(self, data: bytes) -> None:
        """Bytes arrive at the client, if there is one."""
        if self._client is not None:
            self._client.deliver(data)

    def pull(self) -> None:
        """Be plugged in no more and hang up; idempotent."""
        if _plugged.get(self._name) is self:
            del _plugged[self._name]
        client, self._client = self._client, None
        if client is not None:
            client.lose("unplugged" if self._serial else "closed by the other side")

    def connect(self, client: "Memory") -> None:
        """A client comes.

        Raises:
            TransportError: there is one already.
        """
        if self._client is not None:
            raise TransportError("in use by another client")
        self._client = client

    def disconnect(self) -> None:
        """The client goes."""
        self._client = None
        if not self._serial:
            self._end.disconnected()

    def receive(self, data: bytes) -> None:
        """The client has sent bytes."""
        self._end.receive(data)


_plugged: dict[str, Plug] = {}


class TimedReply(Protocol):
    """Bytes, and how long the instrument takes before it sends them."""

    @property
    def data(self) -> bytes:
        """What is sent, terminator included."""

    @property
    def delay_s(self) -> float:
        """Time before the first byte, s."""


class Peer(Protocol):
    """An instrument that just answers: `firmware_sim.instrument.SimulatedInstrument` is one."""

    def receive(self, data: bytes) -> Sequence[TimedReply]:
        """Take in bytes as they arrive; answers to what is whole."""

    def disconnected(self) -> None:
        """The client has gone."""


def plug_in(name: str, peer: Peer) -> str:
    """Let `peer` answer at the address that is returned, ``memory:name``."""
    return _Answering(name, peer).plug.address


def unplug(name: str) -> None:
    """Nobody answers at ``memory:name`` any more; an open connection notices."""
    if name in _plugged:
        _plugged[name].pull()


class _Answering:
    """The far end of a peer: its replies come one after another, each after its delay."""

    def __init__(self, name: str, peer: Peer) -> None:
        self._peer, self.plug = peer, Plug(name, self)
        self._free_s = 0.0
        self._due: list[asyncio.TimerHandle] = []

    def receive(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        self._due = [timer for timer in self._due if timer.when() > now_s]
        self._free_s = max(self._free_s, now_s)
        for reply in self._peer.receive(data):
            self._free_s += reply.delay_s
            if self._free_s <= now_s:
                self.plug.send(reply.data)
            else:
                self._due.append(loop.call_at(self._free_s, self.plug.send, reply.data))

    def disconnected(self) -> None:
        for timer in self._due:
            timer.cancel()
        self._due, self._free_s = [], 0.0
        self._peer.disconnected()


class Memory(LoopTransport):
    """The client's end of a wire to whatever is plugged in under a name."""

    def __init__(self, address: str) -> None:
        """Prepare a wire to ``memory:name`` or ``memory:name?serial``."""
        self.resource = address
        self.reopening_forgets = not address.endswith(SERIAL)
        self._name = address.removeprefix("memory:").removesuffix(SERIAL)
        self._plug: Plug | None = None
        self._why_lost = "not open"
        self._arrived = b""
        self._arrival: asyncio.Future[None] | None = None

    def open(self) -> None:
        self.close()
        plug = _plugged.get(self._name)
        if plug is None or plug.address != self.resource:
            raise TransportError("nobody is plugged in under this name")
        plug.connect(self)
        self._plug = plug

    def close(self) -> None:
        plug, self._plug = self._plug, None
        self._why_lost, self._arrived = "not open", b""
        if plug is not None:
            plug.disconnect()

    def write(self, data: bytes) -> None:
        self._live().receive(data)

    async def read(self, timeout_s: float) -> bytes:
        if not self._arrived and timeout_s > 0.0:
            self._live()
            await self._arrives(timeout_s)
        data, self._arrived = self._arrived, b""
        if not data:
            self._live()
        return data

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def deliver(self, data: bytes) -> None:
        """Bytes arrive."""
        self._arrived += data
        self._tell()

    def lose(self, why: str) -> None:
        """The other end has hung up."""
        self._plug, self._why_lost = None, why
        self._tell()

    async def _arrives(self, timeout_s: float) -> None:
        """Wait for bytes, the end of the wire, or the end of patience."""
        loop = asyncio.get_running_loop()
        self._arrival = loop.create_future()
        timer = loop.call_later(max(timeout_s, CLOCK_STEP_S), self._tell)
        try:
            await self._arrival
        finally:
            timer.cancel()
            self._arrival = None

    def _tell(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    def _live(self) -> Plug:
        if self._plug is None:
            raise TransportError(self._why_lost)
        return self._plug
