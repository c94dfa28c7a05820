"""Lasers and power meters on one plant, as twins and as simulated firmware."""

from typing import Any

import numpy as np
import pytest

from lumina.errors import DeviceStateError
from twin.plant import Plant

pytestmark = pytest.mark.virtual_time

METERS = ["thorlabs_pm100d", "keysight_n7744a", "labjack_t7"]
CALIBRATED = ["thorlabs_pm100d", "keysight_n7744a"]


def light_up(plant: Plant, ticks: int = 2) -> None:
    plant.inputs["laser_on"] = 1.0
    plant.actuator.head["laser_scale"] = 1.0
    plant.step(ticks)


async def test_a_lasers_settings_reach_the_plant(join: Any, plant: Plant) -> None:
    laser = await join("santec_tsl570")
    await laser.set_wavelength_m(1.551e-6)
    await laser.set_power_w(0.005)
    await laser.set_emission(True)
    assert plant.inputs["laser_wavelength_m"][0] == pytest.approx(1.551e-6, abs=1e-13)
    assert plant.inputs["laser_power_w"][0] == pytest.approx(0.005)
    assert plant.inputs["laser_on"][0] == 1.0
    await laser.make_safe()
    assert plant.inputs["laser_on"][0] == 0.0


async def test_a_lasers_own_reading_is_noisy_and_repeats_with_the_seed(
    join: Any, plant: Plant
) -> None:
    laser = await join("santec_tsl570")
    await laser.set_power_w(0.01)
    await laser.set_emission(True)
    first = await laser.read_power_w()
    assert first != 0.01
    assert first == pytest.approx(0.01, rel=0.02)
    assert await laser.read_power_w() == first, "the same tick, the same noise"
    plant.step()
    assert await laser.read_power_w() != first


@pytest.mark.parametrize("driver", METERS)
async def test_a_meter_sees_the_taps_of_its_ports(driver: str, join: Any, plant: Plant) -> None:
    light_up(plant)
    meter = await join(driver, port=1)
    await meter.set_averaging(100)
    power_w = await meter.read_power_w()
    tapped_w = plant.output_power_w() * plant.config.receivers.monitor_share
    seen_w = np.zeros(meter.channels)
    seen_w[:3] = tapped_w[1:][: meter.channels]  # the chip's ports end at 3
    assert power_w == pytest.approx(seen_w, abs=6e-8)


@pytest.mark.parametrize("driver", METERS)
async def test_zeroing_removes_the_dark_offset(driver: str, join: Any, plant: Plant) -> None:
    meter = await join(driver)
    await meter.set_averaging(100)
    before_w = np.abs(await meter.read_power_w()).max()
    await meter.zero()
    plant.step()
    assert np.abs(await meter.read_power_w()).max() < 0.5 * before_w


@pytest.mark.parametrize("driver", METERS)
async def test_a_lit_meter_is_not_zeroed(driver: str, join: Any, plant: Plant) -> None:
    light_up(plant)
    meter = await join(driver)
    with pytest.raises(DeviceStateError, match=r"^it: "):
        await meter.zero()


@pytest.mark.parametrize("driver", METERS)
async def test_a_wrong_wavelength_setting_reads_wrong_power(
    driver: str, join: Any, plant: Plant
) -> None:
    light_up(plant)
    meter = await join(driver)
    right_w = (await meter.read_power_w())[0]
    await meter.set_wavelength_m(1.3e-6)
    assert (await meter.read_power_w())[0] == pytest.approx(right_w * 1.55 / 1.3, rel=0.01)


@pytest.mark.parametrize("driver", CALIBRATED)
async def test_too_much_light_reads_infinite(driver: str, join: Any, plant: Plant) -> None:
    plant.inputs["laser_power_w"] = 20.0
    light_up(plant)
    meter = await join(driver)
    assert np.isinf(await meter.read_power_w()).any()


async def test_an_amplifier_at_its_rail_reads_infinite(join: Any, plant: Plant) -> None:
    light_up(plant)
    diodes = await join("labjack_t7", transimpedance_v_per_a=1e12)
    assert np.isinf(await diodes.read_power_w()).all()
