"""Noise of the light path: variances within the confidence interval of the sample."""

import numpy as np
import pytest
from numpy.typing import NDArray

from lumina.errors import MatrixError
from tests.twin.plants import build
from twin.plant import Plant

CHARGE_C, BOLTZMANN = 1.602176634e-19, 1.380649e-23
BANDWIDTH_HZ, COUNT = 0.5e9, 40_000

SILENT_LASER = {"rin_db_per_hz": -180.0, "linewidth_hz": 0.0}
PERFECT = {"bits": 16, "inl_lsb": 0.0, "transimpedance_ohm": 1e9, "dark_current_a": 0.0}


def lit(receivers: dict[str, object], laser: dict[str, object]) -> Plant:
    plant = build(receivers=PERFECT | receivers, laser=SILENT_LASER | laser)
    plant.step()
    return plant


def one_input(amplitude: complex, count: int = COUNT) -> NDArray[np.complex128]:
    fields = np.zeros((8, count), np.complex128)
    fields[0] = amplitude
    return fields


def full_scale_a(detection: str = "coherent") -> float:
    """Full scale from the definition: a full-transmission path reads 0.6 of it."""
    plant = build()
    signal_w = 0.01 / 8 * plant.arrays.optics.path**2 * 10 ** (-7 * 0.05 / 10)
    if detection == "direct":
        return signal_w / 0.6
    return float(np.sqrt(0.5 * signal_w * 0.5 * 0.01 / 8)) / 0.6


def assert_variance(sample: NDArray[np.float64], expected: float) -> None:
    """Within 4.5 standard errors of a normal sample's variance, and the model's own 0.1 %."""
    assert sample.var() == pytest.approx(expected, rel=4.5 * np.sqrt(2 / sample.size) + 1e-3)


def test_shot_noise_of_the_oscillator_is_2qib() -> None:
    dark = lit({}, {}).multiply(one_input(0.0)) * full_scale_a()
    current_a = 0.5 * (0.5 * 0.01 / 8)  # half of the oscillator falls on each quadrature's pair
    expected = 2 * CHARGE_C * current_a * BANDWIDTH_HZ
    step = full_scale_a() / 2**15
    for quadrature in (dark.real, dark.imag):
        assert_variance(quadrature, expected + step**2 / 12)


def test_johnson_noise_is_4ktb_over_r() -> None:
    plant = lit({"transimpedance_ohm": 500.0, "temperature_c": 45.0}, {})
    plant.inputs["laser_on"] = 0.0
    plant.step()
    dark = plant.multiply(one_input(0.0)) * full_scale_a()
    assert_variance(dark.real, 4 * BOLTZMANN * 318.15 * BANDWIDTH_HZ / 500.0)


def test_dark_current_has_shot_noise_of_its_own() -> None:
    plant = lit({"dark_current_a": 1e-3, "transimpedance_ohm": 1e9}, {})
    plant.inputs["laser_on"] = 0.0
    plant.step()
    dark = plant.multiply(one_input(0.0)) * full_scale_a()
    assert_variance(dark.imag, 2 * CHARGE_C * 2e-3 * BANDWIDTH_HZ)


def test_intensity_noise_is_rin_times_bandwidth_and_common_to_all_outputs() -> None:
    plant = lit({}, {"rin_db_per_hz": -120.0})
    seen = plant.multiply(one_input(0.9))
    mean = seen.mean(axis=1)
    bright = np.argsort(-np.abs(mean))[:2]
    size = (seen[bright] / mean[bright, None]).real
    assert_variance(size[0], 1e-12 * BANDWIDTH_HZ)
    assert np.corrcoef(size)[0, 1] > 0.99


