"""A small plant, and instruments on it, built as a bench builds them."""

from collections.abc import Callable
from typing import Any

import pytest

from drivers.config import InstrumentConfig, build_instrument
from drivers.interfaces import Instrument
from twin.config import PlantConfig
from twin.plant import Plant

Mount = Callable[..., Any]


@pytest.fixture
def plant() -> Plant:
    """A 4x4 matrix unit, its rails fed by the bench supply alone."""
    config = PlantConfig.model_validate({"chip": {"ports": 4, "kind": "svd"}})
    return Plant(config, seed=7, chip_seed=3)


@pytest.fixture
def mount(plant: Plant) -> Mount:
    """Put a driver on the plant: ``mount("santec_tsl570", power_w=0.002)``."""

    def build(driver: str, **options: object) -> Instrument:
        config = InstrumentConfig.model_validate({"driver": driver, "options": options})
        return build_instrument("it", config, plant)

    return build
