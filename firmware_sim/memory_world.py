"""Simulated instruments on the event loop of their bench: no process, no wire, no thread.

The same instruments around the same plants as in `firmware_sim.world`, byte for byte, but
their time is told: whoever has the clock calls `MemoryWorld.advance` before it moves.
"""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from types import TracebackType
from typing import Self

from firmware_sim.control import Orders
from firmware_sim.description import InstrumentDescription, WorldDescription
from firmware_sim.faults import Faults
from firmware_sim.instrument import SimulatedInstrument
from firmware_sim.npu.memory_board import MemoryBoard
from firmware_sim.parts import build_part, build_plants, is_board, plant_of, served_on
from firmware_sim.servers import MemoryEndpoint, MemoryServer
from lumina.errors import UsageError
from twin.records import TICK_S

__all__ = ["MemoryWorld"]

NS_PER_S = 1_000_000_000
TICK_NS = round(TICK_S * NS_PER_S)

_alive: set[int] = set()
"""Numbers of the worlds that are alive: their addresses are told apart by them."""


class MemoryWorld:
    """Every simulated instrument of a bench, alive in the `with` block.

    Attributes:
        plants: by name.
        servers: by the instrument's name.
        orders: how tests and fault campaigns reach in.
    """

    def __init__(self, description: WorldDescription) -> None:
        """Build the plants; nothing answers yet."""
        self._description = description
        self.plants = build_plants(description)
        self.servers: dict[str, MemoryServer | MemoryBoard] = {}
        self.orders = Orders(self.plants, self.servers)
        self._life = ExitStack()

    def __enter__(self) -> Self:
        """Answer, from the running event loop.

        Raises:
            UsageError: an instrument has no simulator, names a plant that is not there, or
                cannot have the faults that are planned for it.
        """
        self._start_ns, self._ticks = round(asyncio.get_running_loop().time() * NS_PER_S), 0
        with ExitStack() as life:
            number = life.enter_context(_numbered())
            for name, described in self._description.instruments.items():
                # The same address in every run: only a second world needs another.
                address = name if number == 1 else f"{name}@{number}"
                build = self._board if is_board(described) else self._server
                server = self.servers[name] = build(name, described, address)
                life.callback(server.stop)
                server.start()
            self._life = life.pop_all()
        self._boards = [s for s in self.servers.values() if isinstance(s, MemoryBoard)]
        with_board = [board.instrument.plant for board in self._boards]
        self._others = [p for p in self.plants.values() if all(p is not w for w in with_board)]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._life.close()

    def advance(self, time_ns: int) -> None:
        """Let the plants live up to a time of the event loop's clock, in ns."""
        for board in self._boards:
            board.advance(time_ns)
        due = (time_ns - self._start_ns) // TICK_NS - self._ticks
        if due > 0:
            self._ticks += due
            for plant in self._others:
                plant.step(due)

    def addresses(self) -> dict[str, str]:
        """Where each instrument is, by name."""
        return {name: server.resources[0] for name, server in self.servers.items()}

    def _board(self, name: str, described: InstrumentDescription, address: str) -> MemoryBoard:
        if described.faults.share > 0.0:
            raise UsageError(f"{name}: a board's faults are ordered, not planned")
        plant = plant_of(name, described, self.plants)
        return MemoryBoard(address, plant, serial=described.served == "pty")

    def _server(self, name: str, described: InstrumentDescription, address: str) -> MemoryServer:
        instrument = build_part(name, described, self.plants)
        assert isinstance(instrument, SimulatedInstrument)
        serial = served_on(described, instrument) == "pty"
        return MemoryServer(
            instrument,
            [MemoryEndpoint(address, serial=serial)],
            baud=instrument.wiring.baud,
            faults=Faults(described.faults),
        )


@contextmanager
def _numbered() -> Iterator[int]:
    """The smallest number that no other world has now."""
    number = next(number for number in count(1) if number not in _alive)
    _alive.add(number)
    try:
        yield number
    finally:
        _alive.discard(number)
