"""Matrix-vector product, convolution and Fourier transform on a matrix device."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lumina.engines.device import ComplexArray, Matrix, MatrixDevice
from lumina.engines.tiling import checked_batch, checked_numbers, tiled_multiply
from lumina.errors import MatrixError

__all__ = ["convolve_1d", "convolve_2d", "fft", "matvec"]


async def matvec(device: MatrixDevice, matrix: Matrix, vector: Matrix) -> NDArray[Any]:
    """Product of a matrix with one vector.

    Args:
        device: the matrix unit.
        matrix: shape (rows, columns), real or complex.
        vector: shape (columns,), real or complex.

    Returns:
        Shape (rows,), real where both operands are.

    Raises:
        MatrixError: an operand is not finite, too large, or of the wrong shape.
    """
    column = np.asarray(vector)
    if column.ndim != 1:
        raise MatrixError(f"a vector has one dimension; got shape {column.shape}")
    return (await tiled_multiply(device, matrix, column[:, np.newaxis]))[:, 0]


async def convolve_1d(device: MatrixDevice, signal: Matrix, kernel: Matrix) -> NDArray[Any]:
    """Full linear convolution of a signal with a kernel, as `numpy.convolve`.

    One Toeplitz matrix makes `ports` consecutive outputs from the ports + taps - 1
    inputs that they depend on. It is the same for every stretch of the signal, so the
    stretches form one batch and the tiles are loaded once, whatever the signal's length.

    Args:
        device: the matrix unit.
        signal: shape (samples,), real or complex.
        kernel: shape (taps,), real or complex.

    Returns:
        Shape (samples + taps - 1,), real where both operands are.

    Raises:
        MatrixError: an operand is empty, not finite, too large, or not one-dimensional.
    """
    samples, taps = _checked_1d(signal, "signal"), _checked_1d(kernel, "kernel")
    history = len(taps) - 1
    outputs = len(samples) + history
    blocks = -(-outputs // device.ports)
    stream = np.zeros(blocks * device.ports + history, samples.dtype)
    stream[history : history + len(samples)] = samples
    stretches = np.lib.stride_tricks.sliding_window_view(stream, device.ports + history)
    batch = stretches[:: device.ports].T
    product = await tiled_multiply(device, _toeplitz(taps, device.ports), batch)
    return product.T.reshape(-1)[:outputs]


async def convolve_2d(device: MatrixDevice, image: Matrix, kernels: Matrix) -> NDArray[Any]:
    """Convolution of an image with a bank of kernels, where they fully overlap.

    The patches under the kernel become the batch and each kernel a row of the matrix
    (im2col), so a tile serves up to `ports` kernels at once. Kernels are flipped, as
    `scipy.signal.convolve2d(mode="valid")` flips them; sums run over the channels.

    Args:
        device: the matrix unit.
        image: shape (channels, height, width), real or complex.
        kernels: shape (kernels, channels, kernel height, kernel width).

    Returns:
        Shape (kernels, height - kernel height + 1, width - kernel width + 1).

    Raises:
        MatrixError: an operand is not finite, too large, or does not fit the other.
    """
    pixels, bank = checked_numbers(image, "image"), checked_numbers(kernels, "kernels")
    _check_bank(pixels.shape, bank.shape)
    window = bank.shape[1:]
    patches = np.lib.stride_tricks.sliding_window_view(pixels, window)[0]
    positions = patches.shape[:2]
    batch = patches.reshape(positions[0] * positions[1], -1).T
    weight = bank[:, :, ::-1, ::-1].reshape(len(bank), -1)
    product = await tiled_multiply(device, weight, batch)
    return product.reshape(len(bank), *positions)


async def fft(device: MatrixDevice, signal: Matrix) -> ComplexArray:
    """Discrete Fourier transform along the first axis, as `numpy.fft.fft(axis=0)`.

    The DFT matrix of the device's own size is unitary but for a factor, the kindest
    matrix a mesh can be given. A longer transform is split (Cooley and Tukey, 1965)
    into rows and columns of lengths that fit, with the twiddle factors applied in
    numbers between them; a length with a prime factor above `ports` is tiled instead.

    Args:
        device: the matrix unit.
        signal: shape (samples,) or (samples, batch), real or complex.

    Returns:
        The same shape, complex.

    Raises:
        MatrixError: the signal is empty, not finite, or too large.
    """
    samples = checked_numbers(signal, "signal").astype(np.complex128)
    if samples.ndim not in (1, 2) or samples.size == 0:
        raise MatrixError(f"a signal has shape (samples,) or (samples, batch); got {samples.shape}")
    batch = checked_batch(samples.reshape(len(samples), -1), len(samples))
    return (await _fft_columns(device, batch)).reshape(samples.shape)


async def _fft_columns(device: MatrixDevice, columns: ComplexArray) -> ComplexArray:
    """Shape (samples, batch), columns transformed one by one.

    Sample n = inner i + j; frequency k = p + outer q. The sum over i is a transform of
    length `outer`; then come the twiddle factors exp(-2 pi j p / samples), and the sum
    over j is a transform of length `inner`.
    """
    length, batch = columns.shape
    outer = _largest_factor(length, device.ports)
    inner = length // outer
    if length <= device.ports or outer == 1:
        return await tiled_multiply(device, _dft_matrix(length), columns)
    first = await tiled_multiply(device, _dft_matrix(outer), columns.reshape(outer, inner * batch))
    turns = np.outer(np.arange(outer), np.arange(inner)) / length
    twiddled = first.reshape(outer, inner, batch) * np.exp(-2j * np.pi * turns)[:, :, np.newaxis]
    second = await _fft_columns(device, twiddled.transpose(1, 0, 2).reshape(inner, outer * batch))
    return second.reshape(length, batch)


def _dft_matrix(length: int) -> ComplexArray:
    index = np.arange(length)
    # The product is reduced before it is scaled, so the angle stays exact for long transforms.
    matrix: ComplexArray = np.exp(-2j * np.pi * (np.outer(index, index) % length) / length)
    return matrix


def _largest_factor(length: int, limit: int) -> int:
    return next(factor for factor in range(min(limit, length), 0, -1) if length % factor == 0)


def _toeplitz(kernel: Matrix, outputs: int) -> Matrix:
    """Shape (outputs, outputs + taps - 1): row i holds the flipped kernel from column i on."""
    matrix = np.zeros((outputs, outputs + len(kernel) - 1), kernel.dtype)
    for row in range(outputs):
        matrix[row, row : row + len(kernel)] = kernel[::-1]
    return matrix


def _checked_1d(values: Matrix, what: str) -> Matrix:
    array = checked_numbers(values, what)
    if array.ndim != 1 or array.size == 0:
        raise MatrixError(f"{what}: one dimension and not empty; got shape {array.shape}")
    return array


def _check_bank(image: tuple[int, ...], bank: tuple[int, ...]) -> None:
    if len(image) != 3 or len(bank) != 4 or 0 in image or 0 in bank:
        raise MatrixError(
            "an image has shape (channels, height, width) and kernels (kernels, channels, "
            f"height, width), none empty; got {image} and {bank}"
        )
    if image[0] != bank[1] or image[1] < bank[2] or image[2] < bank[3]:
        raise MatrixError(
            f"kernels of shape {bank} do not fit an image of shape {image}: "
            "same channels, and no larger than the image"
        )
