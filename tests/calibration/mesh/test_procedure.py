from collections.abc import Sequence

import numpy as np
import pytest

from calibration.heaters import compensation_rad_per_k, drive_for_own_phases_v
from calibration.mesh.procedure import CalibrationOptions, calibrate_chip
from calibration.programming import own_phases_for
from calibration.result import ChipCalibration
from lumina.errors import CalibrationError
from lumina.theory.haar import haar_unitary
from lumina.theory.mesh import MeshKind
from tests.calibration.known_chip import nominal_chip
from tests.calibration.simulated_chip import SimulatedChip


async def calibrated(chip: SimulatedChip) -> ChipCalibration:
    rng = np.random.default_rng(7)
    return await calibrate_chip(chip, rng=rng, progress=lambda stage, fraction: None)


async def programmed(
    chip: SimulatedChip, calibration: ChipCalibration, matrix: np.ndarray
) -> float:
    """Relative error of what the chip does, with the loop holding its phases."""
    own, per_k = own_phases_for(matrix, calibration), compensation_rad_per_k(calibration)
    warming_k = 0.0
    for _ in range(3):
        await chip.set_drive_v(drive_for_own_phases_v(calibration, own - warming_k * per_k))
        warming_k = chip.die_temperature_c() - calibration.reference_die_c
    given = chip.true_transfer() / calibration.gain
    return float(np.linalg.norm(given - matrix) / np.linalg.norm(matrix))


def some_matrices(ports: int, kind: MeshKind) -> Sequence[np.ndarray]:
    rng = np.random.default_rng(11)
    if kind != "svd":
        return [haar_unitary(ports, rng) for _ in range(5)]
    plain = [rng.standard_normal((ports, ports)) for _ in range(5)]
    return [matrix / np.linalg.norm(matrix, 2) for matrix in plain]


async def mean_error(chip: SimulatedChip, calibration: ChipCalibration) -> float:
    matrices = some_matrices(chip.architecture.ports, chip.architecture.kind)
    return float(np.mean([await programmed(chip, calibration, m) for m in matrices]))


@pytest.mark.parametrize("seed", range(10))
async def test_any_small_chip_is_learned(seed: int) -> None:
    chip = SimulatedChip(4, seed=seed)
    calibration = await calibrated(chip)
    assert calibration.quality is not None
    assert calibration.quality.transfer_error < 0.01
    assert calibration.quality.measurements == chip.measurements
    assert await mean_error(chip, calibration) < 0.015


@pytest.mark.parametrize(("ports", "kind"), [(8, "unitary"), (5, "svd"), (4, "triangular")])
async def test_other_arrangements_are_learned(ports: int, kind: MeshKind) -> None:
    chip = SimulatedChip(ports, kind, seed=1)
    calibration = await calibrated(chip)
    if kind != "triangular":
        assert await mean_error(chip, calibration) < 0.015
    assert calibration.quality is not None
    assert calibration.quality.transfer_error < 0.01


async def test_sixteen_ports_are_learned_and_hold_when_the_die_warms() -> None:
    chip = SimulatedChip(16, seed=1)
    calibration = await calibrated(chip)
    assert chip.measurements < 3000
    assert await mean_error(chip, calibration) < 0.02
    await chip.set_carrier_c(48.0)
    assert await mean_error(chip, calibration) < 0.03
    hidden = chip.hidden
    crosstalk = hidden.crosstalk - np.eye(len(hidden.phi0_rad))
    found = calibration.crosstalk - np.eye(len(hidden.phi0_rad))
    assert np.linalg.norm(found - crosstalk) < 0.05 * np.linalg.norm(crosstalk)


async def test_couplers_of_attenuators_are_found_as_pairs() -> None:
    chip = SimulatedChip(8, seed=3)
    calibration = await calibrated(chip)
    attenuators = slice(56, 72)
    found = calibration.splitter_error_rad[attenuators].reshape(-1, 2)
    there = chip.hidden.splitter_error_rad[attenuators].reshape(-1, 2)
    np.testing.assert_allclose(found[:, 0], found[:, 1], atol=1e-4)
    np.testing.assert_allclose(found.mean(axis=1), there.mean(axis=1), atol=2e-3)


async def test_without_calibration_the_chip_computes_nothing_of_use() -> None:
    chip = SimulatedChip(4, seed=1)
    assert await mean_error(chip, nominal_chip(chip.architecture)) > 0.5


async def test_phases_per_kelvin_are_those_of_the_chip() -> None:
    chip = SimulatedChip(8, "unitary", seed=2)
    calibration = await calibrated(chip)
    rest = calibration.tempco_rad_per_k - chip.hidden.tempco
    rest[-8:] -= rest[-8:].mean()  # what all output phases share is the light's own phase
    assert np.sqrt(np.mean(rest**2)) < 0.02 * 0.075


async def test_couplers_of_a_bad_batch_are_found() -> None:
    chip = SimulatedChip(8, "unitary", seed=3, splitter_sigma_rad=0.05)
    calibration = await calibrated(chip)
    rest = calibration.splitter_error_rad - chip.hidden.splitter_error_rad
    assert np.sqrt(np.mean(rest**2)) < 2e-3


async def test_the_uncertainty_of_a_fringe_is_that_of_its_noise() -> None:
    quiet, noisy = SimulatedChip(4, seed=1), SimulatedChip(4, seed=1, noise=8e-3)
    qualities = [(await calibrated(chip)).quality for chip in (quiet, noisy)]
    assert all(qualities)
    one, other = (quality.phase_uncertainty_rad for quality in qualities if quality)
    assert np.median(other / one) == pytest.approx(4.0, rel=0.3)


@pytest.mark.parametrize("dead", [(9,), (18,), (0, 35)])
async def test_dead_heaters_are_named(dead: tuple[int, ...]) -> None:
    with pytest.raises(CalibrationError, match="no clean fringe") as caught:
        await calibrated(SimulatedChip(4, seed=1, dead=dead))
    assert caught.value.channels == dead


@pytest.mark.parametrize("swapped", [(3, 20), (1, 40), (50, 61)])
async def test_swapped_wires_are_told(swapped: tuple[int, int]) -> None:
    with pytest.raises(CalibrationError, match="swapped wires"):
        await calibrated(SimulatedChip(8, "unitary", seed=1, swapped=swapped))


async def test_darkness_is_told_from_a_bad_chip() -> None:
    chip = SimulatedChip(4, seed=1)
    chip.hidden = chip.hidden._replace(gain=0.0)
    with pytest.raises(CalibrationError, match="no light"):
        await calibrated(chip)


async def test_the_carrier_is_left_where_it_was() -> None:
    chip = SimulatedChip(4, seed=1)
    chip.carrier_c = 40.0
    options = CalibrationOptions(carrier_c=40.0)
    rng = np.random.default_rng(1)
    await calibrate_chip(chip, rng=rng, progress=lambda stage, done: None, options=options)
    assert chip.carrier_c == 40.0


async def test_progress_ends_every_stage_at_one() -> None:
    told: dict[str, float] = {}
    rng = np.random.default_rng(1)
    await calibrate_chip(SimulatedChip(4, seed=1), rng=rng, progress=told.__setitem__)
    stages = ["attenuators", "sweeps", "settings", "warm", "fit", "check"]
    assert told == dict.fromkeys(stages, 1.0)


async def test_the_same_seed_finds_the_same_calibration() -> None:
    first, second = [await calibrated(SimulatedChip(4, seed=5)) for _ in range(2)]
    np.testing.assert_array_equal(first.phi0_rad, second.phi0_rad)
