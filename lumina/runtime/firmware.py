"""A bench on simulated firmware: the simulators beside it, found by address.

The drivers are those of the hardware backend, byte for byte; only the addresses come from
the simulators. What a run does to a twin's room is an order to them here.
"""

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from drivers.config import InstrumentConfig
from drivers.registry import Backend
from firmware_sim.description import InstrumentDescription, PlantDescription, WorldDescription
from firmware_sim.faults import FaultKind
from firmware_sim.process import spawned
from lumina.errors import DeviceConnectionError, ProtocolError, UsageError
from lumina.runtime.config import BenchConfig
from lumina.runtime.plants import derived
from lumina.runtime.virtual_time import VirtualTimeLoop

if TYPE_CHECKING:
    from twin.plant import Plant

__all__ = ["ControlClient", "Simulators", "describe", "in_memory", "serving", "simulated"]

NAME = "simulated firmware"
ANSWER_TIMEOUT_S = 5.0
LOOPBACK = "127.0.0.1"
PORT = re.compile(r"tcp://[^:/]+:(\d+)", re.IGNORECASE)


class ControlClient:
    """Orders to the simulators beside the instruments' wires: see `firmware_sim.control`."""

    def __init__(self, resource: str) -> None:
        """Connect to ``tcp://host:port``."""
        host, _, port = resource.removeprefix("tcp://").rpartition(":")
        self._socket = socket.create_connection((host, int(port)), ANSWER_TIMEOUT_S)
        self._answers = self._socket.makefile("rb")

    def order(self, **order: Any) -> dict[str, Any]:
        """Have something done; returns the answer.

        Raises:
            DeviceConnectionError: the simulators are gone, or do not answer.
            ProtocolError: they refuse; the text says why.
        """
        try:
            self._socket.sendall(json.dumps(order).encode() + b"\n")
            line = self._answers.readline()
        except OSError as error:
            raise DeviceConnectionError(NAME, f"control channel: {error}") from error
        if not line:
            raise DeviceConnectionError(NAME, "the control channel was closed")
        answer: dict[str, Any] = json.loads(line)
        if not answer.pop("ok"):
            raise ProtocolError(NAME, str(answer.get("error")))
        return answer

    def close(self) -> None:
        """Close the channel; idempotent."""
        with suppress(OSError):
            self._answers.close()
            self._socket.close()


Order = Callable[..., dict[str, Any]]


class Simulators:
    """Running simulators, and what may be done to them beside their wires.

    Attributes:
        addresses: where each simulated instrument is, by name; the others are not in it.
        plants: those that live in this process, by name.
    """

    def __init__(
        self,
        addresses: Mapping[str, str],
        order: Order | None = None,
        plants: "Mapping[str, Plant] | None" = None,
    ) -> None:
        """Tell where they are, and who carries out orders; nobody where there are none."""
        self.addresses = dict(addresses)
        self.plants = dict(plants or {})
        self._order = order

    def order(self, **order: Any) -> dict[str, Any]:
        """Have one of the orders of `firmware_sim.control` carried out; its answer.

        Raises:
            DeviceConnectionError: the simulators are gone, or there are none.
            ProtocolError: they refuse; the text says why.
        """
        if self._order is None:
            raise DeviceConnectionError(NAME, "no instrument of this bench is simulated")
        return self._order(**order)

    def set_input(self, plant: str, name: str, value: float) -> None:
        """Change what comes to a simulated plant from outside (see PLANT_INPUTS)."""
        self.order(do="set", plant=plant, input=name, value=value)

    def disturb_wire(
        self, instrument: str, kind: FaultKind | str, seconds: float, count: int
    ) -> None:
        """Let something go wrong on a simulated instrument's wire.

        Args:
            instrument: its name.
            kind: what goes wrong.
            seconds: how late, or how long away.
            count: how many replies it strikes.
        """
        self.order(do="fault", instrument=instrument, kind=kind, seconds=seconds, count=count)

    def truth(self, plant: str) -> dict[str, Any]:
        """What no instrument may know of a plant: temperatures, light, drives, inputs."""
        return self.order(do="read", plant=plant)


def describe(
    config: BenchConfig,
    *,
    names: Collection[str] | None = None,
    host: str = LOOPBACK,
    seed: int = 0,
    chip_seed: int = 0,
) -> WorldDescription:
    """The simulators of a bench's instruments: of those in `names`, or of all."""
    return WorldDescription(
        plants={
            name: PlantDescription(
                config=plant, seed=derived(seed, index), chip_seed=derived(chip_seed, index)
            )
            for index, (name, plant) in enumerate(config.plants.items())
        },
        instruments={
            name: InstrumentDescription(config=instrument, port=wanted_port(instrument))
            for name, instrument in config.instruments.items()
            if names is None or name in names
        },
        host=host,
    )


def wanted_port(instrument: InstrumentConfig) -> int:
    """The port that a lab config gives a simulated instrument; 0 for any."""
    if instrument.backend is not Backend.FIRMWARE or instrument.address is None:
        return 0
    match = PORT.fullmatch(instrument.address)
    return int(match[1]) if match else 0


@asynccontextmanager
async def simulated(config: BenchConfig, *, seed: int, chip_seed: int) -> AsyncIterator[Simulators]:
    """Simulators for every instrument of backend firmware, alive inside the block.

    In real time they are another process, on terminals and sockets; in virtual time they
    live on the event loop, and their wires are in memory.

    Raises:
        LuminaError: the simulators do not start; standard error says why.
    """
    names = [n for n, i in config.instruments.items() if i.backend is Backend.FIRMWARE]
    if not names:
        yield Simulators({})
        return
    description = describe(config, names=names, seed=seed, chip_seed=chip_seed)
    loop = asyncio.get_running_loop()
    if isinstance(loop, VirtualTimeLoop):
        with in_memory(description, loop) as simulators:
            yield simulators
        return
    process = serving(description)
    simulators = await asyncio.to_thread(process.__enter__)
    try:
        yield simulators
    finally:
        await asyncio.to_thread(process.__exit__, None, None, None)


@contextmanager
def in_memory(description: WorldDescription, loop: VirtualTimeLoop) -> Iterator[Simulators]:
    """The simulators on this event loop, inside the block."""
    from firmware_sim.memory_world import MemoryWorld

    def order(**order: Any) -> dict[str, Any]:
        try:
            return world.orders.obey(order)
        except (UsageError, ValidationError) as error:
            raise ProtocolError(NAME, str(error)) from error

    with MemoryWorld(description) as world:
        loop.add_advancer(world.advance)
        try:
            yield Simulators(world.addresses(), order, world.plants)
        finally:
            loop.remove_advancer(world.advance)


@contextmanager
def serving(description: WorldDescription) -> Iterator[Simulators]:
    """The simulators in a process of their own, and its control channel, inside the block."""
    with spawned(description) as document:
        control = ControlClient(document["control"])
        found = document["instruments"]
        try:
            yield Simulators({name: found[name]["resource"] for name in found}, control.order)
        finally:
            control.close()
