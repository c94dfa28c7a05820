"""Simulated instruments around the plants that they share, on wires and in real time."""

from collections.abc import Iterable
from contextlib import ExitStack
from threading import Event, Thread
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from firmware_sim import scpi
from firmware_sim.clock import now_s
from firmware_sim.control import Control, Orders
from firmware_sim.description import InstrumentDescription, WorldDescription
from firmware_sim.faults import Fault, Faults
from firmware_sim.instrument import SimulatedInstrument
from firmware_sim.parts import build_part, build_plants, served_on
from firmware_sim.servers import (
    Endpoint,
    HislipEndpoint,
    PtyEndpoint,
    Server,
    TcpEndpoint,
    Vxi11Endpoint,
)
from twin.plant import Plant
from twin.records import TICK_S

if TYPE_CHECKING:
    from firmware_sim.instruments.lumina_npu import LuminaNpu

__all__ = ["BoardServer", "Ticking", "World"]

FAR_BEHIND_S = 1.0
"""A machine that slept so long does not make its plant catch up."""

STOP_TIMEOUT_S = 5.0


class Ticking:
    """A thread that advances plants, a tick per millisecond of real time."""

    def __init__(self, plants: Iterable[Plant]) -> None:
        self._plants = tuple(plants)
        self._stop = Event()
        self._thread = Thread(target=self._run, name="plant ticks", daemon=True)

    def start(self) -> None:
        """Let time pass, from the first full tick on."""
        for plant in self._plants:
            plant.step(1)  # compiled here, before anybody waits for an answer
        self._thread.start()

    def stop(self) -> None:
        """Stand still; idempotent."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(STOP_TIMEOUT_S)

    def _run(self) -> None:
        start_s, ticks = now_s(), 0
        while not self._stop.wait(max(start_s + (ticks + 1) * TICK_S - now_s(), 0.0)):
            due = int((now_s() - start_s) / TICK_S) - ticks
            if due * TICK_S > FAR_BEHIND_S:
                start_s, ticks, due = now_s(), 0, 1
            for plant in self._plants:
                plant.step(due)
            ticks += due


class BoardServer:
    """Serves an NPU board, which has its own threads and advances its plant by itself.

    Attributes:
        instrument: the board.
    """

    def __init__(self, board: "LuminaNpu", described: InstrumentDescription, host: str) -> None:
        self.instrument = board
        self._described, self._host = described, host

    @property
    def resources(self) -> list[str]:
        """Where clients find it; known once it is started."""
        return [self.instrument.resource]

    def start(self) -> None:
        """Let its time and its clients in.

        Raises:
            DeviceConnectionError: the port is taken.
            UsageError: the plan has faults that cannot befall a board's messages.
        """
        kind = self._described.served or "tcp"
        self.instrument.plan_faults(self._described.faults)
        self.instrument.serve(kind, host=self._host, port=self._described.port)

    def stop(self) -> None:
        """Power off; idempotent."""
        self.instrument.stop()

    def inject(self, fault: Fault, count: int) -> None:
        """Let something go wrong; faults of replies strike frames and replies alike."""
        self.instrument.inject(fault, count)


class World:
    """Every simulated instrument of a bench, served until the `with` block ends.

    Attributes:
        plants: by name.
        servers: by the instrument's name.
        control: how tests and fault campaigns reach in.
    """

    def __init__(self, description: WorldDescription) -> None:
        """Build it all; nothing is served yet.

        Raises:
            UsageError: an instrument has no simulator, or names a plant that is not there.
        """
        self._description = description
        self.plants = build_plants(description)
        self.servers: dict[str, Server | BoardServer] = {}
        ticked_by_boards = set()
        for name, described in description.instruments.items():
            part = build_part(name, described, self.plants)
            if isinstance(part, SimulatedInstrument):
                self.servers[name] = self._server(name, described, part)
            else:
                self.servers[name] = BoardServer(part, described, description.host)
                ticked_by_boards.add(described.config.plant)
        self._ticking = Ticking(p for n, p in self.plants.items() if n not in ticked_by_boards)
        self.control = Control(Orders(self.plants, self.servers), description.host)
        self._life = ExitStack()

    def __enter__(self) -> Self:
        """Serve.

        Raises:
            DeviceConnectionError: an address is taken.
        """
        with ExitStack() as life:
            parts: list[Server | BoardServer | Ticking | Control] = [*self.servers.values()]
            for part in [*parts, self._ticking, self.control]:
                life.callback(part.stop)
                part.start()
            self._life = life.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._life.close()

    def addresses(self) -> dict[str, Any]:
        """Where everything is: the document that `lumina firmware --json` prints."""
        return {
            "instruments": {
                name: {
                    "driver": self._description.instruments[name].config.driver,
                    "resource": server.resources[0],
                    "also": server.resources[1:],
                }
                for name, server in self.servers.items()
            },
            "control": self.control.resource,
        }

    def _server(
        self, name: str, described: InstrumentDescription, instrument: SimulatedInstrument
    ) -> Server:
        return Server(
            name,
            instrument,
            self._endpoints(name, described, instrument),
            baud=instrument.wiring.baud,
            faults=Faults(described.faults),
        )

    def _endpoints(
        self, name: str, described: InstrumentDescription, instrument: SimulatedInstrument
    ) -> list[Endpoint]:
        if served_on(described, instrument) == "pty":
            return [PtyEndpoint(name)]
        host = self._description.host
        endpoints: list[Endpoint] = [
            TcpEndpoint(name, host, described.port, visa=isinstance(instrument, scpi.Instrument))
        ]
        if instrument.wiring.hislip:
            endpoints.append(HislipEndpoint(name, host, status=instrument.status_byte))
        if instrument.wiring.vxi11:
            endpoints.append(Vxi11Endpoint(name, host, status=instrument.status_byte))
        return endpoints
