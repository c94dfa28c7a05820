import numpy as np
import pytest
from numpy.typing import NDArray

from twin.converters import convert, convert_positive

Array = NDArray[np.float64]


def converted(signal: Array, bits: int, inl_lsb: float = 0.0) -> Array:
    return np.array([convert(value, bits, inl_lsb) for value in signal])


def ratio_db(signal: Array, seen: Array) -> float:
    return float(10 * np.log10(np.mean(signal**2) / np.mean((seen - signal) ** 2)))


@pytest.mark.parametrize(
    ("bits", "sine_db", "gaussian_db"),
    [(8, 49.9, 40.9), (10, 62.0, 52.9), (12, 74.0, 65.0), (16, 98.1, 89.0)],
)
def test_the_signal_to_quantisation_noise_is_the_textbooks(
    bits: int, sine_db: float, gaussian_db: float
) -> None:
    count = 100_000
    full_scale = 1.0 - 2.0**-bits  # a sine that just does not clip
    sine = full_scale * np.sin(2 * np.pi * np.arange(count) * 0.317_246_1)
    assert ratio_db(sine, converted(sine, bits)) == pytest.approx(sine_db, abs=0.15)
    gaussian = np.clip(np.random.default_rng(1).normal(size=count), -4, 4) / 4
    assert ratio_db(gaussian, converted(gaussian, bits)) == pytest.approx(gaussian_db, abs=0.15)


def test_beyond_full_scale_it_clips() -> None:
    assert convert(1.7, 8, 0.0) == 127 / 128
    assert convert(-1.7, 8, 0.0) == -1.0
    assert convert_positive(1.7, 8, 0.0) == 1.0
    assert convert_positive(-0.1, 8, 0.0) == 0.0


def test_the_bow_peaks_at_its_stated_size_and_spares_the_ends() -> None:
    ramp = np.linspace(-0.99, 0.99, 20_001)
    error_lsb = (converted(ramp, 12, 8.0) - ramp) * 2048
    assert np.abs(error_lsb).max() == pytest.approx(8.0, abs=0.51)
    assert abs(error_lsb[0]) < 1.0
    assert abs(error_lsb[10_000]) < 1.0


def test_a_unipolar_converter_has_twice_the_steps_per_full_scale() -> None:
    ramp = np.linspace(0, 1, 100_001)
    seen = np.array([convert_positive(value, 8, 0.0) for value in ramp])
    assert np.unique(seen).size == 256
    assert np.abs(seen - ramp).max() == pytest.approx(0.5 / 255, rel=1e-2)
