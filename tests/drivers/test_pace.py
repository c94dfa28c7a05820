"""A plant without a board of its own lives by the event loop's clock."""

import asyncio

import pytest

from drivers.config import InstrumentConfig, build_instrument
from drivers.interfaces import PowerSupply, TemperatureController
from drivers.twin.pace import CHUNK, Pace
from twin.plant import Plant

pytestmark = pytest.mark.virtual_time


async def test_its_time_passes_when_somebody_looks(plant: Plant) -> None:
    pace = Pace(plant)
    tec = build_instrument(
        "tec", InstrumentConfig.model_validate({"driver": "meerstetter_tec109x"}), plant, pace
    )
    assert isinstance(tec, TemperatureController)
    await tec.connect()
    await tec.set_target_c(30.0)
    await tec.set_enabled(True)
    before = plant.tick
    await asyncio.sleep(60.0)
    assert plant.tick == before, "nobody looked"
    assert await tec.read_temperature_c() == pytest.approx(30.0, abs=0.05)
    assert plant.tick == before + 60_001, "the reading takes a tick, too"


async def test_instruments_on_one_plant_share_its_time(plant: Plant) -> None:
    pace = Pace(plant)
    loop = asyncio.get_running_loop()
    supplies = [
        build_instrument(name, InstrumentConfig(driver="keysight_e36312a"), plant, pace)
        for name in ("one", "other")
    ]
    for supply in supplies:
        await supply.connect()
    start_s, start = loop.time(), plant.tick
    await asyncio.sleep(3.0)
    readings = [s.read_voltage_v(1) for s in supplies if isinstance(s, PowerSupply)]
    await asyncio.gather(*readings)
    assert plant.tick - start == round((loop.time() - start_s) * 1000)


async def test_a_long_time_leaves_room_for_others(plant: Plant) -> None:
    pace = Pace(plant)
    await pace.catch_up()
    await asyncio.sleep(10 * CHUNK / 1000)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0.0)

    counting = asyncio.create_task(count())
    await pace.catch_up()
    counting.cancel()
    await asyncio.wait([counting])
    assert turns >= 9
