"""Plants for the tests."""

from typing import Any

from lumina.frames import HEATERS_ENABLED, TEC_ENABLED
from twin.config import PlantConfig
from twin.plant import Plant


def build(seed: int = 1, chip_seed: int = 2, **sections: Any) -> Plant:
    """A plant from sections given by name, commanded on, with its laser emitting."""
    plant = Plant(PlantConfig(**sections), seed=seed, chip_seed=chip_seed)
    head = plant.actuator.head
    head["flags"] = HEATERS_ENABLED | TEC_ENABLED
    head["laser_scale"] = head["compute_scale"] = 1.0
    plant.inputs["laser_on"] = 1.0
    return plant
