from dataclasses import replace

import numpy as np
import pytest

from calibration.heaters import compensation_rad_per_k, drive_for_own_phases_v, own_phases_rad
from calibration.model import predicted_transfer
from calibration.programming import own_phases_for
from calibration.result import ChipCalibration
from lumina.errors import MatrixError
from lumina.theory.haar import haar_unitary
from lumina.theory.mesh import MeshArchitecture
from tests.calibration.known_chip import known_chip, nominal_chip

SVD_16 = MeshArchitecture(16, "svd")


def real_matrix(ports: int, seed: int) -> np.ndarray:
    matrix = np.random.default_rng(seed).standard_normal((ports, ports))
    return np.asarray(matrix / np.linalg.norm(matrix, 2))


def miss(wanted: np.ndarray, calibration: ChipCalibration) -> float:
    """Relative error of what the model does at the programmed phases."""
    own = own_phases_for(wanted, calibration)
    given = predicted_transfer(calibration, own) / calibration.gain
    return float(np.linalg.norm(given - wanted) / np.linalg.norm(wanted))


@pytest.mark.parametrize("ports", [2, 3, 4, 8])
def test_a_perfect_chip_is_programmed_exactly(ports: int) -> None:
    chip = nominal_chip(MeshArchitecture(ports, "svd"))
    assert miss(real_matrix(ports, 1), chip) < 1e-9


def test_crosstalk_and_offsets_are_compensated_exactly() -> None:
    perfect = nominal_chip(SVD_16)
    known = known_chip(SVD_16, seed=2)
    chip = replace(perfect, phi0_rad=known.phi0_rad, crosstalk=known.crosstalk)
    assert miss(real_matrix(16, 1), chip) < 1e-6


def test_real_matrices_on_an_imperfect_chip_of_sixteen_ports() -> None:
    chip = known_chip(SVD_16, seed=3)
    assert np.mean([miss(real_matrix(16, seed), chip) for seed in range(4)]) < 0.012


def test_unitaries_on_an_imperfect_chip_of_eight_ports() -> None:
    chip = known_chip(MeshArchitecture(8, "unitary"), seed=3)
    rng = np.random.default_rng(1)
    assert np.mean([miss(haar_unitary(8, rng), chip) for _ in range(4)]) < 0.012


@pytest.mark.parametrize(
    "matrix", [np.zeros((4, 4)), np.eye(4), -np.eye(4)[::-1], np.ones((4, 4)) / 4]
)
def test_matrices_without_any_randomness(matrix: np.ndarray) -> None:
    chip = known_chip(MeshArchitecture(4, "svd"), seed=1)
    own = own_phases_for(matrix, chip)
    given = predicted_transfer(chip, own) / chip.gain
    # An attenuator is as dark as its two couplers, of 0.02 rad each, let it be.
    assert np.abs(given - matrix).max() < 0.1


def test_compensation_has_room_on_both_sides() -> None:
    chip = known_chip(SVD_16, seed=4)
    own = own_phases_for(real_matrix(16, 1), chip)
    drift = 3.0 * np.abs(compensation_rad_per_k(chip))
    limit = own_phases_rad(chip, np.full(SVD_16.shifters, chip.max_drive_v))
    assert np.all(own - drift > 0.0)
    assert np.all(own + drift < limit)


def test_a_weak_heater_is_given_a_turn_less() -> None:
    chip = known_chip(MeshArchitecture(4, "svd"), seed=4)
    chip = replace(chip, max_drive_v=float(np.sqrt(1.02 * 40.0)))
    own = own_phases_for(real_matrix(4, 1), chip)
    drive_v = drive_for_own_phases_v(chip, own)
    assert drive_v.max() <= chip.max_drive_v
    assert miss(real_matrix(4, 1), chip) < 0.05


def test_a_warmer_die_is_compensated_by_own_phases() -> None:
    chip = known_chip(SVD_16, seed=5)
    own = own_phases_for(real_matrix(16, 1), chip)
    cold = predicted_transfer(chip, own)
    warm = predicted_transfer(chip, own - 3.0 * compensation_rad_per_k(chip), die_delta_k=3.0)
    np.testing.assert_allclose(warm, cold, atol=1e-9)


@pytest.mark.parametrize(
    ("matrix", "complaint"),
    [
        (np.eye(3), "shape"),
        (np.full((4, 4), np.nan), "finite"),
        (2.0 * np.eye(4), "norm"),
    ],
)
def test_what_cannot_be_computed_is_refused(matrix: np.ndarray, complaint: str) -> None:
    with pytest.raises(MatrixError, match=complaint):
        own_phases_for(matrix, nominal_chip(MeshArchitecture(4, "svd")))


def test_a_unitary_chip_refuses_other_matrices() -> None:
    with pytest.raises(MatrixError, match="unitary"):
        own_phases_for(0.5 * np.eye(4), nominal_chip(MeshArchitecture(4, "unitary")))
