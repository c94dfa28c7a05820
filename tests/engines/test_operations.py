"""Products, convolutions and transforms against numpy and scipy."""

import numpy as np
import pytest
from scipy.signal import convolve2d

from lumina.engines.operations import convolve_1d, convolve_2d, fft, matvec
from lumina.errors import MatrixError
from tests.engines.devices import Array, DigitalDevice


async def test_matvec_equals_numpy(device: DigitalDevice, rng: np.random.Generator) -> None:
    matrix, vector = rng.normal(size=(20, 33)), rng.normal(size=33)
    np.testing.assert_allclose(await matvec(device, matrix, vector), matrix @ vector, atol=1e-12)


async def test_matvec_refuses_a_matrix_as_vector(device: DigitalDevice) -> None:
    with pytest.raises(MatrixError, match="one dimension"):
        await matvec(device, np.eye(3), np.eye(3))


@pytest.mark.parametrize("samples", [1, 5, 16, 17, 100])
@pytest.mark.parametrize("taps", [1, 2, 16, 40])
async def test_convolution_of_a_signal_equals_numpy(
    device: DigitalDevice, rng: np.random.Generator, samples: int, taps: int
) -> None:
    signal, kernel = rng.normal(size=samples), rng.normal(size=taps)
    result = await convolve_1d(device, signal, kernel)
    np.testing.assert_allclose(result, np.convolve(signal, kernel), atol=1e-12)


async def test_convolution_takes_complex_signals(
    device: DigitalDevice, rng: np.random.Generator
) -> None:
    signal = rng.normal(size=30) + 1j * rng.normal(size=30)
    kernel = rng.normal(size=7) + 1j * rng.normal(size=7)
    result = await convolve_1d(device, signal, kernel)
    np.testing.assert_allclose(result, np.convolve(signal, kernel), atol=1e-12)


async def test_convolution_loads_do_not_grow_with_the_signal(
    device: DigitalDevice, rng: np.random.Generator
) -> None:
    await convolve_1d(device, rng.normal(size=10_000), rng.normal(size=9))
    assert device.loads == 2


async def test_convolution_of_an_image_equals_scipy_summed_over_channels(
    device: DigitalDevice, rng: np.random.Generator
) -> None:
    image, kernels = rng.normal(size=(3, 12, 9)), rng.normal(size=(5, 3, 4, 2))
    result = await convolve_2d(device, image, kernels)
    expected = [
        np.sum([convolve2d(image[c], kernel[c], mode="valid") for c in range(3)], axis=0)
        for kernel in kernels
    ]
    np.testing.assert_allclose(result, expected, atol=1e-12)


@pytest.mark.parametrize("samples", [1, 7, 16, 17, 32, 48, 60, 256, 34, 323])
async def test_fourier_transform_equals_numpy(
    device: DigitalDevice, rng: np.random.Generator, samples: int
) -> None:
    signal = rng.normal(size=samples) + 1j * rng.normal(size=samples)
    np.testing.assert_allclose(await fft(device, signal), np.fft.fft(signal), atol=1e-10)


async def test_fourier_transform_of_a_batch_runs_along_the_first_axis(
    device: DigitalDevice, rng: np.random.Generator
) -> None:
    signals = rng.normal(size=(96, 5))
    result = await fft(device, signals)
    np.testing.assert_allclose(result, np.fft.fft(signals, axis=0), atol=1e-10)


async def test_a_split_transform_needs_far_fewer_loads_than_a_tiled_one(
    device: DigitalDevice, rng: np.random.Generator
) -> None:
    await fft(device, rng.normal(size=4096))
    assert device.loads == 3


@pytest.mark.parametrize("signal", [np.ones((2, 2, 2)), np.ones(0), np.array([1.0, np.nan])])
async def test_a_signal_that_cannot_be_transformed_is_refused(
    device: DigitalDevice, signal: Array
) -> None:
    with pytest.raises(MatrixError):
        await fft(device, signal)


@pytest.mark.parametrize(("signal", "kernel"), [([], [1.0]), ([1.0], []), ([[1.0]], [1.0])])
async def test_a_convolution_of_nothing_is_refused(
    device: DigitalDevice, signal: Array, kernel: Array
) -> None:
    with pytest.raises(MatrixError, match="one dimension and not empty"):
        await convolve_1d(device, np.array(signal), np.array(kernel))


@pytest.mark.parametrize(
    ("image", "kernels"),
    [
        ((3, 4), (1, 3, 2, 2)),
        ((3, 4, 4), (1, 2, 2, 2)),
        ((1, 4, 4), (1, 1, 5, 2)),
        ((1, 4, 4), (0, 1, 2, 2)),
    ],
)
async def test_kernels_that_do_not_fit_the_image_are_refused(
    device: DigitalDevice, image: tuple[int, ...], kernels: tuple[int, ...]
) -> None:
    with pytest.raises(MatrixError):
        await convolve_2d(device, np.ones(image), np.ones(kernels))
