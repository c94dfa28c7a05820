"""The SCPI drivers, each against its simulated instrument on a plant, in memory."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from drivers.registry import Backend, Mounting, registry
from drivers.transports.memory import plug_in, unplug
from drivers.wire import WireInstrument
from firmware_sim.catalogue import simulator
from lumina.errors import DeviceConnectionError, DeviceError, DeviceRangeError, DeviceStateError
from lumina.runtime.virtual_time import run_virtual
from twin.plant import Plant

METERS = ["thorlabs_pm100d", "keysight_n7744a"]
SUPPLIES = ["keysight_e36312a", "rohde_hmp4040"]
ALL = ["santec_tsl570", "keithley_2450", *METERS, *SUPPLIES]


class Overheard:
    """A simulated instrument, and what it has been told."""

    def __init__(self, driver: str, plant: Plant) -> None:
        self.options = registry().entry(driver).options()
        self.simulated: Any = simulator(driver)("it", self.options, plant)
        self.heard: list[str] = []

    def receive(self, data: bytes) -> Any:
        self.heard += data.decode("ascii").split()
        return self.simulated.receive(data)

    def disconnected(self) -> None:
        self.simulated.disconnected()

    def lose_power(self) -> None:
        """The wire goes with it, and comes back."""
        unplug("it")
        self.simulated.power_cycle()
        plug_in("it", self)


def built(driver: str, plant: Plant) -> tuple[Any, Overheard]:
    told = Overheard(driver, plant)
    factory = registry().entry(driver).factory(Backend.FIRMWARE)
    return factory(Mounting("it", told.options, None, plug_in("it", told))), told


Connect = Callable[[str], Any]


@pytest_asyncio.fixture
async def connect(plant: Plant) -> AsyncIterator[Connect]:
    """Build and connect a driver: ``device, told = await connect("santec_tsl570")``."""
    opened: list[WireInstrument] = []

    async def connected(driver: str) -> tuple[Any, Overheard]:
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


async def test_the_laser_shines_as_told(connect: Connect, plant: Plant) -> None:
    laser, _ = await connect("santec_tsl570")
    await laser.set_wavelength_m(1.5512e-6)
    await laser.set_power_w(5e-3)
    assert await laser.read_power_w() == 0.0
    await laser.set_emission(True)
    assert await laser.read_wavelength_m() == pytest.approx(1.5512e-6, abs=1e-13)
    assert await laser.read_power_w() == pytest.approx(5e-3, rel=0.02)
    assert plant.inputs["laser_power_w"][0] == pytest.approx(5e-3)
    with pytest.raises(DeviceRangeError, match="wavelength"):
        await laser.set_wavelength_m(2e-6)


@pytest.mark.parametrize("driver", METERS)
async def test_a_meter_reads_every_input(driver: str, connect: Connect, plant: Plant) -> None:
    plant.inputs["laser_on"], plant.inputs["laser_power_w"] = 1.0, 0.01
    meter, _ = await connect(driver)
    await meter.set_wavelength_m(1.55e-6)
    await meter.set_averaging(10)
    plant.step(20)
    power_w = await meter.read_power_w()
    assert power_w.shape == (meter.channels,)
    share = plant.config.receivers.monitor_share
    expected_w = plant.output_power_w()[: meter.channels] * share
    assert power_w == pytest.approx(expected_w, rel=0.05, abs=1e-8)


@pytest.mark.parametrize("driver", SUPPLIES)
async def test_a_supply_trips_and_is_cleared(driver: str, connect: Connect) -> None:
    supply, _ = await connect(driver)
    await supply.set_voltage_v(1, 5.0)
    await supply.set_current_limit_a(1, 2.0)
    await supply.set_over_voltage_v(1, 5.5)
    await supply.set_output(1, True)
    assert await supply.is_on(1)
    assert await supply.read_voltage_v(1) == pytest.approx(5.0, abs=0.05)
    await supply.set_over_voltage_v(1, 4.5)
    assert await supply.is_tripped(1)
    with pytest.raises(DeviceStateError, match="clear its trip first"):
        await supply.set_output(1, True)
    await supply.set_over_voltage_v(1, 5.5)
    await supply.clear_trip(1)
    assert not await supply.is_tripped(1)
    assert not await supply.is_on(1)
    with pytest.raises(DeviceRangeError):
        await supply.set_voltage_v(99, 1.0)


async def test_two_tasks_do_not_take_each_others_channel(connect: Connect) -> None:
    supply, _ = await connect("rohde_hmp4040")
    wanted_v = {1: 1.0, 2: 2.0, 3: 3.0, 4: 4.0}
    await asyncio.gather(*(supply.set_voltage_v(ch, v) for ch, v in wanted_v.items()))
    read = await asyncio.gather(*(supply._ask(channel, "VOLT?") for channel in wanted_v))
    assert list(read) == list(wanted_v.values())


async def test_the_source_measure_unit_heats_one_heater(connect: Connect, plant: Plant) -> None:
    bank, _ = await connect("keithley_2450")
    assert await bank.read_drive_v() == [0.0]
    await bank.set_drive_v(np.array([2.0]))
    plant.step(20)
    assert await bank.read_drive_v() == pytest.approx([2.0], abs=0.01)
    assert (await bank.read_current_a())[0] > 1e-4
    await bank.make_safe()
    assert await bank.read_current_a() == [0.0]
    with pytest.raises(DeviceRangeError, match=r"shape \(1,\)"):
        await bank.set_drive_v(np.zeros(2))


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
