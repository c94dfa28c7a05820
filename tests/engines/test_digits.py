"""Real digits, read through a matrix device."""

import numpy as np
import pytest

from lumina.engines.digits import (
    DigitClassifier,
    DigitSet,
    accuracy,
    load_digit_set,
    train_classifier,
)
from lumina.errors import MatrixError
from tests.engines.devices import DigitalDevice


@pytest.fixture(scope="module")
def digits() -> DigitSet:
    return load_digit_set(seed=0)


@pytest.fixture(scope="module")
def classifier(digits: DigitSet) -> DigitClassifier:
    return train_classifier(digits, seed=0)


def test_the_split_is_fixed_by_its_seed_and_shares_no_digit(digits: DigitSet) -> None:
    again, other = load_digit_set(seed=0), load_digit_set(seed=1)
    np.testing.assert_array_equal(digits.test_images, again.test_images)
    assert not np.array_equal(digits.test_images, other.test_images)
    assert len(digits.train_labels) + len(digits.test_labels) == 1797
    assert digits.test_images.shape == (540, 64)
    assert digits.test_images.max() == 1.0


def test_each_digit_is_held_out_in_proportion(digits: DigitSet) -> None:
    share = np.bincount(digits.test_labels) / len(digits.test_labels)
    np.testing.assert_allclose(share, 0.1, atol=0.01)


def test_training_again_gives_the_same_network(
    digits: DigitSet, classifier: DigitClassifier
) -> None:
    again = train_classifier(digits, seed=0)
    for layer, other in zip(classifier.layers, again.layers, strict=True):
        np.testing.assert_array_equal(layer.weight, other.weight)


def test_digital_accuracy_on_held_out_digits(digits: DigitSet, classifier: DigitClassifier) -> None:
    read = classifier.predict_digitally(digits.test_images)
    assert accuracy(read, digits.test_labels) >= 0.975


def test_weights_of_two_layers_make_ten_tiles_on_sixteen_ports(classifier: DigitClassifier) -> None:
    assert [layer.weight.shape for layer in classifier.layers] == [(32, 64), (10, 32)]
    assert classifier.tiles(16) == 10


async def test_an_exact_device_reads_what_the_network_reads(
    device: DigitalDevice, digits: DigitSet, classifier: DigitClassifier
) -> None:
    read = await classifier.predict(device, digits.test_images)
    np.testing.assert_array_equal(read, classifier.predict_digitally(digits.test_images))
    assert device.loads == classifier.tiles(16)


@pytest.mark.parametrize(
    ("error", "least_cost", "most_cost"),
    [(0.02, -0.005, 0.005), (0.2, -0.005, 0.02), (1.0, 0.1, 0.9)],
)
async def test_small_matrix_errors_cost_little_and_large_ones_much(
    digits: DigitSet, classifier: DigitClassifier, error: float, least_cost: float, most_cost: float
) -> None:
    reads = [
        await classifier.predict(DigitalDevice(16, error, seed), digits.test_images)
        for seed in range(5)
    ]
    digital = accuracy(classifier.predict_digitally(digits.test_images), digits.test_labels)
    cost = digital - np.mean([accuracy(read, digits.test_labels) for read in reads])
    assert least_cost <= cost <= most_cost


async def test_images_of_another_size_are_refused(
    device: DigitalDevice, classifier: DigitClassifier
) -> None:
    with pytest.raises(MatrixError, match=r"shape \(64, batch\)"):
        await classifier.predict(device, np.ones((3, 49)))
