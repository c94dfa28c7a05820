"""Bench supplies on the board, as twins and as simulated firmware: they feed it, and trip."""

from typing import Any

import pytest

from lumina.errors import DeviceRangeError, DeviceStateError
from twin.config import PlantConfig
from twin.plant import Plant

pytestmark = [
    pytest.mark.virtual_time,
    pytest.mark.parametrize("driver", ["keysight_e36312a", "rohde_hmp4040"]),
]

RAILS = [
    {"name": "dac", "voltage_v": 1.8, "idle_w": 0.9},
    {"name": "tec", "voltage_v": 12.0, "powers": "tec", "idle_w": 5.0},
]


@pytest.fixture
def plant() -> Plant:
    config = PlantConfig.model_validate({"chip": {"ports": 4}, "rails": RAILS})
    return Plant(config, seed=0, chip_seed=0)


async def switched_on(supply: Any) -> None:
    await supply.set_current_limit_a(1, 2.0)
    await supply.set_over_voltage_v(1, 5.5)
    await supply.set_voltage_v(1, 5.0)
    await supply.set_output(1, True)


def loaded(plant: Plant) -> None:
    plant.actuator.head["rail_set_v"][0, :2] = [1.8, 12.0]
    plant.step(50)


def is_fed(plant: Plant) -> bool:
    return bool(plant.inputs["supply_on"][0])


async def test_a_board_on_a_bench_supply_is_dead_until_that_is_on(
    driver: str, join: Any, plant: Plant
) -> None:
    assert is_fed(plant)
    supply = await join(driver)
    assert not is_fed(plant)
    await switched_on(supply)
    assert is_fed(plant)
    await supply.set_output(1, False)
    assert not is_fed(plant)


async def test_another_channel_feeds_nothing(driver: str, join: Any, plant: Plant) -> None:
    supply = await join(driver)
    await supply.set_voltage_v(2, 5.0)
    await supply.set_output(2, True)
    assert not is_fed(plant)
    assert await supply.read_voltage_v(2) == pytest.approx(5.0)
    assert await supply.read_current_a(2) == 0.0


async def test_the_board_may_hang_on_any_channel(driver: str, join: Any, plant: Plant) -> None:
    supply = await join(
        driver, board_channel=2, voltage_v=12.0, current_limit_a=1.0, over_voltage_v=13.0
    )
    await supply.set_voltage_v(2, 12.0)
    await supply.set_output(2, True)
    assert is_fed(plant)


async def test_a_board_browns_out_below_nine_tenths(driver: str, join: Any, plant: Plant) -> None:
    supply = await join(driver)
    await switched_on(supply)
    await supply.set_voltage_v(1, 4.4)
    assert not is_fed(plant)
    await supply.set_voltage_v(1, 4.6)
    assert is_fed(plant)


async def test_the_current_is_that_of_the_boards_own_converters(
    driver: str, join: Any, plant: Plant
) -> None:
    supply = await join(driver)
    await switched_on(supply)
    loaded(plant)
    # 0.9 W of converters at 90 %; the TEC's rail has a mains adaptor of its own.
    assert await supply.read_current_a(1) == pytest.approx(0.9 / 0.9 / 5.0, rel=1e-3)


async def test_over_voltage_trips_and_stays_off_until_cleared(
    driver: str, join: Any, plant: Plant
) -> None:
    supply = await join(driver)
    await switched_on(supply)
    await supply.set_voltage_v(1, 5.8)
    assert await supply.is_tripped(1)
    assert not await supply.is_on(1)
    assert not is_fed(plant)
    await supply.set_voltage_v(1, 5.0)
    with pytest.raises(DeviceStateError, match="channel 1 cannot go on, clear its trip first"):
        await supply.set_output(1, True)
    await supply.clear_trip(1)
    assert not await supply.is_on(1)
    await supply.set_output(1, True)
    assert is_fed(plant)


async def test_over_current_trips(driver: str, join: Any, plant: Plant) -> None:
    supply = await join(driver)
    await switched_on(supply)
    loaded(plant)
    await supply.set_current_limit_a(1, 0.1)
    assert await supply.is_tripped(1)
    assert not is_fed(plant)


async def test_each_channel_has_its_own_limits(driver: str, join: Any) -> None:
    supply = await join(driver)
    for channel in range(1, supply.channels + 1):
        highest_v = supply.voltage_limits_v(channel).high
        await supply.set_voltage_v(channel, highest_v)
        allowed = rf"\(allowed: 0 \.\. {highest_v:g} V\)"
        with pytest.raises(DeviceRangeError, match=allowed):
            await supply.set_voltage_v(channel, 1.01 * highest_v)


async def test_made_safe_all_outputs_are_off(driver: str, join: Any, plant: Plant) -> None:
    supply = await join(driver)
    await switched_on(supply)
    await supply.make_safe()
    assert not is_fed(plant)
