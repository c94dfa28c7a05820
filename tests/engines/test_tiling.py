"""Any matrix, in blocks of the device's size."""

import asyncio

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumina.engines.tiling import MAX_TILES, TiledMatrix, tiled_multiply
from lumina.errors import MatrixError
from tests.engines.devices import Array, ComplexArray, DigitalDevice


def complex_normal(rng: np.random.Generator, *shape: int) -> ComplexArray:
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (4, 9), (13, 3), (10, 32)])
async def test_product_of_any_shape_equals_numpy(
    small_device: DigitalDevice, rng: np.random.Generator, shape: tuple[int, int]
) -> None:
    weight = complex_normal(rng, *shape)
    vectors = complex_normal(rng, shape[1], 7)
    product = await tiled_multiply(small_device, weight, vectors)
    np.testing.assert_allclose(product, weight @ vectors, atol=1e-12)


async def test_real_operands_give_a_real_product(
    small_device: DigitalDevice, rng: np.random.Generator
) -> None:
    weight, vectors = rng.normal(size=(5, 6)), rng.normal(size=(6, 2))
    product = await tiled_multiply(small_device, weight, vectors)
    assert product.dtype == np.float64
    np.testing.assert_allclose(product, weight @ vectors, atol=1e-12)


async def test_each_tile_is_loaded_once_whatever_the_batch(
    small_device: DigitalDevice, rng: np.random.Generator
) -> None:
    await tiled_multiply(small_device, rng.normal(size=(8, 12)), rng.normal(size=(12, 50)))
    assert small_device.loads == 2 * 3
    assert small_device.vectors == 2 * 3 * 50


async def test_blocks_of_zeros_need_no_light(small_device: DigitalDevice) -> None:
    weight = np.kron(np.eye(3), np.ones((4, 4)))
    vectors = np.arange(12.0)[:, np.newaxis]
    np.testing.assert_allclose(
        await tiled_multiply(small_device, weight, vectors), weight @ vectors
    )
    assert small_device.loads == len(TiledMatrix(weight, 4)) == 3


async def test_an_empty_batch_gives_an_empty_product(small_device: DigitalDevice) -> None:
    product = await tiled_multiply(small_device, np.ones((3, 5)), np.ones((5, 0)))
    assert product.shape == (3, 0)


async def test_two_tasks_sharing_a_device_keep_their_own_weights(
    small_device: DigitalDevice, rng: np.random.Generator
) -> None:
    weights = [rng.normal(size=(8, 8)) for _ in range(4)]
    vectors = rng.normal(size=(8, 3))
    products = await asyncio.gather(
        *(tiled_multiply(small_device, weight, vectors) for weight in weights)
    )
    for weight, product in zip(weights, products, strict=True):
        np.testing.assert_allclose(product, weight @ vectors, atol=1e-12)


@given(
    rows=st.integers(1, 40),
    columns=st.integers(1, 40),
    ports=st.integers(1, 16),
    seed=st.integers(0, 99),
)
def test_tiles_put_together_are_the_matrix(rows: int, columns: int, ports: int, seed: int) -> None:
    matrix = np.random.default_rng(seed).normal(size=(rows, columns))
    rebuilt = np.full_like(matrix, np.nan)
    for tile in TiledMatrix(matrix, ports):
        height, width = rebuilt[tile.rows, tile.columns].shape
        rebuilt[tile.rows, tile.columns] = tile.block[:height, :width]
        assert tile.block.shape == (ports, ports)
        assert not tile.block[height:].any()
        assert not tile.block[:, width:].any()
    np.testing.assert_array_equal(rebuilt, matrix)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.ones(4), "two dimensions"),
        (np.ones((0, 4)), "no empty one"),
        (np.array([[1.0, np.nan]]), r"not finite at index \(0, 1\)"),
        (np.array([[1.0], [1j * np.inf]]), r"not finite at index \(1, 0\)"),
        (np.array([["a"]]), "not real or complex numbers"),
        (np.broadcast_to(0.0, (4, 4 * MAX_TILES + 1)), f"at most {MAX_TILES}"),
    ],
)
async def test_a_matrix_that_cannot_be_computed_is_refused(
    small_device: DigitalDevice, matrix: Array, message: str
) -> None:
    with pytest.raises(MatrixError, match=message):
        await tiled_multiply(small_device, matrix, np.ones((4, 1)))
    assert small_device.loads == 0


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (np.ones(4), r"shape \(4, batch\)"),
        (np.ones((5, 1)), r"shape \(4, batch\)"),
        (np.full((4, 1), np.inf), "not finite"),
        (np.broadcast_to(0.0, (4, 1 << 25)), "too large"),
    ],
)
async def test_vectors_that_do_not_fit_are_refused(
    small_device: DigitalDevice, vectors: Array, message: str
) -> None:
    with pytest.raises(MatrixError, match=message):
        await tiled_multiply(small_device, np.eye(4), vectors)
    assert small_device.loads == 0
