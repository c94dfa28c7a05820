"""Heater drivers on the chip, as twins and as simulated firmware."""

from typing import Any

import numpy as np
import pytest

from twin.plant import Plant

pytestmark = pytest.mark.virtual_time


async def test_drive_reaches_the_heaters_in_converter_steps(join: Any, plant: Plant) -> None:
    bank = await join("qontrol_q8iv", channels=40)
    wanted_v = np.linspace(0.0, 5.0, 40)
    await bank.set_drive_v(wanted_v)
    plant.step()
    drive_v = plant.arrays.heaters.drive_v
    assert drive_v.size == 36, "channels beyond the heaters are open"
    assert np.abs(drive_v - wanted_v[:36]).max() <= 0.5 * 12.0 / 65535 + 1e-12
    np.testing.assert_allclose(await bank.read_drive_v(), wanted_v, atol=2e-4)


async def test_currents_follow_the_heaters_and_open_channels_carry_none(
    join: Any, plant: Plant
) -> None:
    bank = await join("qontrol_q8iv", channels=40)
    await bank.set_drive_v(np.full(40, 4.0))
    plant.step()
    current_a = await bank.read_current_a()
    assert np.all(current_a[36:] == 0.0)
    np.testing.assert_allclose(current_a[:36], plant.heater_current_a(), atol=1e-7)
    assert np.all(np.abs(current_a[:36] / (4.0 / 800.0) - 1.0) < 0.15)


async def test_a_bank_may_be_wired_from_any_heater_on(join: Any, plant: Plant) -> None:
    bank = await join("qontrol_q8iv", first_heater=30, channels=4)
    await bank.set_drive_v(np.array([1.0, 2.0, 3.0, 4.0]))
    plant.step()
    drive_v = plant.arrays.heaters.drive_v
    assert drive_v[30:34] == pytest.approx([1.0, 2.0, 3.0, 4.0], abs=1e-3)
    assert np.count_nonzero(drive_v) == 4


async def test_a_heater_turned_up_moves_the_light(join: Any, plant: Plant) -> None:
    plant.inputs["laser_on"] = 1.0
    plant.actuator.head["laser_scale"] = 1.0
    bank = await join("qontrol_q8iv")
    plant.step(2)
    before = plant.transfer_matrix()
    drive_v = np.zeros(8)
    drive_v[1] = 4.0
    await bank.set_drive_v(drive_v)
    plant.step(2)
    assert np.abs(plant.transfer_matrix() - before).max() > 0.1


async def test_a_source_meter_heats_its_heater(join: Any, plant: Plant) -> None:
    bank = await join("keithley_2450", first_heater=5)
    assert await bank.read_drive_v() == [0.0]
    await bank.set_drive_v(np.array([2.0]))
    plant.step()
    assert plant.arrays.heaters.drive_v[5] == pytest.approx(2.0)
    assert await bank.read_drive_v() == pytest.approx([2.0], abs=1e-3)
    current_a = plant.heater_current_a()[5]
    assert await bank.read_current_a() == pytest.approx([current_a], rel=1e-3)


async def test_a_source_meter_gives_way_at_its_compliance(join: Any, plant: Plant) -> None:
    bank = await join("keithley_2450", current_limit_a=1e-3)
    await bank.set_drive_v(np.array([5.0]))
    plant.step()
    volts = (await bank.read_drive_v())[0]
    assert volts == pytest.approx(1e-3 * float(plant.chip.resistance_ohm[0]), rel=0.01)
    assert plant.arrays.heaters.drive_v[0] == pytest.approx(volts, rel=1e-3)
    assert await bank.read_current_a() == pytest.approx([1e-3], rel=1e-3)


@pytest.mark.parametrize("driver", ["qontrol_q8iv", "keithley_2450"])
async def test_a_safe_bank_drives_nothing(driver: str, join: Any, plant: Plant) -> None:
    bank = await join(driver)
    await bank.set_drive_v(np.full(bank.channels, 4.0))
    assert plant.heater_v.any()
    await bank.make_safe()
    assert not plant.heater_v.any()
