"""The twins of a bench, each with noise and a chip of its own."""

from typing import TYPE_CHECKING

import numpy as np

from drivers.registry import Backend
from lumina.runtime.config import BenchConfig

if TYPE_CHECKING:
    from drivers.twin.pace import Pace
    from twin.plant import Plant

__all__ = ["build_paces", "build_plants", "derived"]


def build_plants(config: BenchConfig, seed: int, chip_seed: int) -> "dict[str, Plant]":
    """The twins that the config's twin-backed instruments act on."""
    from twin.plant import Plant

    used = {i.plant for i in config.instruments.values() if i.backend is Backend.TWIN}
    return {
        name: Plant(plant, seed=derived(seed, index), chip_seed=derived(chip_seed, index))
        for index, (name, plant) in enumerate(config.plants.items())
        if name in used
    }


def build_paces(config: BenchConfig, plants: "dict[str, Plant]") -> "dict[str, Pace]":
    """What lets time pass on the twins without a board of their own; they stand by."""
    from drivers.twin.pace import Pace
    from twin.instruments import stand_by

    boards = {i.plant for i in config.processors.values() if i.backend is Backend.TWIN}
    alone = {name: plant for name, plant in plants.items() if name not in boards}
    for plant in alone.values():
        stand_by(plant)
    return {name: Pace(plant) for name, plant in alone.items()}


def derived(seed: int, index: int) -> int:
    """An independent seed for the index-th plant; the first keeps the seed itself."""
    if index == 0:
        return seed
    return int(np.random.SeedSequence(seed, spawn_key=(index,)).generate_state(1)[0])
