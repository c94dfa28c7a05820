"""The bench supply on the twin: it feeds the board, and trips when it must."""

from collections.abc import Callable
from typing import Any

import pytest
import pytest_asyncio

from drivers.config import InstrumentConfig, build_instrument
from drivers.twin import TwinPowerSupply
from lumina.errors import DeviceRangeError, DeviceStateError
from twin.config import PlantConfig
from twin.plant import Plant

pytestmark = pytest.mark.virtual_time

RAILS = [
    {"name": "dac", "voltage_v": 1.8, "idle_w": 0.9},
    {"name": "tec", "voltage_v": 12.0, "powers": "tec", "idle_w": 5.0},
]


@pytest.fixture
def plant() -> Plant:
    config = PlantConfig.model_validate({"chip": {"ports": 4}, "rails": RAILS})
    return Plant(config, seed=0, chip_seed=0)


@pytest_asyncio.fixture
async def supply(mount: Callable[..., TwinPowerSupply]) -> TwinPowerSupply:
    supply = mount("keysight_e36312a")
    await supply.connect()
    return supply


async def switched_on(supply: TwinPowerSupply) -> None:
    await supply.set_current_limit_a(1, 2.0)
    await supply.set_over_voltage_v(1, 5.5)
    await supply.set_voltage_v(1, 5.0)
    await supply.set_output(1, True)


def is_fed(plant: Plant) -> bool:
    return bool(plant.inputs["supply_on"][0])


def test_a_board_on_a_bench_supply_is_dead_until_that_is_on(
    mount: Callable[..., Any], plant: Plant
) -> None:
    assert is_fed(plant)
    mount("keysight_e36312a")
    assert not is_fed(plant)


async def test_the_board_is_fed_by_its_channel(supply: TwinPowerSupply, plant: Plant) -> None:
    await switched_on(supply)
    assert is_fed(plant)
    assert await supply.is_on(1)
    assert await supply.read_voltage_v(1) == 5.0
    await supply.set_output(1, False)
    assert not is_fed(plant)
    assert await supply.read_voltage_v(1) == 0.0


async def test_another_channel_feeds_nothing(supply: TwinPowerSupply, plant: Plant) -> None:
    await supply.set_voltage_v(2, 5.0)
    await supply.set_output(2, True)
    assert not is_fed(plant)
    assert await supply.read_current_a(2) == 0.0


async def test_a_board_browns_out_below_nine_tenths(supply: TwinPowerSupply, plant: Plant) -> None:
    await switched_on(supply)
    await supply.set_voltage_v(1, 4.4)
    assert not is_fed(plant)
    await supply.set_voltage_v(1, 4.6)
    assert is_fed(plant)


async def test_the_current_is_that_of_the_boards_own_converters(
    supply: TwinPowerSupply, plant: Plant
) -> None:
    await switched_on(supply)
    plant.actuator.head["rail_set_v"][0, :2] = [1.8, 12.0]
    plant.step(50)
    # 0.9 W of converters at 90 %; the TEC's rail has a mains adaptor of its own.
    assert await supply.read_current_a(1) == pytest.approx(0.9 / 0.9 / 5.0, rel=1e-3)


async def test_over_voltage_trips_and_stays_off_until_cleared(
    supply: TwinPowerSupply, plant: Plant
) -> None:
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


async def test_over_current_trips(supply: TwinPowerSupply, plant: Plant) -> None:
    await switched_on(supply)
    plant.actuator.head["rail_set_v"][0, :2] = [1.8, 12.0]
    plant.step(50)
    await supply.set_current_limit_a(1, 0.1)
    assert await supply.is_tripped(1)
    assert not is_fed(plant)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (("set_voltage_v", 1, 12.0), r"voltage of 12 V \(allowed: 0 .. 6.18 V\)"),
        (("set_voltage_v", 2, -1.0), r"voltage of -1 V \(allowed: 0 .. 25.75 V\)"),
        (("set_current_limit_a", 3, 2.0), r"current limit of 2 A \(allowed: 0 .. 1.03 A\)"),
        (("set_over_voltage_v", 1, 9.0), r"over-voltage level of 9 V \(allowed: 0 .. 6.798 V\)"),
        (("set_voltage_v", 1, float("nan")), "voltage of nan V"),
        (("set_output", 0, True), r"no channel 0 \(allowed: 1 .. 3\)"),
        (("read_voltage_v", 4), r"no channel 4 \(allowed: 1 .. 3\)"),
        (("clear_trip", -1), r"no channel -1 \(allowed: 1 .. 3\)"),
    ],
)
async def test_values_and_channels_that_it_lacks_change_nothing(
    supply: TwinPowerSupply, plant: Plant, call: tuple[Any, ...], said: str
) -> None:
    await switched_on(supply)
    method, *arguments = call
    with pytest.raises(DeviceRangeError, match=said):
        await getattr(supply, method)(*arguments)
    assert is_fed(plant)
    assert await supply.read_voltage_v(1) == 5.0


async def test_made_safe_all_outputs_are_off(supply: TwinPowerSupply, plant: Plant) -> None:
    await switched_on(supply)
    await supply.make_safe()
    assert [await supply.is_on(channel) for channel in (1, 2, 3)] == [False] * 3
    assert not is_fed(plant)


def test_a_supply_that_feeds_by_another_channel(plant: Plant) -> None:
    options = {"board_channel": 2, "voltage_v": 12.0, "current_limit_a": 1.0, "over_voltage_v": 13}
    config = InstrumentConfig.model_validate({"driver": "keysight_e36312a", "options": options})
    supply = build_instrument("supply", config, plant)
    assert isinstance(supply, TwinPowerSupply)
    assert supply.voltage_limits_v(2).high == 25.75
