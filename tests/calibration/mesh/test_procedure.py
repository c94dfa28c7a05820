from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from calibration.faults import Fault, Part
from calibration.heaters import compensation_rad_per_k, drive_for_own_phases_v
from calibration.mesh.procedure import CalibrationOptions, calibrate_chip
from calibration.model import between_ports
from calibration.programming import own_phases_for
from calibration.result import ChipCalibration
from lumina.errors import CalibrationError
from lumina.theory.haar import haar_unitary
from lumina.theory.mesh import MeshKind
from tests.calibration.known_chip import nominal_chip
from tests.calibration.simulated_chip import SimulatedChip, with_uneven_ports


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
        held = np.maximum(own - warming_k * per_k, 0.0)
        await chip.set_drive_v(drive_for_own_phases_v(calibration, held))
        warming_k = chip.die_temperature_c() - calibration.reference_die_c
    given = between_ports(calibration, await chip.measure_transfer(1000))
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
async def test_ten_chips_are_learned_two_of_them_with_a_dead_heater_and_crossed_receivers(
    seed: int,
) -> None:
    bad: dict[str, Any] = {"dead": (11,), "crossed": (0, 2)} if seed in (3, 7) else {}
    chip = SimulatedChip(4, seed=seed, **bad)
    calibration, faults = await faulty(chip)
    assert set(faults.values()) == ({Fault.DEAD, Fault.SWAPPED} if bad else set())
    assert calibration.quality is not None
    assert calibration.quality.measurements == chip.measurements
    if not bad:
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
    assert chip.measurements < 4000
    assert await mean_error(chip, calibration) < 0.02
    await chip.set_carrier_c(48.0)
    assert await mean_error(chip, calibration) < 0.03
    hidden = chip.hidden
    crosstalk = hidden.crosstalk - np.eye(len(hidden.phi0_rad))
    found = calibration.crosstalk - np.eye(len(hidden.phi0_rad))
    assert np.linalg.norm(found - crosstalk) < 0.05 * np.linalg.norm(crosstalk)


async def test_a_chip_that_turns_all_light_by_its_own_warming_is_learned() -> None:
    chip = SimulatedChip(8, "unitary", seed=1)
    crosstalk = chip.hidden.crosstalk + 0.008  # 64 heaters, as much as 4096 at 1e-4
    np.fill_diagonal(crosstalk, 1.0)
    chip.hidden = chip.hidden._replace(crosstalk=crosstalk)
    calibration = await calibrated(chip)
    assert calibration.quality is not None
    assert calibration.quality.transfer_error < 0.01


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


async def test_a_noisy_chip_is_measured_more_often_and_known_as_well() -> None:
    quiet, noisy = SimulatedChip(4, seed=1), SimulatedChip(4, seed=1, noise=8e-3)
    for chip in (quiet, noisy):
        quality = (await calibrated(chip)).quality
        assert quality is not None
        assert np.median(quality.phase_uncertainty_rad) < 1e-3
    assert noisy.measurements > 1.1 * quiet.measurements


async def faulty(chip: SimulatedChip) -> tuple[ChipCalibration, dict[tuple[str, int], Fault]]:
    """A calibration of a chip with faults, and those that it names."""
    calibration = await calibrated(chip)
    assert calibration.quality is not None
    assert calibration.quality.transfer_error < 0.02
    return calibration, {(f.part, f.channel): f.fault for f in calibration.faults}


@pytest.mark.parametrize("dead", [(9,), (18,), (0, 35), (3, 30)])
async def test_dead_heaters_are_named_and_the_rest_is_calibrated(dead: tuple[int, ...]) -> None:
    chip = SimulatedChip(4, seed=1, dead=dead)
    calibration, faults = await faulty(chip)
    assert faults == {(Part.SHIFTER, channel): Fault.DEAD for channel in dead}
    assert np.flatnonzero(~calibration.good).tolist() == list(dead)


async def test_a_chip_with_a_dead_heater_still_computes() -> None:
    chip = SimulatedChip(4, seed=1, dead=(11,))
    calibration = await calibrated(chip)
    # A dead heater takes a degree of freedom away; what the others cannot make up for is left.
    assert await mean_error(chip, calibration) < 0.1


