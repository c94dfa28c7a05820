"""Micro-ring weight banks: the Lorentzian, the range of the weights, and their slopes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lumina.errors import UsageError
from lumina.theory.rings import (
    Rings,
    WeightBank,
    bank_weights,
    lorentzian,
    phase_of_detuning,
    slopes_of_row,
)

FSR_M = 14.4e-9
SPACING_RAD = phase_of_detuning(1.6e-9, FSR_M)
WIDTH_RAD = phase_of_detuning(1.55e-6 / 6755, FSR_M)


def rings(count: int = 8, peak: float = 0.9, dip: float = 0.03) -> Rings:
    total = count * count
    return Rings(SPACING_RAD, np.full(total, WIDTH_RAD), np.full(total, peak), np.full(total, dip))


def weights(bank: Rings, phase_rad: NDArray[np.float64]) -> NDArray[np.float64]:
    count = int(np.sqrt(phase_rad.size))
    dropped, passed = np.empty((count, count)), np.empty((count, count))
    bank_weights(bank, phase_rad, dropped, passed)
    return dropped - passed


def test_one_kelvin_leaves_56_percent_of_the_peak() -> None:
    """Q 6755 is 0.229 nm wide; a degree moves a resonance by 0.1 nm."""
    drift_rad = phase_of_detuning(0.1e-9, FSR_M)
    assert lorentzian(drift_rad, WIDTH_RAD) == pytest.approx(0.565, abs=0.005)


def test_half_the_width_from_resonance_leaves_half_and_a_turn_changes_nothing() -> None:
    assert lorentzian(0.5 * WIDTH_RAD, WIDTH_RAD) == pytest.approx(0.5)
    assert lorentzian(2 * np.pi + 0.3, 0.2) == pytest.approx(lorentzian(0.3, 0.2))


def test_rings_on_their_channels_weigh_plus_and_rings_off_all_channels_weigh_minus() -> None:
    on = weights(rings(), np.zeros(64))
    assert np.all(on > 0.8)
    between = weights(rings(), np.full(64, 0.5 * SPACING_RAD))
    assert np.all(between < -0.85)


def test_each_ring_serves_the_channel_of_its_number() -> None:
    phase = np.full(64, 0.5 * SPACING_RAD)
    phase[3 * 8 + 5] = 0.0
    assert np.argmax(weights(rings(), phase)) == 3 * 8 + 5


def test_more_phase_moves_a_ring_to_the_next_longer_channel() -> None:
    phase = np.full(64, 0.5 * SPACING_RAD)
    phase[0] = SPACING_RAD
    assert np.argmax(weights(rings(), phase)[0]) == 1


@given(st.integers(0, 2**32 - 1))
def test_no_light_is_made(seed: int) -> None:
    rng = np.random.default_rng(seed)
    dropped, passed = np.empty((4, 4)), np.empty((4, 4))
    bank_weights(rings(4), rng.uniform(-np.pi, np.pi, 16), dropped, passed)
    assert np.all(dropped >= 0.0)
    assert np.all(passed >= 0.0)
    assert np.all(dropped + passed <= 1.0)


@given(st.integers(0, 2**32 - 1))
def test_slopes_are_those_of_the_weights(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bank, row = rings(4), 2
    phase = rng.uniform(-1.0, 1.0, 4) * WIDTH_RAD
    weight, by_phase, by_width, by_peak, by_dip = slopes_of_row(bank, row, phase)
    everything = np.tile(phase, 4)
    np.testing.assert_allclose(weight, weights(bank, everything)[row], atol=1e-12)
    step = 1e-6
    for ring in range(4):
        moved = phase + step * (np.arange(4) == ring)
        rise = (slopes_of_row(bank, row, moved)[0] - weight) / step
        np.testing.assert_allclose(rise, by_phase[:, ring], atol=2e-3)
        here = step * (np.arange(16) == row * 4 + ring)
        for changed, slope in (
            (bank._replace(width_rad=bank.width_rad * (1.0 + here)), by_width),
            (bank._replace(peak=bank.peak + here), by_peak),
            (bank._replace(dip=bank.dip + here), by_dip),
        ):
            rise = (slopes_of_row(changed, row, phase).weight - weight) / step
            np.testing.assert_allclose(rise, slope[:, ring], atol=2e-3)


def test_channels_that_do_not_fit_are_refused() -> None:
    with pytest.raises(UsageError, match="one free spectral range"):
        WeightBank(16, SPACING_RAD, WIDTH_RAD)
    with pytest.raises(UsageError, match="2 channels or more"):
        WeightBank(1, SPACING_RAD, WIDTH_RAD)