def test_phase_noise_is_2_pi_linewidth_times_delay() -> None:
    """1 MHz over 435 ps is 52 mrad."""
    plant = lit({"delay_mismatch_s": 435e-12}, {"linewidth_hz": 1e6})
    seen = plant.multiply(one_input(0.9))
    mean = seen.mean(axis=1)
    bright = int(np.abs(mean).argmax())
    turn = np.angle(seen[bright] / mean[bright])
    assert turn.std() == pytest.approx(52.3e-3, rel=0.02)


def test_readings_are_the_transfer_matrix_in_units_of_full_scale() -> None:
    plant = lit({}, {})
    real, imaginary = np.random.default_rng(1).normal(size=(2, 8, 500)) / 6
    fields = real + 1j * imaginary
    gain = 0.6 / (plant.arrays.optics.path * 10 ** (-7 * 0.05 / 20))
    expected = gain * plant.transfer_matrix() @ fields
    error = plant.multiply(fields) - expected
    assert np.abs(error.mean(axis=1)).max() < 1e-4
    assert np.abs(error).max() < 0.01


def test_by_default_one_reading_is_worth_8_to_10_bits() -> None:
    plant = build()
    plant.step()
    fields = np.repeat(np.exp(2j * np.pi * np.arange(8)[:, None] ** 2 / 16), COUNT, axis=1)
    rms = plant.multiply(fields).real.std(axis=1)
    bits = np.log2(2 / np.sqrt(12) / rms)
    assert bits.min() > 8.0
    assert bits.max() < 10.5


def test_direct_detection_reads_powers() -> None:
    plant = lit({"detection": "direct"}, {})
    fields = one_input(0.8, 2000)
    powers = plant.multiply(fields)
    expected = 0.6 * np.abs(plant.transfer_matrix()[:, 0] * 0.8) ** 2
    expected /= plant.arrays.optics.path**2 * 10 ** (-7 * 0.05 / 10)
    np.testing.assert_allclose(powers.mean(axis=1), expected, atol=1e-4)
    assert not powers.imag.any()
    bright = int(expected.argmax())
    current_a = expected[bright] * full_scale_a("direct")
    variance = 2 * CHARGE_C * current_a * BANDWIDTH_HZ
    step = full_scale_a("direct") / 65_535
    assert_variance(powers[bright].real * full_scale_a("direct"), variance + step**2 / 12)


def test_strong_light_saturates_the_receivers() -> None:
    plant = lit({"full_scale_share": 1.0}, {})
    plant.inputs["laser_power_w"] = 0.1
    plant.step()
    seen = plant.multiply(np.ones((8, 10), np.complex128))
    assert np.abs(seen.real).max() <= 1.0
    assert np.isin(np.abs(seen.real), (1.0, 1.0 - 2.0**-15)).any()


def test_modulators_clip_at_full_scale() -> None:
    plant = lit({}, {})
    strong, full = (plant.multiply(one_input(a, 4000)).mean(axis=1) for a in (5.0, 1.0))
    np.testing.assert_allclose(strong, full, atol=1e-4)


def test_what_cannot_be_sent_is_refused() -> None:
    plant = build()
    with pytest.raises(MatrixError, match="shape"):
        plant.multiply(np.zeros((7, 3), np.complex128))
    with pytest.raises(MatrixError, match="finite"):
        plant.multiply(one_input(np.nan))


def test_in_the_dark_only_noise_is_left() -> None:
    plant = build()
    plant.inputs["laser_on"] = 0.0
    plant.step()
    assert np.abs(plant.multiply(one_input(1.0)).mean()) < 1e-4


def test_the_attenuator_dims_signal_and_oscillator_alike() -> None:
    plant = lit({}, {})
    bright = plant.multiply(one_input(1.0)).mean(axis=1)
    plant.actuator.head["laser_scale"] = 0.25
    plant.step()
    dim = plant.multiply(one_input(1.0)).mean(axis=1)
    np.testing.assert_allclose(np.abs(dim), 0.25 * np.abs(bright), atol=2e-4)
    assert plant.sensor.head["laser_power_w"][0] == pytest.approx(0.0025, rel=1e-3)
