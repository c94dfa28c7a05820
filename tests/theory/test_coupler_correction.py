import numpy as np
import pytest

from lumina.theory.coupler_correction import corrected_phases
from lumina.theory.decompositions import svd_phases
from lumina.theory.mesh import MeshArchitecture, MeshKind
from lumina.theory.mesh_kernels import couplers, transfer


def out_of_cross_and_bar(architecture: MeshArchitecture, seed: int) -> np.ndarray:
    """Phases that ask every interferometer for a ratio which imperfect couplers reach."""
    rng = np.random.default_rng(seed)
    theta = rng.uniform(0.5, np.pi - 0.5, architecture.shifters)
    return np.where(rng.random(architecture.shifters) < 0.5, theta, 2.0 * np.pi - theta)


@pytest.mark.parametrize(
    ("ports", "kind"), [(8, "svd"), (5, "svd"), (8, "unitary"), (5, "triangular"), (2, "svd")]
)
def test_what_is_within_reach_is_corrected_exactly(ports: int, kind: MeshKind) -> None:
    architecture = MeshArchitecture(ports, kind)
    arrays = architecture.arrays()
    error_rad = 0.05 * np.random.default_rng(1).standard_normal(architecture.splitters)
    chip, perfect = couplers(architecture, error_rad), couplers(architecture)
    phase = out_of_cross_and_bar(architecture, seed=2)
    wanted = transfer(arrays, perfect, phase)
    corrected = transfer(arrays, chip, corrected_phases(arrays, chip, phase))
    np.testing.assert_allclose(corrected, wanted, atol=1e-12)
    assert np.abs(transfer(arrays, chip, phase) - wanted).max() > 0.02


def test_a_random_matrix_gains_most_of_what_the_couplers_spoil() -> None:
    architecture = MeshArchitecture(16, "svd")
    arrays, rng = architecture.arrays(), np.random.default_rng(4)
    chip = couplers(architecture, 0.02 * rng.standard_normal(architecture.splitters))
    matrix = rng.standard_normal((16, 16))
    matrix /= np.linalg.norm(matrix, 2)
    phase = svd_phases(matrix)

    def miss(phase_rad: np.ndarray) -> float:
        return float(np.linalg.norm(transfer(arrays, chip, phase_rad) - matrix))

    assert miss(corrected_phases(arrays, chip, phase)) < 0.3 * miss(phase)


def test_a_dark_attenuator_and_a_perfect_cross_are_no_trouble() -> None:
    architecture = MeshArchitecture(4, "svd")
    arrays = architecture.arrays()
    error_rad = 0.02 * np.random.default_rng(5).standard_normal(architecture.splitters)
    chip = couplers(architecture, error_rad)
    phase = svd_phases(np.diag([1.0, 0.0, 0.5, 0.0]))
    assert np.isfinite(corrected_phases(arrays, chip, phase)).all()
