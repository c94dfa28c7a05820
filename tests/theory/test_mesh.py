import numpy as np
import pytest
from numpy.typing import NDArray

from lumina.errors import UsageError
from lumina.theory.mesh import MeshArchitecture, MeshKind
from lumina.theory.mesh_kernels import couplers, propagate, propagate_vector, transfer
from lumina.theory.trigonometry import sin_cos

KINDS: list[MeshKind] = ["svd", "unitary", "triangular"]
Matrix = NDArray[np.complex128]


def coupler(error_rad: float) -> Matrix:
    angle = np.pi / 4 + error_rad
    return np.array([[np.cos(angle), 1j * np.sin(angle)], [1j * np.sin(angle), np.cos(angle)]])


def mzi(phi: float, theta: float, first_error: float, second_error: float) -> Matrix:
    """The convention, written out."""
    inner = np.diag([np.exp(1j * theta), 1.0])
    outer = np.diag([np.exp(1j * phi), 1.0])
    return coupler(second_error) @ inner @ coupler(first_error) @ outer


def one_mesh(
    mode: NDArray[np.int64], ports: int, phase: NDArray[np.float64], error: NDArray[np.float64]
) -> Matrix:
    matrix = np.eye(ports, dtype=np.complex128)
    for k, m in enumerate(mode):
        cell = mzi(phase[2 * k], phase[2 * k + 1], error[2 * k], error[2 * k + 1])
        matrix[m : m + 2] = cell @ matrix[m : m + 2]
    return np.asarray(np.exp(1j * phase[2 * len(mode) :])[:, None] * matrix)


def by_hand(
    architecture: MeshArchitecture, phase: NDArray[np.float64], error: NDArray[np.float64]
) -> Matrix:
    """The transfer matrix from explicit 2x2 products."""
    n, mode = architecture.ports, architecture.arrays().mode
    if architecture.kind != "svd":
        return one_mesh(mode, n, phase, error)
    shifters, splitters = n * n, n * (n - 1)
    v = one_mesh(mode, n, phase[:shifters], error[:splitters])
    u = one_mesh(mode, n, phase[shifters + n :], error[splitters + 2 * n :])
    theta, pairs = phase[shifters : shifters + n], error[splitters:][: 2 * n].reshape(n, 2)
    t = [mzi(0.0, x, a, b)[0, 0] for x, (a, b) in zip(theta, pairs, strict=True)]
    return u @ np.diag(t) @ v


def a_chip(
    ports: int, kind: MeshKind
) -> tuple[MeshArchitecture, NDArray[np.float64], NDArray[np.float64]]:
    """An architecture with random phases and coupler errors."""
    architecture = MeshArchitecture(ports, kind)
    rng = np.random.default_rng(ports)
    phase = rng.uniform(-50.0, 50.0, architecture.shifters)
    return architecture, phase, rng.normal(0.0, 0.05, architecture.splitters)


def test_the_convention_of_one_mzi_in_numbers_that_are_not_symmetric() -> None:
    """phi = 90 degrees (met first), theta = 60 degrees, perfect couplers."""
    architecture = MeshArchitecture(2, "unitary")
    phase = np.array([np.pi / 2, np.pi / 3, 0.0, 0.0])

    matrix = transfer(architecture.arrays(), couplers(architecture), phase)

    root = np.sqrt(3.0) / 4.0
    expected = np.array([[-root - 0.25j, -root + 0.75j], [-0.75 - root * 1j, 0.25 - root * 1j]])
    assert matrix == pytest.approx(expected)
    assert np.abs(matrix - matrix.T).max() > 0.1


