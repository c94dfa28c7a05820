"""How well a model describes what was measured."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.thermal.samples import CLOSE_TO_SIGMA

__all__ = ["ChannelFit", "channel_fit"]

FloatArray = NDArray[np.float64]

AUTOCORRELATIONS = 20


@dataclass(frozen=True)
class ChannelFit:
    """How well one measured quantity is described.

    Attributes:
        residual_rms: of bins of 20 ms, K or V.
        noise_rms: what the sensor's own noise explains of it.
        nrmse: residual over the spread of the bulk of what was measured.
        whiteness: share of the first 20 autocorrelations of the residual within two sigma.
    """

    residual_rms: float
    noise_rms: float
    nrmse: float
    whiteness: float


def channel_fit(errors: FloatArray, measured: FloatArray, noise: float) -> ChannelFit:
    """Quality of one quantity from its residuals, shape (bins,).

    Args:
        errors: predicted less measured.
        measured: what was measured.
        noise: rms of what noise makes of a bin.
    """
    rms = float(np.sqrt(np.mean(errors**2)))
    return ChannelFit(rms, noise, rms / _spread(measured), _whiteness(errors))


def _spread(values: FloatArray) -> float:
    """Standard deviation of the bulk: a long way to the set point does not count."""
    away = np.abs(values - np.median(values))
    return max(float(CLOSE_TO_SIGMA * np.median(away)), float(np.finfo(float).tiny))


def _whiteness(errors: FloatArray) -> float:
    """Share of the first autocorrelations that white noise would show within two sigma."""
    centred = errors - errors.mean()
    power = float(centred @ centred)
    if power == 0.0:
        return 1.0
    correlations = [
        float(centred[lag:] @ centred[:-lag]) / power for lag in range(1, AUTOCORRELATIONS + 1)
    ]
    return float(np.mean(np.abs(correlations) < 2.0 / np.sqrt(len(errors))))
