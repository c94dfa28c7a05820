"""A dither tells every heater's effect on every monitor apart, whatever the delay."""

import numpy as np
import pytest
from numpy.typing import NDArray

from lumina.control.dither import (
    DitherArrays,
    count_monitors,
    dither_arrays,
    dither_heaters,
    period_of,
    start_dither,
)

HEATERS, OUTPUTS = 12, 3
SLOPE = np.random.default_rng(0).normal(scale=3000.0, size=(OUTPUTS, HEATERS))


def codes(dither_rad: NDArray[np.float64]) -> NDArray[np.uint16]:
    return np.rint(30_000.0 + SLOPE @ dither_rad).astype(np.uint16)


def listen(delay: int, *, lost: int = -1, periods: int = 4) -> tuple[DitherArrays, int]:
    """Run a dither to its end over a wire that takes some ticks."""
    dither = dither_arrays(OUTPUTS, HEATERS)
    length = periods * period_of(HEATERS)
    start_dither(dither, 100, 0.05, length)
    sent: list[NDArray[np.float64]] = []
    for tick in range(100, 100 + length + delay + 1):
        acted = tick - delay
        if acted >= 100 and acted - 100 < len(sent) and acted - 100 != lost:
            count_monitors(dither, acted, codes(sent[acted - 100]))
        now_rad = np.zeros(HEATERS)
        dither_heaters(dither, tick, now_rad)
        sent.append(now_rad)
    return dither, length


@pytest.mark.parametrize("delay", [1, 2, 7])
def test_every_heater_is_told_apart_whatever_the_delay(delay: int) -> None:
    dither, length = listen(delay)
    control = dither.control[0]
    assert control["running"] == 0
    assert control["counted"] == length
    seen = dither.product / (length * 0.05)
    np.testing.assert_allclose(seen, SLOPE, atol=20.0)
    np.testing.assert_allclose(dither.power / length, 30_000.0, atol=1.0)


def test_a_lost_frame_is_missed_in_the_count() -> None:
    dither, length = listen(2, lost=17)
    assert dither.control["counted"][0] == length - 1


def test_codes_are_orthogonal_and_have_mean_zero_over_a_period() -> None:
    dither = dither_arrays(0, HEATERS)
    start_dither(dither, 0, 1.0, period_of(HEATERS))
    table = np.empty((period_of(HEATERS), HEATERS))
    for tick in range(len(table)):
        dither_heaters(dither, tick, table[tick])
    np.testing.assert_allclose(table.T @ table, len(table) * np.eye(HEATERS), atol=1e-9)
    np.testing.assert_allclose(table.sum(axis=0), 0.0, atol=1e-9)


def test_after_its_end_nothing_is_dithered() -> None:
    dither, length = listen(1)
    after_rad = np.full(HEATERS, 9.0)
    dither_heaters(dither, 100 + length, after_rad)
    np.testing.assert_allclose(after_rad, 0.0)


@pytest.mark.parametrize(("heaters", "ticks"), [(1, 2), (3, 4), (4, 8), (64, 128), (1024, 2048)])
def test_a_period_has_room_for_every_code_but_the_constant_one(heaters: int, ticks: int) -> None:
    assert period_of(heaters) == ticks
