"""How late a loop's ticks started, as every runner counts it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lumina.privileges import PrivilegeTier

__all__ = ["HISTOGRAM_BINS", "Lateness", "lateness_of"]

HISTOGRAM_BINS = 4000
"""Lateness bins of 1 us; the last one takes everything later."""


@dataclass(frozen=True)
class Lateness:
    """How late ticks started after their deadlines, in real time.

    Attributes:
        ticks: ticks that were run.
        missed: ticks that started 1 ms late or more, or were skipped.
        p50_us, p99_us, p99_9_us: percentiles of the start of work after its deadline, us.
        worst_us: the latest start, us.
        tier: scheduling privileges of the thread.
    """

    ticks: int
    missed: int
    p50_us: float
    p99_us: float
    p99_9_us: float
    worst_us: float
    tier: PrivilegeTier | None


def lateness_of(
    histogram: NDArray[Any], *, missed: int, worst_ns: int, tier: PrivilegeTier | None
) -> Lateness | None:
    """The figures of a histogram of HISTOGRAM_BINS bins; None if nothing was counted."""
    counted = int(histogram.sum())
    if counted == 0:
        return None
    cumulative = np.cumsum(histogram) / counted
    p50, p99, p99_9 = (
        float(np.searchsorted(cumulative, share)) + 1.0 for share in (0.5, 0.99, 0.999)
    )
    return Lateness(counted, missed, p50, p99, p99_9, worst_ns / 1000, tier)
