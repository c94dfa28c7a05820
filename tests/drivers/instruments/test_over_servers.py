"""A driver on the simulated instrument's own servers: pty, TCP and HiSLIP."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from drivers.bus import Bus, LineFramer, Resync
from drivers.instruments.keysight_e36312a import KeysightE36312a
from drivers.options import KeysightE36312aOptions
from drivers.registry import Mounting
from drivers.transports import open_transport
from firmware_sim.instrument import Reply, SimulatedInstrument
from firmware_sim.instruments.keysight_e36312a import KeysightE36312a as Simulated
from firmware_sim.servers.endpoint import Endpoint
from firmware_sim.servers.hislip import HislipEndpoint
from firmware_sim.servers.pseudo_terminal import PtyEndpoint
from firmware_sim.servers.server import Server
from firmware_sim.servers.tcp import TcpEndpoint
from lumina.errors import DeviceTimeoutError
from twin.plant import Plant

LATE_S = 0.12


class Dawdling(Simulated):
    """Takes its time over one question."""

    def receive(self, data: bytes) -> list[Reply]:
        replies = super().receive(data)
        if b"MEAS:VOLT?" not in data:
            return replies
        return [Reply(reply.data, LATE_S) for reply in replies]


def endpoint(kind: str) -> Endpoint:
    if kind == "pty":
        return PtyEndpoint("supply")
    if kind == "hislip":
        return HislipEndpoint("supply", "127.0.0.1")
    return TcpEndpoint("supply", "127.0.0.1", visa=kind == "visa socket")


@pytest.fixture(params=["pty", "tcp", "visa socket", "hislip"])
def address(request: pytest.FixtureRequest, plant: Plant) -> Iterator[str]:
    instrument: SimulatedInstrument = Dawdling("supply", KeysightE36312aOptions(), plant)
    way_in = endpoint(request.param)
    server = Server("supply", instrument, [way_in])
    server.start()
    yield way_in.resource
    server.stop()


@pytest_asyncio.fixture
async def bus(address: str) -> AsyncIterator[Bus]:
    wire = open_transport(address)
    resync = Resync.reopen() if wire.reopening_forgets else Resync.scpi()
    bus = Bus("supply", wire, LineFramer(), resync, timeout_s=0.5)
    await bus.open()
    yield bus
    await bus.close()


async def test_a_late_reply_reaches_nobody(bus: Bus) -> None:
    with pytest.raises(DeviceTimeoutError):
        await bus.request(b"MEAS:VOLT? (@1)", timeout_s=LATE_S / 3)
    assert (await bus.request(b"*IDN?")).startswith(b"Keysight")
    await asyncio.sleep(LATE_S)
    assert await bus.request(b"*OPC?") == b"1"


async def test_a_cancelled_requests_reply_reaches_nobody(bus: Bus) -> None:
    asking = asyncio.create_task(bus.request(b"MEAS:VOLT? (@1)"))
    await asyncio.sleep(LATE_S / 3)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert (await bus.request(b"*IDN?")).startswith(b"Keysight")
    assert await bus.request(b"*OPC?") == b"1"


async def test_the_driver_runs_on_it(address: str) -> None:
    supply = KeysightE36312a(Mounting("supply", KeysightE36312aOptions(), None, address))
    assert (await supply.connect()).model == "E36312A"
    await supply.set_voltage_v(2, 3.0)
    await supply.set_output(2, True)
    assert await supply.read_voltage_v(2) == pytest.approx(3.0, abs=0.05)
    await supply.make_safe()
    assert not await supply.is_on(2)
    await supply.close()
