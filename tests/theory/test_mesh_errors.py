"""Exact answers: what small errors of phases and couplers do to a programmed unitary."""

import numpy as np
import pytest

from lumina.errors import MatrixError
from lumina.theory.decompositions import rectangular_phases
from lumina.theory.fidelity import equivalent_phase_error_rad, fidelity, matrix_error
from lumina.theory.haar import haar_unitary
from lumina.theory.mesh import MeshArchitecture
from lumina.theory.mesh_kernels import couplers, transfer

SIGMA_RAD = 3e-3
FEW_PERCENT = 0.03


def disturbed(ports: int, phase_sigma: float, splitter_sigma: float) -> tuple[float, float]:
    """Root mean square of `matrix_error`, and mean of 1 - F, over Haar unitaries."""
    architecture = MeshArchitecture(ports, "unitary")
    arrays, rng = architecture.arrays(), np.random.default_rng(ports)
    errors, infidelities = [], []
    for _ in range(6400 // ports):
        target = haar_unitary(ports, rng)
        phase = rectangular_phases(target) + rng.normal(0.0, phase_sigma, architecture.shifters)
        chip = couplers(architecture, rng.normal(0.0, splitter_sigma, architecture.splitters))
        actual = transfer(arrays, chip, phase)
        errors.append(matrix_error(target, actual))
        infidelities.append(1.0 - fidelity(target, actual))
    return float(np.sqrt(np.mean(np.square(errors)))), float(np.mean(infidelities))


@pytest.mark.parametrize("ports", [16, 64])
def test_phase_errors_add_to_sigma_root_n(ports: int) -> None:
    error, _ = disturbed(ports, SIGMA_RAD, 0.0)

    assert error == pytest.approx(SIGMA_RAD * np.sqrt(ports), rel=FEW_PERCENT)


@pytest.mark.parametrize("ports", [16, 64])
def test_phase_errors_cost_n_sigma_squared_over_two_of_fidelity(ports: int) -> None:
    """One part in N of it is a common phase, which the fidelity does not see."""
    error, infidelity = disturbed(ports, SIGMA_RAD, 0.0)

    lost = ports * SIGMA_RAD**2 / 2.0
    assert infidelity == pytest.approx(lost * (1.0 - 1.0 / ports), rel=FEW_PERCENT)
    assert error**2 / 2.0 == pytest.approx(lost, rel=FEW_PERCENT)


@pytest.mark.parametrize("ports", [16, 64])
def test_splitter_errors_add_to_sigma_root_two_n_minus_one(ports: int) -> None:
    error, infidelity = disturbed(ports, 0.0, SIGMA_RAD)

    assert error == pytest.approx(SIGMA_RAD * np.sqrt(2.0 * (ports - 1)), rel=FEW_PERCENT)
    assert infidelity == pytest.approx((ports - 1) * SIGMA_RAD**2, rel=FEW_PERCENT)


def test_fidelity_sees_neither_a_common_phase_nor_a_common_loss() -> None:
    target = haar_unitary(8, np.random.default_rng(1))

    assert fidelity(target, 0.3 * np.exp(2j) * target) == pytest.approx(1.0)
    assert matrix_error(target, target) == 0.0


def test_fidelity_is_low_between_strangers() -> None:
    rng = np.random.default_rng(2)

    assert fidelity(haar_unitary(32, rng), haar_unitary(32, rng)) < 0.2


def test_equivalent_phase_error_undoes_its_formula() -> None:
    assert equivalent_phase_error_rad(1.0 - 64 * 0.01**2 / 2.0, 64) == pytest.approx(0.01)


def test_a_fidelity_that_is_not_defined_is_refused() -> None:
    target = haar_unitary(4, np.random.default_rng(3))
    with pytest.raises(MatrixError, match="zero"):
        fidelity(target, 0.0 * target)
    with pytest.raises(MatrixError, match="shapes"):
        fidelity(target, target[:2])


def test_haar_unitaries_are_unitary_seeded_and_even() -> None:
    drawn = np.array([haar_unitary(2, np.random.default_rng(seed)) for seed in range(2000)])

    assert np.abs(drawn[0].conj().T @ drawn[0] - np.eye(2)).max() < 1e-14
    assert np.array_equal(drawn[5], haar_unitary(2, np.random.default_rng(5)))
    # Each element's squared modulus is uniform in 0 .. 1 for N = 2, and phases average out.
    assert np.mean(np.abs(drawn[:, 0, 0]) ** 2 < 0.25) == pytest.approx(0.25, abs=0.03)
    assert abs(np.mean(drawn[:, 0, 0])) < 0.05
