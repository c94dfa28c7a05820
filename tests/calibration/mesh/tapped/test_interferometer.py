"""Points on the sphere are those of the matrix, and tell phases, laws and couplers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.mesh.tapped._interferometer import (
    Law,
    Points,
    corrected,
    fringe_share,
    looked_for,
    mixing,
    sphere,
    sphere_point,
    turn_share,
)
from lumina.theory.drive import self_heated
from lumina.theory.mesh import MeshArchitecture
from lumina.theory.mesh_kernels import couplers, transfer

ANGLES = st.floats(-np.pi, np.pi)
ERRORS = st.floats(-0.2, 0.2)


@given(ANGLES, ANGLES, ERRORS, ERRORS)
def test_the_matrix_is_the_mesh_s_own(theta: float, phi: float, a1: float, a2: float) -> None:
    mesh, angles = MeshArchitecture(2, "unitary"), np.array([a1, a2])
    phase = np.array([phi, theta, 0.0, 0.0])
    there = transfer(mesh.arrays(), couplers(mesh, angles), phase)
    here = mixing(np.array([theta]), np.array([phi]), angles)[0]
    np.testing.assert_allclose(here, there, atol=1e-8)


@given(ANGLES, ANGLES, ERRORS, ERRORS)
def test_a_point_is_what_the_upper_row_of_the_matrix_makes_of_light(
    theta: float, phi: float, a1: float, a2: float
) -> None:
    angles, one = np.array([a1, a2]), np.ones(1)
    a, b = mixing(theta * one, phi * one, angles)[0, 0]
    beat = a * np.conj(b)
    coherence = np.array([[abs(a) ** 2, abs(b) ** 2, beat.real, beat.imag]])
    seen = sphere(3.0 * coherence, np.zeros(1))
    z, w = sphere_point(theta * one, phi * one, angles)
    np.testing.assert_allclose(seen.z, z, atol=1e-9)
    np.testing.assert_allclose(seen.w, w, atol=1e-9)
    assert seen.weight == pytest.approx(1.0)


def test_a_law_is_that_of_self_heating() -> None:
    nominal = np.linspace(0.0, 7.0, 20)
    law, per_v2 = Law(1.03, 0.1), 0.15
    heated = self_heated(nominal / per_v2, np.array(0.1 * per_v2 / (2.0 * np.pi)))
    np.testing.assert_allclose(law.turned_rad(nominal), 1.03 * per_v2 * heated, rtol=1e-12)


def test_a_gain_is_found_by_what_explains_most() -> None:
    rng = np.random.default_rng(1)
    nominal = rng.uniform(0.0, 7.0, 32)
    turned = Law(0.8).turned_rad(nominal)
    z, weight = -np.cos(1.0 + turned), np.ones(32)
    assert looked_for(lambda t: fringe_share(z, weight, t), nominal).gain == pytest.approx(0.8)
    assert looked_for(lambda t: turn_share(np.exp(1j * turned), t), nominal).gain == (
        pytest.approx(0.8)
    )
    other = rng.uniform(0.0, 7.0, 32)
    assert fringe_share(z, weight, other) < 0.5
    assert fringe_share(z, weight, turned) > 0.99


def test_phases_are_corrected_where_the_light_tells_and_kept_where_it_is_dim() -> None:
    theta, phi, angles = np.array([1.0, 1.0]), np.array([0.5, 0.5]), np.zeros(2)
    z, w = sphere_point(theta + 0.05, phi - 0.04, angles)
    points = Points(z, w, np.array([100.0, 0.0]))
    found = corrected(theta, phi, angles, points)
    np.testing.assert_allclose(found[0], [1.05, 1.0], atol=1e-3)
    np.testing.assert_allclose(found[1], [0.46, 0.5], atol=1e-3)
