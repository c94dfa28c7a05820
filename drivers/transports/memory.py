"""An instrument in the same process: no wire, no thread, so it works in virtual time."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from drivers.transports.base import LoopTransport, TransportError

__all__ = ["Memory", "Peer", "TimedReply", "plug_in", "unplug"]


class TimedReply(Protocol):
    """Bytes, and how long the instrument takes before it sends them."""

    @property
    def data(self) -> bytes:
        """What is sent, terminator included."""

    @property
    def delay_s(self) -> float:
        """Time before the first byte, s."""


class Peer(Protocol):
    """What answers: `firmware_sim.instrument.SimulatedInstrument` is one."""

    def receive(self, data: bytes) -> Sequence[TimedReply]:
        """Take in bytes as they arrive; answers to what is whole."""

    def disconnected(self) -> None:
        """The client has gone."""


@dataclass(frozen=True, eq=False)
class Plug:
    """One plugging-in: an instrument that was away and is back is another plug."""

    peer: Peer


_plugged: dict[str, Plug] = {}


def plug_in(name: str, peer: Peer) -> str:
    """Let `peer` answer at the address that is returned, ``memory:name``."""
    _plugged[name] = Plug(peer)
    return f"memory:{name}"


def unplug(name: str) -> None:
    """Nobody answers at ``memory:name`` any more; open connections notice."""
    _plugged.pop(name, None)


class Memory(LoopTransport):
    """The client's end of an instrument plugged in under a name."""

    reopening_forgets = True

    def __init__(self, name: str) -> None:
        self.resource = f"memory:{name}"
        self._name = name
        self._plug: Plug | None = None
        self._due: deque[tuple[float, bytes]] = deque()

    def open(self) -> None:
        self.close()
        if self._name not in _plugged:
            raise TransportError("nobody is plugged in under this name")
        self._plug = _plugged[self._name]

    def close(self) -> None:
        plug, self._plug = self._plug, None
        self._due.clear()
        if plug is not None:
            plug.peer.disconnected()

    def write(self, data: bytes) -> None:
        free_s = max(self.now(), self._due[-1][0] if self._due else 0.0)
        for reply in self._live().receive(data):
            free_s += reply.delay_s
            self._due.append((free_s, reply.data))

    async def read(self, timeout_s: float) -> bytes:
        self._live()
        until_s = self.now() + timeout_s
        if self._due and self._due[0][0] <= until_s:
            await asyncio.sleep(self._due[0][0] - self.now())
            return self._take()
        await asyncio.sleep(timeout_s)
        self._live()
        return b""

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def _take(self) -> bytes:
        self._live()  # unplugged while it waited
        return self._due.popleft()[1]

    def _live(self) -> Peer:
        if self._plug is None:
            raise TransportError("not open")
        if _plugged.get(self._name) is not self._plug:
            raise TransportError("unplugged")
        return self._plug.peer
