import numpy as np
import pytest

from lumina.theory.mesh import MeshArchitecture, MeshKind
from lumina.theory.mesh_kernels import couplers, transfer
from lumina.theory.mesh_tangents import Changes, pull, push

KINDS: list[tuple[int, MeshKind]] = [(4, "svd"), (5, "unitary"), (5, "triangular"), (2, "svd")]


def changes(mesh: MeshArchitecture, seed: int) -> Changes:
    rng = np.random.default_rng(seed)
    sizes = mesh.shifters, mesh.splitters, mesh.interferometers
    return Changes(*(rng.standard_normal(size) for size in sizes))


@pytest.mark.parametrize(("ports", "kind"), KINDS)
def test_a_push_is_what_a_small_change_does(ports: int, kind: MeshKind) -> None:
    mesh, rng = MeshArchitecture(ports, kind), np.random.default_rng(1)
    phase, by = rng.uniform(0.0, 6.0, mesh.shifters), changes(mesh, 2)
    error = 0.05 * rng.standard_normal(mesh.splitters)
    amplitude = np.exp(-0.02 * rng.random(mesh.interferometers))

    def at(step: float) -> np.ndarray:
        chip = couplers(
            mesh, error + step * by.splitter, amplitude * np.exp(step * by.log_amplitude)
        )
        return np.asarray(transfer(mesh.arrays(), chip, phase + step * by.phase))

    difference = (at(1e-5) - at(-1e-5)) / 2e-5
    moved = push(mesh.arrays(), couplers(mesh, error, amplitude), phase, by)
    np.testing.assert_allclose(moved, difference, atol=1e-7)


@pytest.mark.parametrize(("ports", "kind"), KINDS)
def test_a_pull_is_the_transpose_of_a_push(ports: int, kind: MeshKind) -> None:
    mesh, rng = MeshArchitecture(ports, kind), np.random.default_rng(3)
    chip = couplers(mesh, 0.05 * rng.standard_normal(mesh.splitters), 0.98)
    phase, by = rng.uniform(0.0, 6.0, mesh.shifters), changes(mesh, 4)
    rest = rng.standard_normal((ports, ports, 2)) @ np.array([1.0, 1.0j])
    pushed = push(mesh.arrays(), chip, phase, by)
    pulled = pull(mesh.arrays(), chip, phase, rest)
    along = sum(float(one @ other) for one, other in zip(pulled, by, strict=True))
    assert along == pytest.approx(float(np.vdot(pushed, rest).real))


def test_a_dark_attenuator_is_pulled_through_as_well() -> None:
    mesh = MeshArchitecture(3, "svd")
    phase = np.random.default_rng(5).uniform(0.0, 6.0, mesh.shifters)
    phase[9:12] = 0.0  # perfect couplers: the attenuators pass nothing at all
    pulls = pull(mesh.arrays(), couplers(mesh), phase, np.ones((3, 3), complex))
    assert all(np.isfinite(part).all() for part in pulls)
    assert np.abs(pulls.phase[9:12]).max() > 0.1
