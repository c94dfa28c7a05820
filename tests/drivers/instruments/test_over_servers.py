"""A driver on the simulated instrument's own servers: pty, TCP, HiSLIP and VXI-11."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from drivers.bus.bus import Bus, LineFramer, Resync
from drivers.instruments.keysight_e36312a import KeysightE36312a
from drivers.options import KeysightE36312aOptions
from drivers.registry import Mounting
from drivers.transports import open_transport
from firmware_sim.faults import Fault, FaultKind
from firmware_sim.instrument import Reply, SimulatedInstrument
from firmware_sim.instruments.keysight_e36312a import KeysightE36312a as Simulated
from firmware_sim.servers import (
    Endpoint,
    HislipEndpoint,
    PtyEndpoint,
    Server,
    TcpEndpoint,
    Vxi11Endpoint,
)
from lumina.errors import DeviceError, DeviceTimeoutError
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
    if kind == "vxi11":
        return Vxi11Endpoint("supply", "127.0.0.1")
    return TcpEndpoint("supply", "127.0.0.1", visa=kind == "visa socket")


@pytest.fixture(params=["pty", "tcp", "visa socket", "hislip", "vxi11"])
def server(request: pytest.FixtureRequest, plant: Plant) -> Iterator[Server]:
    instrument: SimulatedInstrument = Dawdling("supply", KeysightE36312aOptions(), plant)
    server = Server("supply", instrument, [endpoint(request.param)])
    server.start()
    yield server
    server.stop()


@pytest.fixture
def address(server: Server) -> str:
    return server.resources[0]


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


async def test_an_instrument_that_goes_is_lost_and_back_again(address: str, server: Server) -> None:
    supply = KeysightE36312a(Mounting("supply", KeysightE36312aOptions(), None, address))
    await supply.connect()
    server.inject(Fault(FaultKind.DISCONNECT, 0.2))
    with pytest.raises(DeviceError, match=r"^supply: ") as caught:
        await until_it_fails(supply)
    assert address in str(caught.value)
    async with asyncio.timeout(10.0):
        while True:
            with contextlib.suppress(DeviceError):
                assert await supply.query("*OPC?") == "1"
                break
            await asyncio.sleep(0.02)
    await supply.close()


async def until_it_fails(supply: KeysightE36312a) -> None:
    for _ in range(100):
        await supply.query("*OPC?", timeout_s=0.2)
        await asyncio.sleep(0.01)
