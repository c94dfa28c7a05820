"""Light that was seen while the board was not as commanded is not taken for a measurement."""

import asyncio

import numpy as np
import pytest

from lumina.errors import DeviceTimeoutError
from lumina.runtime import Bench
from lumina.runtime.virtual_time import VirtualTimeLoop
from twin.plant import Plant


def plant_of(bench: Bench) -> Plant:
    plant = next(iter(bench.stations.values())).plant
    assert plant is not None
    return plant


def passes(plant: Plant) -> int:
    """Batches sent through the light so far."""
    return int(plant.arrays.state["operations"][0])


async def test_light_of_another_epoch_is_sent_again(bench: Bench) -> None:
    device, plant = bench.device, plant_of(bench)
    await device.set_drive_v(np.full(device.loop.heaters, 2.0))
    await device.measure_transfer()
    before = passes(plant)
    plant.arrays.state["epoch"] += 1  # as when a board's watchdog has tripped
    await device.measure_transfer()
    assert passes(plant) == before + 2
    repeated = device.counters.repeated
    assert repeated >= 1
    await device.measure_transfer()
    assert passes(plant) == before + 3
    assert device.counters.repeated == repeated


async def test_a_board_that_goes_safe_again_and_again_is_an_error(bench: Bench) -> None:
    device, plant = bench.device, plant_of(bench)
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)

    def interrupt(_: int) -> None:
        plant.arrays.state["epoch"] += 1

    loop.add_advancer(interrupt)
    try:
        with pytest.raises(DeviceTimeoutError, match="20 times in a row the board went safe"):
            await device.measure_transfer()
    finally:
        loop.remove_advancer(interrupt)
