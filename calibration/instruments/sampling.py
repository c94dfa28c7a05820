"""Readings averaged until they are known well enough."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Sample", "Sampler"]

FloatArray = NDArray[np.float64]

PAUSE_S = 2e-3
"""Between two readings, so that their noise is not the same."""

RESOLUTION = 1e-7
"""Of a reading: readings that are all alike are known no better than a meter has digits."""

LEAST, MOST = 10, 48
"""Readings of one quantity: enough to see the noise; what is not known then stays so."""


class Sample(NamedTuple):
    """A mean of readings; arrays have a reading's shape.

    Attributes:
        mean: inf where a reading was over range.
        sigma: standard error of the mean, wider where few readings tell the noise.
        rms: noise of one reading.
    """

    mean: FloatArray
    sigma: FloatArray
    rms: FloatArray


class Sampler:
    """Takes readings and counts them.

    Attributes:
        readings: so far.
    """

    def __init__(self) -> None:
        self.readings = 0

    async def mean(
        self,
        read: Callable[[], Awaitable[FloatArray | float]],
        wanted: Callable[[FloatArray], FloatArray | float],
    ) -> Sample:
        """Average readings until every channel is known as wanted, or `MOST` were taken.

        Args:
            read: takes one reading.
            wanted: from the mean so far to the standard error that will do.
        """
        taken = [await self._one(read) for _ in range(LEAST)]
        while len(taken) < MOST and not _known(sample := _sample(taken), wanted(sample.mean)):
            taken.append(await self._one(read))
        return _sample(taken)

    async def _one(self, read: Callable[[], Awaitable[FloatArray | float]]) -> FloatArray:
        await asyncio.sleep(PAUSE_S)
        self.readings += 1
        return np.atleast_1d(np.asarray(await read(), float))


def _known(sample: Sample, wanted: FloatArray | float) -> bool:
    """Whether every channel is; one over range will not be known better."""
    return bool(np.all((sample.sigma <= wanted) | ~np.isfinite(sample.mean)))


def _sample(taken: list[FloatArray]) -> Sample:
    readings = np.stack(taken)
    over = ~np.isfinite(readings).all(axis=0)
    readings = np.where(over, 0.0, readings)
    rms = np.std(readings, axis=0, ddof=1)
    mean = np.where(over, np.inf, readings.mean(axis=0))
    count = len(taken)
    # The deviation of Student's distribution: few readings may have come out alike by chance.
    sigma = rms * np.sqrt((count - 1) / (count * (count - 3)))
    return Sample(mean, np.maximum(sigma, np.where(over, 0.0, RESOLUTION * np.abs(mean))), rms)
