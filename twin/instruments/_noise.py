"""Noise of what an instrument reads."""

from zlib import crc32

import numpy as np

from twin.plant import Plant

__all__ = ["reading_noise"]


def reading_noise(plant: Plant, name: str) -> np.random.Generator:
    """Noise of one reading, named by seed, instrument and tick."""
    seed = int(plant.arrays.state["seed"][0])
    return np.random.default_rng([seed, crc32(name.encode()), plant.tick])