@pytest.mark.parametrize("swapped", [(3, 20), (1, 40), (50, 61), (20, 21)])
async def test_swapped_wires_are_put_right(swapped: tuple[int, int]) -> None:
    chip = SimulatedChip(8, "unitary", seed=1, swapped=swapped)
    calibration, faults = await faulty(chip)
    assert faults == {(Part.SHIFTER, channel): Fault.SWAPPED for channel in swapped}
    assert calibration.channel[list(swapped)].tolist() == list(swapped[::-1])
    assert await mean_error(chip, calibration) < 0.02


@pytest.mark.parametrize("swapped", [(16, 5), (17, 18)])
async def test_a_swapped_attenuator_is_put_right(swapped: tuple[int, int]) -> None:
    chip = SimulatedChip(4, seed=1, swapped=swapped)
    _, faults = await faulty(chip)
    assert faults == {(Part.SHIFTER, channel): Fault.SWAPPED for channel in swapped}


@pytest.mark.parametrize("kind", ["svd", "unitary"])
async def test_crossed_receivers_are_put_right(kind: MeshKind) -> None:
    chip = SimulatedChip(5, kind, seed=1, crossed=(1, 3))
    calibration, faults = await faulty(chip)
    assert faults == {(Part.OUTPUT, output): Fault.SWAPPED for output in (1, 3)}
    assert calibration.receiver.tolist() == [0, 3, 2, 1, 4]


async def test_a_saturated_receiver_is_named_and_measured_in_dimmed_light() -> None:
    chip = SimulatedChip(8, "unitary", seed=1, strong=(2,))
    calibration, faults = await faulty(chip)
    assert faults == {(Part.OUTPUT, 2): Fault.SATURATED}
    strong = calibration.output_gain[2] / np.median(calibration.output_gain)
    assert strong == pytest.approx(4.0, rel=0.02)


async def test_an_unstable_temperature_is_told() -> None:
    chip = SimulatedChip(4, seed=1)
    chip.unrest_k = 0.5
    with pytest.raises(CalibrationError, match="unstable temperature"):
        await calibrated(chip)


async def test_a_dark_output_is_named() -> None:
    chip = SimulatedChip(4, seed=1)
    gain = np.array([1.0, 1.0, 0.0, 1.0])
    chip.use(chip.hidden._replace(output_gain=gain))
    with pytest.raises(CalibrationError, match="no light at outputs 2") as caught:
        await calibrated(chip)
    assert caught.value.channels == (2,)


async def test_heaters_that_no_wire_reaches_are_too_many_to_go_on() -> None:
    with pytest.raises(CalibrationError, match="no clean fringe") as caught:
        await calibrated(SimulatedChip(4, seed=1, dead=tuple(range(8, 16))))
    assert caught.value.channels == tuple(range(8, 16))


async def test_uneven_ports_and_losses_and_offsets_are_found() -> None:
    chip = SimulatedChip(8, "unitary", seed=4)
    chip.use(with_uneven_ports(chip.hidden, seed=4))
    calibration = await calibrated(chip)
    hidden = chip.hidden
    np.testing.assert_allclose(calibration.receiver_offset, hidden.offset, atol=3e-4)
    for found, there in (
        (calibration.output_gain, hidden.output_gain),
        (calibration.input_gain, hidden.input_gain),
    ):
        # What the outermost interferometers lose cannot be told from their ports' gains.
        rest = np.log(found) - np.log(there)
        assert np.std(rest) < 5e-3
    assert calibration.quality is not None
    assert calibration.quality.transfer_error < 0.01


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
    assert {stage: told[stage] for stage in stages} == dict.fromkeys(stages, 1.0)
    assert set(told) <= {*stages, "more"}


async def test_the_same_seed_finds_the_same_calibration() -> None:
    first, second = [await calibrated(SimulatedChip(4, seed=5)) for _ in range(2)]
    np.testing.assert_array_equal(first.phi0_rad, second.phi0_rad)
