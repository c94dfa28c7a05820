"""The host's end of a wire in memory to an NPU board that lives on the same event loop.

The bytes are those of any wire: both ends have a pump, and whoever owns the board lets the
time pass on both (see `firmware_sim.npu.memory_board`).
"""

from collections.abc import Callable
from typing import Protocol

from drivers.npu.link import BoardLink, WireLink
from drivers.protocols.npu_ends import RingEnds
from drivers.transports import TransportError

__all__ = ["BoardEnd", "HostEnds", "MemoryLink", "link_to", "plug_in_board", "unplug_board"]

SCHEME = "memory:"
SERIAL = "?serial"


class BoardEnd(Protocol):
    """A board that can be plugged in."""

    def attach(self, host: "HostEnds") -> None:
        """A host comes.

        Raises:
            TransportError: there is one already, or the board is away.
        """

    def detach(self, host: "HostEnds") -> None:
        """The host goes."""

    def wake(self) -> None:
        """The host has something to send."""


class HostEnds(RingEnds):
    """Python's ends of the host's pump.

    Attributes:
        on_arrival: is called when a reply has come in, or the wire is gone.
    """

    def __init__(self, board: BoardEnd, on_arrival: Callable[[], None]) -> None:
        super().__init__()
        self._board, self.on_arrival = board, on_arrival

    def ring(self) -> None:
        self._board.wake()


_boards: dict[str, BoardEnd] = {}


def plug_in_board(name: str, board: BoardEnd, *, serial: bool = False) -> str:
    """Let a board be found at the address that is returned.

    Args:
        name: without a question mark.
        board: what answers there.
        serial: whether its wire is so slow that long requests would hold up the frames.
    """
    address = f"{name}{SERIAL if serial else ''}"
    _boards[address] = board
    return f"{SCHEME}{address}"


def unplug_board(address: str) -> None:
    """Nobody answers at this address any more; idempotent."""
    _boards.pop(address.removeprefix(SCHEME), None)


class MemoryLink(BoardLink):
    """A wire in memory to one board."""

    def __init__(self, device: str, address: str) -> None:
        super().__init__(device, address, slow=address.endswith(SERIAL))
        self._board: BoardEnd | None = None
        self._work: Callable[[], object] | None = None

    async def open(self) -> None:
        board = _boards.get(self.resource.removeprefix(SCHEME))
        if board is None:
            raise self._lost("nobody is plugged in under this name")
        ends = HostEnds(board, self._on_arrival)
        self._attach(board, ends)
        self._board, self._ends = board, ends

    async def close(self) -> None:
        await self._comeback.end()
        if self._board is None:
            return
        self._hang_up()
        self._board = self._ends = self._work = None
        self._fail_all("closed")

    @property
    def board(self) -> BoardEnd:
        """The board, once the link is open.

        Raises:
            DeviceStateError: it is not.
        """
        self._opened()
        assert self._board is not None
        return self._board

    def run(self, work: Callable[[], object]) -> None:
        """Have a loop take part in the board's time by `work`, on every new wire again."""
        self._work = work
        if self._comeback.lost is None:
            self._resume()

    def rest(self) -> None:
        """Go back to carrying requests and replies only."""
        self._work = None

    def _resume(self) -> None:
        if self._work is not None:
            self._work()

    async def _reopen(self) -> None:
        self._hang_up()
        assert isinstance(self._ends, HostEnds)
        self._attach(self.board, self._ends)

    def _hang_up(self) -> None:
        assert isinstance(self._ends, HostEnds)
        self.board.detach(self._ends)

    def _attach(self, board: BoardEnd, ends: HostEnds) -> None:
        try:
            board.attach(ends)
        except TransportError as error:
            raise self._lost(str(error)) from error


def link_to(device: str, address: str) -> BoardLink:
    """The link to a board at an address, not yet opened.

    Raises:
        UsageError: the address is neither a serial port, nor a TCP port, nor in memory.
    """
    if address.startswith(SCHEME):
        return MemoryLink(device, address)
    return WireLink(device, address)
