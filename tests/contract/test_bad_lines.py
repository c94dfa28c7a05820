"""Whatever comes over a wire, the error names instrument and address, and the wire is usable.

Over wires in memory, in virtual time, for every driver; ports that cannot be opened are in
tests/drivers/transports.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import pytest
import pytest_asyncio

from drivers.transports.memory import plug_in, unplug
from firmware_sim.faults import FaultKind
from firmware_sim.instrument import Reply, SimulatedInstrument
from lumina.errors import DeviceConnectionError, DeviceError
from lumina.runtime.firmware import in_memory
from lumina.runtime.virtual_time import VirtualTimeLoop
from tests.contract.promises import READINGS
from tests.contract.subjects import Subject, memory_world
from tests.contract.test_every_instrument import plausible

IN_MEMORY = True
pytestmark = [pytest.mark.timeout(900), pytest.mark.virtual_time]

Disturb = Callable[[FaultKind, float, int], None]

FORGED = (FaultKind.GARBLED, FaultKind.TRUNCATED)
"""Where a protocol has no checksum, what is left may be a number, and the wrong one."""


@pytest_asyncio.fixture
async def rig(subject: Subject) -> AsyncIterator[tuple[Any, str, Disturb]]:
    """The driver, connected; its address; and what disturbs its wire."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    with in_memory(memory_world(subject), loop) as simulators:
        address = simulators.addresses[subject.served]
        device = subject.build({subject.served: {"resource": address}})
        await device.connect()
        yield device, address, partial(simulators.disturb_wire, subject.served)
        await device.close()


def names(error: BaseException, device: str, address: str) -> bool:
    """Whether it is an error of ours that tells instrument and address."""
    return (
        isinstance(error, DeviceError)
        and str(error).startswith(f"{device}: ")
        and address in str(error)
    )


@pytest.mark.parametrize("kind", [kind for kind in FaultKind if kind is not FaultKind.POWER_CYCLE])
async def test_a_spoilt_line_is_a_clear_error_and_usable_afterwards(
    subject: Subject, rig: tuple[Any, str, Disturb], kind: FaultKind
) -> None:
    device, address, disturb = rig
    readings = READINGS[subject.role](device)
    for reading in readings:
        disturb(kind, 3.0, 1)
        told = await asyncio.gather(reading.read(), return_exceptions=True)
        if isinstance(told[0], BaseException):
            assert names(told[0], subject.name, address)
        elif kind not in FORGED:
            plausible(reading, told[0])
        await asyncio.sleep(10.0)
        for _ in range(2):
            plausible(reading, await reading.read())


async def test_unplugged_in_the_middle_of_a_reply_it_says_so_and_comes_back(
    subject: Subject, rig: tuple[Any, str, Disturb]
) -> None:
    device, address, disturb = rig
    reading = READINGS[subject.role](device)[-1]
    asking = asyncio.ensure_future(reading.read())
    await asyncio.sleep(0.0002)
    disturb(FaultKind.DISCONNECT, 1.0, 1)
    await asyncio.wait([asking])
    told = asking.exception()
    assert told is None or names(told, subject.name, address), "or its answer was quicker"
    with pytest.raises(DeviceConnectionError) as caught:
        await reading.read()
    assert names(caught.value, subject.name, address)
    await asyncio.sleep(10.0)
    plausible(reading, await reading.read())


class Babbler(SimulatedInstrument):
    """Something else: whatever it is told, it says the same."""

    def receive(self, data: bytes) -> list[Reply]:
        return [Reply(b"\x15 what?\r\n", 0.001)]

    def power_cycle(self) -> None:
        """It has nothing to lose."""


async def test_something_else_at_the_address_is_refused_and_let_go_of(subject: Subject) -> None:
    if subject.driver == "lumina_npu":
        pytest.skip("a wire in memory knows that; see test_npu_link")
    address = plug_in("stranger", Babbler())
    device = subject.build({subject.served: {"resource": address}})
    for _ in range(2):
        with pytest.raises(DeviceError) as caught:
            await device.connect()
        assert names(caught.value, subject.name, address)
    await device.close()
    unplug("stranger")
