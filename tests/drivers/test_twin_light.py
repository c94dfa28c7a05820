"""Laser and power meter on the twin."""

from collections.abc import Callable
from math import inf, isinf, nan

import pytest
import pytest_asyncio

from drivers.twin import TwinLaser, TwinPowerMeter
from lumina.errors import DeviceRangeError, DeviceStateError
from twin.plant import Plant

pytestmark = pytest.mark.virtual_time


@pytest_asyncio.fixture
async def laser(mount: Callable[..., TwinLaser]) -> TwinLaser:
    laser = mount("santec_tsl570")
    await laser.connect()
    return laser


@pytest_asyncio.fixture
async def meter(mount: Callable[..., TwinPowerMeter]) -> TwinPowerMeter:
    meter = mount("thorlabs_pm100d", port=1)
    await meter.connect()
    return meter


def light_up(plant: Plant, ticks: int = 2) -> None:
    plant.inputs["laser_on"] = 1.0
    plant.actuator.head["laser_scale"] = 1.0
    plant.step(ticks)


async def test_the_laser_tells_who_it_stands_for(laser: TwinLaser) -> None:
    identity = await laser.connect()
    assert (identity.manufacturer, identity.model) == ("SANTEC", "TSL-570")


async def test_settings_reach_the_plant(laser: TwinLaser, plant: Plant) -> None:
    await laser.set_wavelength_m(1.551e-6)
    await laser.set_power_w(0.005)
    await laser.set_emission(True)
    assert await laser.is_emitting()
    assert await laser.read_wavelength_m() == 1.551e-6
    assert plant.inputs["laser_power_w"][0] == 0.005
    assert plant.inputs["laser_on"][0] == 1.0


async def test_the_power_reading_is_noisy_and_repeats_with_the_seed(
    laser: TwinLaser, plant: Plant
) -> None:
    await laser.set_emission(True)
    first = await laser.read_power_w()
    assert first != 0.01
    assert first == pytest.approx(0.01, rel=0.02)
    assert await laser.read_power_w() == first  # the same tick, the same noise
    plant.step()
    assert await laser.read_power_w() != first


async def test_a_dark_laser_reads_no_power(laser: TwinLaser) -> None:
    assert await laser.read_power_w() == 0.0


@pytest.mark.parametrize("wavelength_m", [1.2e-6, 1.65e-6, nan, inf, 1550.0])
async def test_a_wavelength_beyond_the_tuning_range_changes_nothing(
    laser: TwinLaser, plant: Plant, wavelength_m: float
) -> None:
    with pytest.raises(DeviceRangeError) as caught:
        await laser.set_wavelength_m(wavelength_m)
    assert caught.value.allowed == "1.48e-06 .. 1.64e-06 m"
    assert str(caught.value).startswith(f"it: wavelength of {wavelength_m:g} m (allowed:")
    assert plant.inputs["laser_wavelength_m"][0] == 1.55e-6


async def test_power_beyond_the_laser_changes_nothing(laser: TwinLaser, plant: Plant) -> None:
    with pytest.raises(DeviceRangeError, match=r"power of 0.5 W \(allowed: 3.2e-05 .. 0.02 W\)"):
        await laser.set_power_w(0.5)
    assert plant.inputs["laser_power_w"][0] == 0.01


async def test_a_safe_laser_is_dark(laser: TwinLaser) -> None:
    await laser.set_emission(True)
    await laser.make_safe()
    assert not await laser.is_emitting()


async def test_the_meter_sees_the_tap_of_its_port(meter: TwinPowerMeter, plant: Plant) -> None:
    light_up(plant)
    await meter.set_averaging(1000)
    (power_w,) = await meter.read_power_w()
    tapped_w = plant.output_power_w()[1] * plant.config.receivers.monitor_share
    assert power_w == pytest.approx(tapped_w, abs=3e-9)


async def test_zeroing_removes_the_dark_offset(meter: TwinPowerMeter) -> None:
    await meter.set_averaging(3000)
    (before_w,) = await meter.read_power_w()
    await meter.zero()
    (after_w,) = await meter.read_power_w()
    assert abs(after_w) < 1e-11 < abs(before_w)


async def test_a_lit_meter_is_not_zeroed(meter: TwinPowerMeter, plant: Plant) -> None:
    light_up(plant)
    with pytest.raises(DeviceStateError, match=r"darken the input first \(state: lit\)"):
        await meter.zero()


async def test_a_wrong_wavelength_setting_reads_wrong_power(
    meter: TwinPowerMeter, plant: Plant
) -> None:
    light_up(plant)
    (right_w,) = await meter.read_power_w()
    await meter.set_wavelength_m(0.775e-6 * 1.1)
    (wrong_w,) = await meter.read_power_w()
    assert wrong_w == pytest.approx(right_w * 1.55 / (0.775 * 1.1), rel=0.01)


async def test_over_range_reads_infinite(meter: TwinPowerMeter, plant: Plant) -> None:
    plant.inputs["laser_power_w"] = 10.0
    light_up(plant)
    assert isinf((await meter.read_power_w())[0])


@pytest.mark.parametrize("samples", [0, 3001])
async def test_averaging_has_its_range(meter: TwinPowerMeter, samples: int) -> None:
    with pytest.raises(DeviceRangeError, match=r"allowed: 1 .. 3000 samples"):
        await meter.set_averaging(samples)


async def test_a_meter_emits_nothing_and_is_safe(meter: TwinPowerMeter) -> None:
    await meter.make_safe()
    assert meter.channels == 1
