"""What is told of an error in time: its size, and when it has settled."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["rms_mk", "settled_after_s"]

FloatArray = NDArray[np.float64]


def rms_mk(error_k: FloatArray) -> float:
    """Root mean square in mK."""
    return 1e3 * float(np.sqrt(np.mean(error_k**2)))


def settled_after_s(error_k: FloatArray, within_k: float, step_s: float) -> float:
    """Time of the last departure from within a band, s.

    Args:
        error_k: shape (samples,), K.
        within_k: half of the band, K.
        step_s: time between two samples, s.
    """
    away = np.flatnonzero(np.abs(error_k) > within_k)
    return (float(away[-1]) + 1.0) * step_s if away.size else 0.0
