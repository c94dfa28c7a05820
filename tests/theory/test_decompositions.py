from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from lumina.errors import MatrixError
from lumina.theory.decompositions import rectangular_phases, svd_phases, triangular_phases
from lumina.theory.haar import haar_unitary
from lumina.theory.mesh import MeshArchitecture, MeshKind
from lumina.theory.mesh_kernels import couplers, transfer

Decompose = Callable[[NDArray[np.complex128]], NDArray[np.float64]]
DECOMPOSITIONS: list[tuple[MeshKind, Decompose]] = [
    ("unitary", rectangular_phases),
    ("triangular", triangular_phases),
]


def computed(kind: MeshKind, phase_rad: NDArray[np.float64], ports: int) -> NDArray[np.complex128]:
    architecture = MeshArchitecture(ports, kind)
    return transfer(architecture.arrays(), couplers(architecture), phase_rad)


def random_matrix(ports: int, seed: int) -> NDArray[np.complex128]:
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(ports, ports)) + 1j * rng.normal(size=(ports, ports))
    return np.asarray(matrix / np.linalg.norm(matrix, 2), np.complex128)


@pytest.mark.parametrize(("kind", "decompose"), DECOMPOSITIONS)
@pytest.mark.parametrize("ports", [2, 3, 8, 16, 64])
def test_a_mesh_computes_the_haar_unitary_it_was_programmed_for(
    kind: MeshKind, decompose: Decompose, ports: int
) -> None:
    unitary = haar_unitary(ports, np.random.default_rng(ports))

    phase_rad = decompose(unitary)

    assert np.abs(computed(kind, phase_rad, ports) - unitary).max() < 1e-12


@pytest.mark.parametrize(("kind", "decompose"), DECOMPOSITIONS)
@pytest.mark.parametrize("ports", [2, 5, 8])
def test_unitaries_full_of_zeros_are_no_special_case(
    kind: MeshKind, decompose: Decompose, ports: int
) -> None:
    rng = np.random.default_rng(3)
    identity = np.eye(ports, dtype=np.complex128)
    signs = np.diag(np.exp(1j * rng.uniform(0.0, 6.0, ports)))
    for unitary in (identity, identity[::-1], identity[rng.permutation(ports)], signs):
        phase_rad = decompose(unitary)
        assert np.abs(computed(kind, phase_rad, ports) - unitary).max() < 1e-12


@pytest.mark.parametrize("ports", [2, 3, 8, 16, 64])
def test_an_svd_chip_computes_any_matrix_that_needs_no_gain(ports: int) -> None:
    matrix = random_matrix(ports, seed=ports)
    real = matrix.real / np.linalg.norm(matrix.real, 2)
    rank_one = np.outer(matrix[0], matrix[1]) / np.linalg.norm(matrix[0]) ** 2
    for wanted in (matrix, real, 0.3 * rank_one, 0.0 * matrix, np.eye(ports)):
        phase_rad = svd_phases(wanted)
        assert np.abs(computed("svd", phase_rad, ports) - wanted).max() < 1e-12


def test_phases_lie_in_one_turn() -> None:
    unitary = haar_unitary(16, np.random.default_rng(5))
    sets = [rectangular_phases(unitary), triangular_phases(unitary), svd_phases(unitary)]
    sets += [rectangular_phases(np.eye(16)), triangular_phases(np.eye(16)), svd_phases(np.eye(16))]

    for phase_rad in sets:
        assert phase_rad.min() >= 0.0
        assert phase_rad.max() < 2.0 * np.pi


def test_the_callers_matrix_is_left_as_it_was() -> None:
    unitary = haar_unitary(4, np.random.default_rng(6))
    before = unitary.copy()

    rectangular_phases(unitary)
    triangular_phases(unitary)
    svd_phases(unitary)

    assert np.array_equal(unitary, before)


@pytest.mark.parametrize("decompose", [rectangular_phases, triangular_phases, svd_phases])
@pytest.mark.parametrize(
    ("matrix", "complaint"),
    [
        (np.zeros((3, 4)), "square"),
        (np.zeros(4), "square"),
        (np.ones((1, 1)), "2 x 2"),
        (np.full((3, 3), np.nan), "finite"),
        (np.diag([1.0, np.inf]), "finite"),
    ],
)
def test_what_is_no_square_finite_matrix_is_refused(
    decompose: Decompose, matrix: NDArray[np.complex128], complaint: str
) -> None:
    with pytest.raises(MatrixError, match=complaint):
        decompose(matrix)


def test_a_matrix_that_needs_gain_is_refused_and_the_allowed_norm_is_named() -> None:
    with pytest.raises(MatrixError, match=r"spectral norm 2 \(allowed: 0 \.\. 1\)"):
        svd_phases(2.0 * np.eye(3, dtype=np.complex128))


def test_a_norm_beyond_one_by_rounding_is_accepted() -> None:
    matrix = haar_unitary(8, np.random.default_rng(7)) * (1.0 + 1e-13)

    assert np.abs(computed("svd", svd_phases(matrix), 8) - matrix).max() < 1e-12


@pytest.mark.parametrize("decompose", [rectangular_phases, triangular_phases])
def test_one_mesh_takes_unitaries_only(decompose: Decompose) -> None:
    with pytest.raises(MatrixError, match="not unitary"):
        decompose(0.5 * np.eye(3, dtype=np.complex128))
