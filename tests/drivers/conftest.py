"""A small plant, and instruments on it, built as a bench builds them."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from drivers.config import InstrumentConfig, build_instrument
from drivers.interfaces import Instrument
from drivers.registry import Backend
from drivers.transports.memory import unplug
from lumina.errors import DeviceError
from tests.drivers.in_memory import InMemory
from twin.config import PlantConfig
from twin.plant import Plant

Mount = Callable[..., Any]
Join = Callable[..., Awaitable[Any]]


@pytest.fixture
def plant() -> Plant:
    """A 4x4 matrix unit, its rails fed by the bench supply alone."""
    config = PlantConfig.model_validate({"chip": {"ports": 4, "kind": "svd"}})
    return Plant(config, seed=7, chip_seed=3)


@pytest.fixture
def mount(plant: Plant) -> Mount:
    """Put a driver's twin on the plant: ``mount("santec_tsl570", power_w=0.002)``."""

    def build(driver: str, **options: object) -> Instrument:
        config = InstrumentConfig.model_validate({"driver": driver, "options": options})
        return build_instrument("it", config, plant)

    return build


@pytest.fixture(params=["twin", "firmware"])
def way(request: pytest.FixtureRequest) -> str:
    """Who answers: the twin, or simulated firmware to the driver for the wire."""
    return str(request.param)


@pytest_asyncio.fixture
async def join(plant: Plant, way: str) -> AsyncIterator[Join]:
    """Connect one driver on the plant: ``meter = await join("thorlabs_pm100d", port=1)``."""
    joined: list[Instrument] = []

    async def connected(driver: str, **options: object) -> Instrument:
        where: dict[str, object] = {"driver": driver, "options": options}
        if way == "firmware":
            address = InMemory(driver, plant, **options).address
            where |= {"backend": Backend.FIRMWARE, "address": address}
        device = build_instrument("it", InstrumentConfig.model_validate(where), plant)
        joined.append(device)
        await device.connect()
        return device

    yield connected
    for device in joined:
        with contextlib.suppress(DeviceError):
            await device.close()
    unplug("it")
