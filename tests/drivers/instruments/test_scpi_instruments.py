"""The SCPI drivers, each against its simulated instrument on a plant, in memory."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from drivers.config import InstrumentConfig, build_instrument
from drivers.registry import Backend
from drivers.transports.memory import unplug
from drivers.wire import WireInstrument
from lumina.errors import DeviceConnectionError, DeviceError
from lumina.runtime.virtual_time import run_virtual
from tests.drivers.in_memory import InMemory
from twin.plant import Plant

METERS = ["thorlabs_pm100d", "keysight_n7744a"]
SUPPLIES = ["keysight_e36312a", "rohde_hmp4040"]
ALL = ["santec_tsl570", "keithley_2450", *METERS, *SUPPLIES]


def built(driver: str, plant: Plant) -> tuple[Any, InMemory]:
    told = InMemory(driver, plant)
    config = InstrumentConfig.model_validate(
        {"driver": driver, "backend": Backend.FIRMWARE, "address": told.address}
    )
    return build_instrument("it", config, None), told


Connect = Callable[[str], Any]


@pytest_asyncio.fixture
async def connect(plant: Plant) -> AsyncIterator[Connect]:
    """Build and connect a driver: ``device, told = await connect("santec_tsl570")``."""
    opened: list[WireInstrument] = []

    async def connected(driver: str) -> tuple[Any, InMemory]:
        device, told = built(driver, plant)
        opened.append(device)
        await device.connect()
        return device, told

    yield connected
    for device in opened:
        await device.close()
    unplug("it")


@pytest.mark.parametrize("driver", ALL)
async def test_the_instrument_understands_all_that_its_driver_says(
    driver: str, connect: Connect
) -> None:
    device, told = await connect(driver)
    await device.make_safe()
    await device.make_safe()
    assert not told.simulated.unknown


@pytest.mark.parametrize("driver", ALL)
async def test_another_instruments_driver_refuses_it(driver: str, plant: Plant) -> None:
    other = ALL[ALL.index(driver) - 1]
    device, _ = built(driver, plant)
    device.bus.timeout_s = 0.1
    built(other, plant)  # takes the same address
    with pytest.raises(DeviceError, match="it: memory:it: "):
        await device.connect()
    unplug("it")


async def test_two_tasks_do_not_take_each_others_channel(connect: Connect) -> None:
    supply, _ = await connect("rohde_hmp4040")
    wanted_v = {1: 1.0, 2: 2.0, 3: 3.0, 4: 4.0}
    await asyncio.gather(*(supply.set_voltage_v(ch, v) for ch, v in wanted_v.items()))
    read = await asyncio.gather(*(supply._ask(channel, "VOLT?") for channel in wanted_v))
    assert list(read) == list(wanted_v.values())


@pytest.mark.parametrize("driver", SUPPLIES)
async def test_after_a_power_cycle_settings_return_and_outputs_do_not(
    driver: str, connect: Connect
) -> None:
    supply, told = await connect(driver)
    supply.backoff_s = (0.01, 0.02)
    await supply.set_voltage_v(2, 3.0)
    await supply.set_output(2, True)
    told.lose_power()
    with pytest.raises(DeviceConnectionError):
        await supply.is_on(2)
    for _ in range(200):
        await asyncio.sleep(0.01)
        if supply.power_cycle is not None:
            break
    assert await supply.is_on(2) is False
    lost = {d.key: (d.wanted, d.restored) for d in supply.power_cycle.differences}
    assert (3.0, True) in lost.values()
    assert (1, False) in lost.values()
    await supply.set_output(2, True)
    assert await supply.read_voltage_v(2) == pytest.approx(3.0, abs=0.05)


def test_in_memory_it_works_in_virtual_time(plant: Plant) -> None:
    async def a_minute_of_readings() -> int:
        meter, _ = built("thorlabs_pm100d", plant)
        await meter.connect()
        readings = 0
        loop = asyncio.get_running_loop()
        while loop.time() < 60.0:
            await meter.read_power_w()
            await asyncio.sleep(1.0)
            readings += 1
        await meter.close()
        return readings

    assert 50 <= run_virtual(a_minute_of_readings()) <= 60
