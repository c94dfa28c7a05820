"""Stand-alone temperature controller, fan and heater driver on the twin."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from drivers.twin import TwinFan, TwinPhaseShifterBank, TwinTemperatureController
from lumina.errors import DeviceRangeError, DeviceStateError
from twin.plant import Plant
from twin.records import SENSOR_OPEN

pytestmark = pytest.mark.virtual_time


@pytest_asyncio.fixture
async def controller(mount: Callable[..., TwinTemperatureController]) -> TwinTemperatureController:
    controller = mount("meerstetter_tec109x", current_limit_a=6.0)
    await controller.connect()
    return controller


@pytest_asyncio.fixture
async def fan(mount: Callable[..., TwinFan]) -> TwinFan:
    fan = mount("ebmpapst_ec_fan", max_rpm=3000)
    await fan.connect()
    return fan


@pytest_asyncio.fixture
async def bank(mount: Callable[..., TwinPhaseShifterBank]) -> TwinPhaseShifterBank:
    bank = mount("qontrol_q8iv", channels=40)
    await bank.connect()
    return bank


async def test_the_controller_brings_the_carrier_to_its_target(
    controller: TwinTemperatureController, plant: Plant
) -> None:
    await controller.set_target_c(30.0)
    await controller.set_enabled(True)
    assert not await controller.is_stable()
    plant.step(30_000)
    assert await controller.is_stable()
    assert await controller.read_temperature_c() == pytest.approx(30.0, abs=0.05)
    assert await controller.read_target_c() == 30.0
    assert await controller.read_current_a() < 0.0  # it heats
    assert await controller.read_sink_c() < 25.0


async def test_a_fixed_current_takes_the_regulators_place(
    controller: TwinTemperatureController, plant: Plant
) -> None:
    await controller.set_current_a(2.0)
    await controller.set_enabled(True)
    plant.step(1000)
    assert await controller.read_current_a() == 2.0
    assert await controller.read_voltage_v() == pytest.approx(1.6, abs=0.1)
    assert await controller.read_temperature_c() < 25.0
    assert not await controller.is_stable()


async def test_the_output_stage_carries_nothing_when_safe(
    controller: TwinTemperatureController, plant: Plant
) -> None:
    await controller.set_current_a(2.0)
    await controller.set_enabled(True)
    await controller.make_safe()
    plant.step()
    assert not await controller.is_enabled()
    assert await controller.read_current_a() == 0.0


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (("set_target_c", 200.0), r"target of 200 C \(allowed: -40 .. 125 C\)"),
        (("set_current_a", 7.0), r"current of 7 A \(allowed: -6 .. 6 A\)"),
        (("set_current_a", float("nan")), "current of nan A"),
    ],
)
async def test_targets_and_currents_beyond_the_controller_change_nothing(
    controller: TwinTemperatureController, plant: Plant, call: tuple[Any, ...], said: str
) -> None:
    before = plant.inputs.copy()
    method, *arguments = call
    with pytest.raises(DeviceRangeError, match=said):
        await getattr(controller, method)(*arguments)
    assert plant.inputs == before


async def test_the_controller_never_exceeds_what_the_module_takes(
    mount: Callable[..., TwinTemperatureController],
) -> None:
    assert mount("meerstetter_tec109x", current_limit_a=16.0).current_limits_a().high == 8.0


async def test_an_open_thermistor_is_no_temperature(
    controller: TwinTemperatureController, plant: Plant
) -> None:
    plant.inputs["sensor_fault"][0, 0] = SENSOR_OPEN
    with pytest.raises(DeviceStateError, match=r"thermistor open or shorted \(state: error\)"):
        await controller.read_temperature_c()
    assert await controller.read_sink_c() == pytest.approx(25.0, abs=0.01)


async def test_the_fan_spins_up_and_reports_its_speed(fan: TwinFan, plant: Plant) -> None:
    await fan.set_speed_rpm(2000.0)
    assert await fan.read_speed_rpm() == 0.0
    plant.step(5000)
    assert await fan.read_speed_rpm() == pytest.approx(2000.0, rel=1e-3)
    assert not await fan.is_stalled()


async def test_a_blocked_fan_says_so_only_when_it_should_turn(fan: TwinFan, plant: Plant) -> None:
    plant.inputs["fan_stall"] = 1.0
    assert not await fan.is_stalled()
    await fan.set_speed_rpm(1000.0)
    assert await fan.is_stalled()


async def test_a_safe_fan_blows(fan: TwinFan, plant: Plant) -> None:
    await fan.make_safe()
    plant.step(5000)
    assert await fan.read_speed_rpm() == pytest.approx(3000.0, rel=1e-3)


async def test_a_speed_beyond_the_fan_changes_nothing(fan: TwinFan, plant: Plant) -> None:
    for speed_rpm in (-1.0, 3001.0, float("inf")):
        with pytest.raises(DeviceRangeError, match=r"allowed: 0 .. 3000 RPM"):
            await fan.set_speed_rpm(speed_rpm)
    assert plant.inputs["instrument_fan_rpm"][0] == 0.0


async def test_drive_reaches_the_heaters_in_converter_steps(
    bank: TwinPhaseShifterBank, plant: Plant
) -> None:
    await bank.set_drive_v(np.linspace(0.0, 5.0, 40))
    plant.step()
    drive_v = await bank.read_drive_v()
    assert np.abs(drive_v - np.linspace(0.0, 5.0, 40)).max() <= 0.5 * 12.0 / 65535 + 1e-12
    assert np.array_equal(plant.arrays.heaters.drive_v, drive_v[:36])


async def test_currents_follow_the_heaters_and_open_channels_carry_none(
    bank: TwinPhaseShifterBank, plant: Plant
) -> None:
    await bank.set_drive_v(np.full(40, 4.0))
    plant.step()
    current_a = await bank.read_current_a()
    assert np.all(current_a[36:] == 0.0)
    assert np.all(np.abs(current_a[:36] / (4.0 / 800.0) - 1.0) < 0.15)


@pytest.mark.parametrize(
    ("drive_v", "said"),
    [
        (np.zeros(36), r"drive of shape \(36,\) \(allowed: shape \(40,\)\)"),
        (np.full(40, 11.0), r"drive of 11 V \(allowed: 0 .. 10 V\)"),
        (np.linspace(-0.1, 1.0, 40), "drive of -0.1 V"),
        (np.full(40, np.nan), "drive of nan V"),
    ],
)
async def test_a_drive_that_the_bank_refuses_changes_nothing(
    bank: TwinPhaseShifterBank, plant: Plant, drive_v: Any, said: str
) -> None:
    await bank.set_drive_v(np.full(40, 1.0))
    with pytest.raises(DeviceRangeError, match=said):
        await bank.set_drive_v(drive_v)
    assert np.abs(await bank.read_drive_v() - 1.0).max() < 1e-4
    assert np.abs(plant.heater_v - 1.0).max() < 1e-4


async def test_a_safe_bank_drives_nothing(bank: TwinPhaseShifterBank, plant: Plant) -> None:
    await bank.set_drive_v(np.full(40, 4.0))
    await bank.make_safe()
    assert bank.channels == 40
    assert not plant.heater_v.any()
