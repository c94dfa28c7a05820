"""Temperature controllers and fans on one plant, as twins and as simulated firmware."""

from typing import Any

import pytest

from lumina.errors import DeviceStateError
from twin.plant import Plant
from twin.records import SENSOR_OPEN, SENSOR_SHORTED

pytestmark = pytest.mark.virtual_time

CONTROLLERS = ["meerstetter_tec109x", "thermostat_8451"]
controllers = pytest.mark.parametrize("driver", CONTROLLERS)


def carrier_c(plant: Plant) -> float:
    return plant.temperatures_c()[plant.config.tec.cold_node]


@controllers
@pytest.mark.parametrize("target_c", [22.0, 28.0])
async def test_its_own_regulator_brings_the_carrier_to_its_target(
    driver: str, target_c: float, join: Any, plant: Plant
) -> None:
    controller = await join(driver)
    await controller.set_target_c(target_c)
    await controller.set_enabled(True)
    assert not await controller.is_stable()
    plant.step(60_000)
    assert await controller.is_stable()
    assert carrier_c(plant) == pytest.approx(target_c, abs=0.05)
    assert await controller.read_temperature_c() == pytest.approx(target_c, abs=0.05)
    cools = target_c < 25.0
    assert (await controller.read_current_a() > 0.0) is cools
    assert (await controller.read_sink_c() > 25.0) is cools
    plant.inputs["ambient_c"] += 2.0
    plant.step(60_000)
    assert carrier_c(plant) == pytest.approx(target_c, abs=0.05)


@controllers
async def test_a_fixed_current_takes_the_regulators_place(
    driver: str, join: Any, plant: Plant
) -> None:
    controller = await join(driver)
    await controller.set_current_a(1.0)
    plant.step(100)
    assert await controller.read_current_a() == 0.0, "its output stage is off"
    await controller.set_enabled(True)
    plant.step(1000)
    assert await controller.read_current_a() == pytest.approx(1.0, rel=1e-3)
    assert await controller.read_voltage_v() == pytest.approx(0.8, abs=0.1)
    assert await controller.read_temperature_c() < 25.0
    assert not await controller.is_stable()


@controllers
async def test_the_output_stage_carries_nothing_when_safe(
    driver: str, join: Any, plant: Plant
) -> None:
    controller = await join(driver)
    await controller.set_current_a(1.0)
    await controller.set_enabled(True)
    plant.step(100)
    await controller.make_safe()
    plant.step(100)
    assert await controller.read_current_a() == 0.0


@controllers
@pytest.mark.parametrize("fault", [SENSOR_OPEN, SENSOR_SHORTED])
async def test_a_broken_thermistor_is_no_temperature(
    driver: str, fault: int, join: Any, plant: Plant
) -> None:
    controller = await join(driver)
    plant.inputs["sensor_fault"][0, 0] = fault
    plant.step(200)
    with pytest.raises(DeviceStateError, match=r"open or shorted.*\(state: error\)"):
        await controller.read_temperature_c()
    assert await controller.read_sink_c() == pytest.approx(25.0, abs=0.05)


async def test_a_twin_never_exceeds_what_the_module_takes(mount: Any) -> None:
    assert mount("meerstetter_tec109x", current_limit_a=16.0).current_limits_a().high == 8.0


async def test_the_fan_spins_up_and_reports_its_speed(join: Any, plant: Plant) -> None:
    fan = await join("ebmpapst_ec_fan")
    await fan.set_speed_rpm(2000.0)
    assert plant.inputs["instrument_fan_rpm"][0] == pytest.approx(2000.0, abs=0.1)
    plant.step(5000)
    assert await fan.read_speed_rpm() == pytest.approx(2000.0, rel=1e-3)
    assert not await fan.is_stalled()


async def test_a_blocked_fan_says_so_only_when_it_should_turn(join: Any, plant: Plant) -> None:
    fan = await join("ebmpapst_ec_fan")
    await fan.set_speed_rpm(0.0)
    plant.inputs["fan_stall"] = 1.0
    assert not await fan.is_stalled()
    await fan.set_speed_rpm(1000.0)
    assert await fan.is_stalled()


async def test_a_safe_fan_blows(join: Any, plant: Plant) -> None:
    fan = await join("ebmpapst_ec_fan", max_rpm=3000)
    await fan.make_safe()
    plant.step(5000)
    assert await fan.read_speed_rpm() == pytest.approx(3000.0, rel=1e-3)
