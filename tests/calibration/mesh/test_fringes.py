import numpy as np
import pytest

from calibration.mesh.fringes import Fringes, Sweeps, fit_fringes
from lumina.theory.drive import self_heated

NOMINAL = np.pi / 20.0
SQUARES_V2 = np.linspace(0.0, 44.0, 4)
BASE_V2 = 20.0


def swept(gain: float, curvature: float, strength: float, noise: float) -> Sweeps:
    """One heater's sweep on a chip of four ports, with a single look's noise."""
    rng = np.random.default_rng(3)
    ports = 4
    arm = rng.standard_normal((3, ports, 2)) @ np.array([1.0, 1.0j])
    rest, out, inward = np.outer(arm[0], arm[1]), arm[1], arm[2]
    direction = strength * np.outer(out, inward) / np.linalg.norm(out) / np.linalg.norm(inward)

    def seen(square_v2: float) -> np.ndarray:
        turn = np.exp(1j * gain * self_heated(square_v2, curvature))
        return np.asarray(rest + direction * turn)

    scatter = rng.standard_normal((1, len(SQUARES_V2), ports, ports, 2)) @ np.array([1.0, 1.0j])
    transfer = np.stack([seen(square) for square in SQUARES_V2])[None]
    return Sweeps(
        channel=np.array([0]),
        base_square_v2=np.array([BASE_V2]),
        square_v2=SQUARES_V2,
        base=seen(BASE_V2),
        transfer=transfer + scatter * noise / np.sqrt(2.0),
        noise=noise,
    )


def fitted(gain: float, curvature: float, strength: float = 0.3, noise: float = 1e-6) -> Fringes:
    return fit_fringes(swept(gain, curvature, strength, noise), NOMINAL)


@pytest.mark.parametrize("relative", [0.7, 0.9, 1.0, 1.1, 1.3])
def test_four_points_and_the_base_give_the_drive_law(relative: float) -> None:
    gain, curvature = relative * NOMINAL, 0.05 * NOMINAL / (2 * np.pi)
    found = fitted(gain, curvature)
    assert found.phase_gain_rad_per_v2[0] == pytest.approx(gain, rel=1e-4)
    assert found.curvature_per_v2[0] == pytest.approx(curvature, rel=1e-2)
    assert found.visibility[0] == pytest.approx(1.0, abs=1e-4)


def test_the_phasor_and_the_patterns_make_up_the_part_that_turns() -> None:
    sweeps = swept(NOMINAL, 0.0, 0.3, 1e-6)
    found = fit_fringes(sweeps, NOMINAL)
    turning = found.phasor[0] * np.outer(found.output_pattern[0], found.input_pattern[0])
    turn = np.exp(1j * found.own_phases_rad(np.sqrt(SQUARES_V2[1:2]))) - np.exp(
        1j * found.own_phases_rad(np.array([np.sqrt(BASE_V2)]))
    )
    np.testing.assert_allclose(turning * turn[0], sweeps.transfer[0, 1] - sweeps.base, atol=1e-5)


def test_the_phase_scatters_by_the_uncertainty_that_is_stated() -> None:
    noise, strength = 2e-3, 0.3
    found = fitted(NOMINAL, 0.04 * NOMINAL / (2 * np.pi), strength, noise)
    assert found.uncertainty_rad[0] == pytest.approx(noise / strength / np.sqrt(8), rel=0.1)


def test_a_heater_that_turns_nothing_has_no_visibility() -> None:
    assert fitted(NOMINAL, 0.0, strength=0.0, noise=2e-3).visibility[0] < 0.5


def test_drives_and_own_phases_are_each_others_inverse() -> None:
    found = fitted(NOMINAL, 0.05 * NOMINAL / (2 * np.pi))
    own = np.array([4.2])
    np.testing.assert_allclose(found.own_phases_rad(found.drives_v(own)), own)
