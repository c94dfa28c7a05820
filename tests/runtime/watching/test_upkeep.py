"""What a device does for itself at quiet moments."""

import asyncio

import numpy as np
import pytest

from calibration.programming import Calibration, nominal_calibration
from lumina.runtime.bench import Bench
from lumina.runtime.device import PhotonicDevice
from lumina.runtime.recording.journal import Journal
from lumina.runtime.watching.upkeep import Upkeep
from lumina.theory.haar import haar_unitary
from twin.plant import Plant


def plant_of(bench: Bench) -> Plant:
    (station,) = bench.stations.values()
    assert station.plant is not None
    return station.plant


def by_data_sheet(device: PhotonicDevice) -> Calibration:
    return nominal_calibration(
        device.architecture,
        device.nominal_phase_rad_per_v2,
        max_drive_v=device.max_drive_v,
        reference_die_c=device.die_temperature_c(),
    )


def change(plant: Plant, before: np.ndarray[tuple[int, int], np.dtype[np.complex128]]) -> float:
    now = plant.transfer_matrix()
    turn = np.vdot(now, before) / abs(np.vdot(now, before))
    return float(np.linalg.norm(turn * now - before) / np.linalg.norm(before))


@pytest.mark.lumina(config="lab_configs/reference_plant.yaml", seed=3)
async def test_heaters_that_leave_their_range_are_moved_by_a_turn_and_the_light_stays(
    bench: Bench,
) -> None:
    device, plant = bench.device, plant_of(bench)
    await device.calibrate()
    await device.load(haar_unitary(4, np.random.default_rng(1)))
    await asyncio.sleep(0.5)
    before = plant.transfer_matrix()
    told: list[str] = []
    bench.journal.listen(lambda event: told.append(event.event))
    device.loop.set_setpoint_c(59.0)
    await device.settling.carrier_locked()
    await asyncio.sleep(5.0)
    assert "headroom" in told
    assert device.loop.arrays.state["saturated_heaters"][0] == 0
    assert change(plant, before) < 0.03


@pytest.mark.lumina(config="lab_configs/reference_plant.yaml", seed=3)
async def test_a_trim_finds_most_of_what_the_monitors_can_tell_of_wandered_phases(
    bench: Bench,
) -> None:
    device, plant = bench.device, plant_of(bench)
    await device.calibrate()
    await device.load(haar_unitary(4, np.random.default_rng(1)))
    await asyncio.sleep(0.5)
    before = plant.transfer_matrix()
    wander = 0.03 * np.random.default_rng(2).standard_normal(16)
    plant.arrays.heaters.phi0_rad[:] += wander
    await asyncio.sleep(0.5)
    wandered = change(plant, before)
    rms_rad = await Upkeep(device, Journal()).trim()
    await asyncio.sleep(0.5)
    assert 0.005 < rms_rad < 0.05
    assert change(plant, before) < 0.6 * wandered


@pytest.mark.lumina(config="lab_configs/reference_plant.yaml", seed=3)
async def test_whoever_computes_ends_a_dither(bench: Bench) -> None:
    device = bench.device
    await device.install(by_data_sheet(device))
    await device.load(np.eye(4))
    await device.settling.applied(device.loop.start_dither(0.05, 100))
    assert device.loop.dithering
    await device.multiply(np.eye(4))
    assert not device.loop.dithering
    assert device.loop.dithered() is None
