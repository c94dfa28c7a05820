"""Margins of sampled loops against loops whose margins are known."""

import numpy as np
import pytest

from lumina.theory.feedback import StateSpace, margins

STEP_S = 5e-3


def integrator(gain_per_s: float, lag_s: float = 0.0, delay_steps: int = 0) -> StateSpace:
    """gain / s, behind a lag and a delay."""
    if lag_s:
        rate = np.array([[0.0, 0.0], [1.0 / lag_s, -1.0 / lag_s]])
        plant = StateSpace.held(rate, np.array([gain_per_s, 0.0]), np.array([0.0, 1.0]), STEP_S)
    else:
        plant = StateSpace.held(np.zeros((1, 1)), np.array([gain_per_s]), np.ones(1), STEP_S)
    return StateSpace.delay(delay_steps, STEP_S).then(plant)


def test_an_integrator_has_the_phase_margin_that_its_delay_leaves() -> None:
    found = margins(integrator(5.0, delay_steps=20))
    # The hold adds half a sample to the delay.
    assert found.phase_deg == pytest.approx(90.0 - np.degrees(5.0 * 0.1025), abs=0.1)
    assert found.gain_db == pytest.approx(20 * np.log10(np.pi / 2 / 0.1025 / 5.0), abs=0.02)
    assert found.gain_reduction_db == np.inf
    assert found.crossover_rad_s == pytest.approx(5.0, rel=1e-3)
    assert found.delay_s == pytest.approx(np.pi / 2 / 5.0 - 0.1025, rel=0.01)
    assert found.stable


def test_the_gain_margin_is_where_the_closed_loop_turns_unstable() -> None:
    found = margins(integrator(5.0, lag_s=0.2, delay_steps=4))
    factor = 10.0 ** (found.gain_db / 20.0)
    assert margins(integrator(5.0 * factor * 0.99, lag_s=0.2, delay_steps=4)).stable
    beyond = margins(integrator(5.0 * factor * 1.01, lag_s=0.2, delay_steps=4))
    assert not beyond.stable


def test_a_loop_that_needs_its_gain_says_by_how_much_it_may_fall() -> None:
    # An unstable plant, x' = x + u, under a proportional gain of 4.
    plant = StateSpace.held(np.ones((1, 1)), np.array([4.0]), np.ones(1), STEP_S)
    found = margins(StateSpace.delay(1, STEP_S).then(plant))
    assert found.stable
    weakened = StateSpace(plant.A, plant.B * 0.24, plant.C, 0.0, STEP_S)
    assert not margins(StateSpace.delay(1, STEP_S).then(weakened)).stable
    assert found.gain_reduction_db == pytest.approx(20 * np.log10(4.0), abs=0.05)
    # z^2 - z + k = 0 leaves the unit circle at k = 1.
    assert found.gain_db == pytest.approx(20 * np.log10(1 / (4.0 * STEP_S)), abs=0.1)


def test_the_sensitivity_is_the_inverse_distance_from_minus_one() -> None:
    # SIMC's PI on an integrator with delay, tau_c equal to the delay: M_s = 1.70 (Skogestad).
    delay_s = 20.5 * STEP_S  # the hold's half sample is delay too
    kc, ti_s = 1.0 / (2 * delay_s), 8 * delay_s
    pi = StateSpace(np.ones((1, 1)), np.array([STEP_S * kc / ti_s]), np.ones(1), kc, STEP_S)
    found = margins(pi.then(integrator(1.0, delay_steps=20)))
    assert found.sensitivity == pytest.approx(1.70, abs=0.02)
    assert found.phase_deg == pytest.approx(46.9, abs=0.7)
    assert found.gain_db == pytest.approx(20 * np.log10(2.96), abs=0.15)


def test_systems_in_series_multiply() -> None:
    one, other = integrator(2.0, lag_s=0.3), integrator(0.7, delay_steps=3)
    omega = np.array([0.1, 1.0, 10.0, 1000.0])
    together = one.then(other).response(omega)
    np.testing.assert_allclose(together, one.response(omega) * other.response(omega), rtol=1e-9)


def test_an_integrator_sampled_without_delay_turns_unstable_at_half_the_sampling_rate() -> None:
    found = margins(integrator(5.0))
    # z - 1 + k STEP_S = 0 leaves the unit circle at z = -1.
    assert found.gain_db == pytest.approx(20 * np.log10(2.0 / (5.0 * STEP_S)), abs=0.01)


def test_where_nothing_comes_back_every_margin_is_the_largest() -> None:
    nothing = StateSpace(np.zeros((0, 0)), np.zeros(0), np.zeros(0), 0.0, STEP_S)
    assert margins(nothing) == (True, np.inf, np.inf, 180.0, 1.0, 0.0)
