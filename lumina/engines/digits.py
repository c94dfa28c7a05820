"""Handwritten digits, read by a small network whose matrix products run on a device.

The data are scikit-learn's 1797 scanned digits of 8 x 8 pixels (real, from the UCI
"Optical Recognition of Handwritten Digits" set). The network is 64 - 32 - 10 with a
rectifier between: every pixel enters, and on 16 ports the weights make 8 + 2 tiles.

Analogue errors are met by weight decay alone: it keeps single weights small, so an
error of a whole tile averages out over many of them. Accuracy lost, in points, mean of
8 splits with 12 errors each, where every tile is off by a share of its own norm:

    share of the norm             5 %   10 %   20 %   30 %   50 %   80 %   100 %
    Gaussian, element by element  0.0   0.0    0.4    1.0    3.2    11     19
    random unitaries around it    0.1   0.2    0.8    2.1    8.7    34     54

(the second is what phase errors in the meshes on both sides of an SVD do). Training
with injected noise would gain nothing in the range where a calibrated chip works.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lumina.engines.device import MatrixDevice
from lumina.engines.tiling import TiledMatrix, tiled_multiply

__all__ = ["DigitClassifier", "DigitSet", "accuracy", "load_digit_set", "train_classifier"]

HELD_OUT = 0.3
HIDDEN = 32
WEIGHT_DECAY = 0.3
PIXEL_FULL_SCALE = 16.0

FloatArray = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class DigitSet:
    """Digits to learn from, and held-out digits to be judged on.

    Attributes:
        train_images: shape (digits, 64), pixels 0 .. 1.
        train_labels: shape (digits,), 0 .. 9.
        test_images: shape (held-out digits, 64), pixels 0 .. 1.
        test_labels: shape (held-out digits,), 0 .. 9.
    """

    train_images: FloatArray
    train_labels: Labels
    test_images: FloatArray
    test_labels: Labels


@dataclass(frozen=True)
class Layer:
    """One affine layer: shape (outputs, inputs) weights and (outputs,) biases."""

    weight: FloatArray
    bias: FloatArray


@dataclass(frozen=True)
class DigitClassifier:
    """A trained network: weights go into the light, biases and rectifiers stay digital.

    Attributes:
        layers: first to last; a rectifier stands between each two.
    """

    layers: tuple[Layer, ...]

    def tiles(self, ports: int) -> int:
        """Matrices that a device of that many ports loads for one forward pass."""
        return sum(len(TiledMatrix(layer.weight, ports)) for layer in self.layers)

    async def predict(self, device: MatrixDevice, images: FloatArray) -> Labels:
        """Read digits with every matrix product taken on the device.

        Args:
            device: the matrix unit.
            images: shape (digits, 64), pixels 0 .. 1.

        Returns:
            Shape (digits,), the digits read.

        Raises:
            MatrixError: images of another shape, or not finite.
            ThermallyUnsafeError: the guard refuses work at this temperature.
        """
        activity = images.T
        for layer in self.layers[:-1]:
            product = await tiled_multiply(device, layer.weight, activity)
            activity = _rectified(product, layer)
        last = self.layers[-1]
        return _strongest(await tiled_multiply(device, last.weight, activity), last)

    def predict_digitally(self, images: FloatArray) -> Labels:
        """Read digits in float64; arguments and result as `predict`."""
        activity = images.T
        for layer in self.layers[:-1]:
            activity = _rectified(layer.weight @ activity, layer)
        last = self.layers[-1]
        return _strongest(last.weight @ activity, last)


def load_digit_set(seed: int = 0) -> DigitSet:
    """The digits, 30 % of each held out, as drawn by the seed."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    pixels, labels = load_digits(return_X_y=True)
    train_images, test_images, train_labels, test_labels = train_test_split(
        pixels / PIXEL_FULL_SCALE,
        labels.astype(np.int64),
        test_size=HELD_OUT,
        random_state=seed,
        stratify=labels,
    )
    return DigitSet(train_images, train_labels, test_images, test_labels)


def train_classifier(digits: DigitSet, seed: int = 0) -> DigitClassifier:
    """Train the network on the training digits: under a second, the same for the same seed."""
    from sklearn.neural_network import MLPClassifier
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    network = MLPClassifier(
        hidden_layer_sizes=(HIDDEN,),
        alpha=WEIGHT_DECAY,
        solver="lbfgs",
        max_iter=5000,
        random_state=seed,
    )
    # One thread: sums come in the same order on every machine, and matrices this small
    # are slower on several, tenfold where these have to wait for a core.
    with threadpool_limits(1):
        network.fit(digits.train_images, digits.train_labels)
    pairs = zip(network.coefs_, network.intercepts_, strict=True)
    return DigitClassifier(tuple(Layer(weight.T.copy(), bias) for weight, bias in pairs))


def accuracy(predicted: Labels, labels: Labels) -> float:
    """Fraction of digits read correctly, 0 .. 1."""
    return float(np.mean(predicted == labels))


def _rectified(product: FloatArray, layer: Layer) -> FloatArray:
    return np.maximum(product + layer.bias[:, np.newaxis], 0.0)


def _strongest(product: FloatArray, layer: Layer) -> Labels:
    strongest: Labels = np.argmax(product + layer.bias[:, np.newaxis], axis=0)
    return strongest