def test_light_meets_v_first_then_the_attenuators_then_u() -> None:
    architecture, phase, _ = a_chip(3, "svd")
    dark = phase.copy()
    dark[9:12] = 0.0, np.pi, 0.0  # theta = 0 blocks: only the attenuator of port 1 passes
    matrix = transfer(architecture.arrays(), couplers(architecture), dark)
    dark[:9] += 0.1
    other_v = transfer(architecture.arrays(), couplers(architecture), dark)

    left, singular, _ = np.linalg.svd(matrix)
    other_left, _, _ = np.linalg.svd(other_v)

    assert singular == pytest.approx([1.0, 0.0, 0.0])
    assert abs(np.vdot(left[:, 0], other_left[:, 0])) == pytest.approx(1.0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ports", [2, 3, 8, 9])
def test_a_mesh_is_the_product_of_its_mzis_in_light_order(kind: MeshKind, ports: int) -> None:
    architecture, phase, error = a_chip(ports, kind)

    matrix = transfer(architecture.arrays(), couplers(architecture, error), phase)

    assert np.abs(matrix - by_hand(architecture, phase, error)).max() < 1e-12


@pytest.mark.parametrize("kind", KINDS)
def test_vector_batch_and_transfer_matrix_tell_the_same(kind: MeshKind) -> None:
    architecture, phase, error = a_chip(8, kind)
    arrays, chip = architecture.arrays(), couplers(architecture, error)
    rng = np.random.default_rng(1)
    fields = rng.normal(size=(8, 5)) + 1j * rng.normal(size=(8, 5))
    vector, batch = fields[:, 0].copy(), fields.copy()

    propagate_vector(arrays, chip, phase, vector)
    propagate(arrays, chip, phase, batch)

    expected = transfer(arrays, chip, phase) @ fields
    assert np.abs(batch - expected).max() < 1e-12
    assert np.abs(vector - expected[:, 0]).max() < 1e-12


def test_a_perfect_mesh_loses_no_light_and_a_lossy_one_at_least_four_mzis_worth() -> None:
    architecture, phase, error = a_chip(8, "unitary")
    arrays = architecture.arrays()

    lossless = transfer(arrays, couplers(architecture, error), phase)
    lossy = transfer(arrays, couplers(architecture, error, amplitude=0.9), phase)

    assert np.abs(lossless.conj().T @ lossless - np.eye(8)).max() < 1e-12
    # The middle ports of 8 columns meet 8 interferometers each; the outer two meet 4.
    assert np.linalg.norm(lossy, 2) < 0.9**4 + 1e-12


def test_the_loss_of_one_mzi_dims_what_passes_it() -> None:
    architecture, phase, _ = a_chip(2, "unitary")
    arrays = architecture.arrays()

    dimmed = transfer(arrays, couplers(architecture, None, np.array([0.5])), phase)

    assert dimmed == pytest.approx(0.5 * transfer(arrays, couplers(architecture), phase))


@pytest.mark.parametrize(("kind", "shifters"), [("svd", 528), ("unitary", 256)])
def test_the_numbers_of_a_sixteen_port_chip(kind: MeshKind, shifters: int) -> None:
    architecture = MeshArchitecture(16, kind)

    assert architecture.shifters == shifters
    assert architecture.splitters == 2 * architecture.interferometers
    assert architecture.interferometers == (256 if kind == "svd" else 120)


@pytest.mark.parametrize("kind", KINDS)
def test_every_shifter_has_a_site_of_its_own_and_theta_lies_behind_phi(kind: MeshKind) -> None:
    architecture = MeshArchitecture(6, kind)
    sites = architecture.shifter_sites()
    cells = architecture.arrays().mode.size

    assert sites.shape == (architecture.shifters, 2)
    assert len({tuple(site) for site in sites}) == architecture.shifters
    assert np.array_equal(sites[1 : 2 * cells : 2] - sites[: 2 * cells : 2], [[1.0, 0.0]] * cells)
    assert np.array_equal(sites[: 2 * cells : 2, 1], architecture.arrays().mode)


@pytest.mark.parametrize("kind", KINDS)
def test_the_mzis_are_numbered_column_by_column_from_top_to_bottom(kind: MeshKind) -> None:
    architecture = MeshArchitecture(7, kind)
    cells = architecture.arrays().mode.size
    along_and_across = [tuple(site) for site in architecture.shifter_sites()[: 2 * cells : 2]]

    assert along_and_across == sorted(along_and_across)


def test_a_mesh_of_one_port_or_of_unknown_kind_is_refused() -> None:
    with pytest.raises(UsageError, match="2 ports or more"):
        MeshArchitecture(1, "unitary")
    with pytest.raises(UsageError, match="svd, unitary, triangular"):
        MeshArchitecture(4, "hexagonal")  # type: ignore[arg-type]


@pytest.mark.parametrize("reach_rad", [1.0, 30.0, 1000.0])
def test_sine_and_cosine_are_as_good_as_the_librarys(reach_rad: float) -> None:
    phase = np.random.default_rng(2).uniform(-reach_rad, reach_rad, 20_001)
    phase[:4] = 0.0, reach_rad, -reach_rad, np.pi / 2
    sine, cosine = np.empty_like(phase), np.empty_like(phase)

    sin_cos(phase, sine, cosine)

    assert np.abs(sine - np.sin(phase)).max() < 1e-13
    assert np.abs(cosine - np.cos(phase)).max() < 1e-13
