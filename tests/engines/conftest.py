"""Devices to compute on."""

import numpy as np
import pytest

from tests.engines.devices import DigitalDevice


@pytest.fixture
def device() -> DigitalDevice:
    return DigitalDevice(16)


@pytest.fixture
def small_device() -> DigitalDevice:
    return DigitalDevice(4)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)
