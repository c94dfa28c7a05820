import numpy as np
import pytest
from scipy import stats

from lumina.theory.noise import fill_normal, uniform

COUNT = 200_000


def normals(seed: int = 1, stream: int = 2, tick: int = 3, count: int = COUNT) -> np.ndarray:
    out = np.empty(count)
    fill_normal(seed, stream, tick, out)
    return out


def test_the_same_name_gives_the_same_numbers() -> None:
    assert np.array_equal(normals(), normals())
    assert uniform(1, 2, 3, 4) == uniform(1, 2, 3, 4)


@pytest.mark.parametrize(("seed", "stream", "tick"), [(2, 2, 3), (1, 3, 3), (1, 2, 4), (3, 2, 1)])
def test_any_other_name_gives_independent_numbers(seed: int, stream: int, tick: int) -> None:
    here, there = normals(), normals(seed, stream, tick)
    correlation = np.corrcoef(here, there)[0, 1]
    assert abs(correlation) < 4.5 / np.sqrt(COUNT)
    assert not np.any(here == there)


def test_numbers_are_standard_normal() -> None:
    sample = normals()
    assert abs(sample.mean()) < 4.5 / np.sqrt(COUNT)
    assert abs(sample.var() - 1.0) < 4.5 * np.sqrt(2.0 / COUNT)
    assert abs(stats.kurtosis(sample)) < 4.5 * np.sqrt(24.0 / COUNT)
    assert abs(stats.skew(sample)) < 4.5 * np.sqrt(6.0 / COUNT)
    assert stats.kstest(sample, "norm").pvalue > 1e-3


def test_the_two_numbers_of_a_pair_are_independent() -> None:
    first, second = normals().reshape(2, -1)
    for left, right in ((first, second), (first**2, second**2), (first[1:], first[:-1])):
        assert abs(np.corrcoef(left, right)[0, 1]) < 4.5 / np.sqrt(left.size)


def test_one_number_per_tick_is_white_noise() -> None:
    """The way a sensor draws: the first number of each tick."""
    ticks = np.array([normals(tick=tick, count=6)[0] for tick in range(20_000)])
    assert stats.kstest(ticks, "norm").pvalue > 1e-3
    for lag in (1, 2, 16, 256):
        assert abs(np.corrcoef(ticks[lag:], ticks[:-lag])[0, 1]) < 4.5 / np.sqrt(ticks.size)


def test_uniform_numbers_fill_the_open_interval_evenly() -> None:
    sample = np.array([uniform(5, 1, tick, index) for tick in range(200) for index in range(100)])
    assert sample.min() > 0.0
    assert sample.max() < 1.0
    assert stats.kstest(sample, "uniform").pvalue > 1e-3
