import numpy as np
import pytest

from lumina.theory.equivalent_phases import cheapest_phases
from lumina.theory.mesh import MeshArchitecture, MeshKind
from lumina.theory.mesh_kernels import couplers, transfer


@pytest.mark.parametrize(("ports", "kind"), [(6, "svd"), (7, "unitary"), (6, "triangular")])
def test_the_matrix_is_the_same_and_the_heaters_turn_less(ports: int, kind: MeshKind) -> None:
    mesh, rng = MeshArchitecture(ports, kind), np.random.default_rng(1)
    phase, lowest = rng.uniform(0.0, 2.0 * np.pi, (2, mesh.shifters))
    cheaper = cheapest_phases(mesh.arrays(), phase, lowest)
    perfect = couplers(mesh)
    np.testing.assert_allclose(
        transfer(mesh.arrays(), perfect, cheaper),
        transfer(mesh.arrays(), perfect, phase),
        atol=1e-12,
    )
    turned, cheaply = (float(np.mean((p - lowest) % (2.0 * np.pi))) for p in (phase, cheaper))
    assert cheaply < 0.9 * turned


def test_what_is_cheapest_already_stays() -> None:
    mesh = MeshArchitecture(4, "unitary")
    phase = np.full(mesh.shifters, 0.3)
    np.testing.assert_array_equal(cheapest_phases(mesh.arrays(), phase, phase), phase)
