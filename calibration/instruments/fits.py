"""Weighted least squares with standard errors."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Fit", "fitted"]

FloatArray = NDArray[np.float64]

LEAST_SHARE, LEAST = 1e-9, 1e-18
"""Standard errors below these are none: of readings without noise, and of readings of nothing."""


class Fit(NamedTuple):
    """Parameters of a linear model.

    Attributes:
        values: shape (parameters,).
        sigmas: their standard errors, shape (parameters,).
        residual: values less model, shape (points,).
    """

    values: FloatArray
    sigmas: FloatArray
    residual: FloatArray


def fitted(design: FloatArray, values: FloatArray, sigma: FloatArray) -> Fit:
    """Fit `values = design @ parameters`.

    Args:
        design: shape (points, parameters).
        values: shape (points,).
        sigma: standard error of each value, shape (points,); none counts as less than
            `LEAST_SHARE` of the largest value.

    Standard errors grow with the residuals where these are larger than the noise explains.
    """
    sigma = np.maximum(sigma, max(LEAST_SHARE * float(np.abs(values).max()), LEAST))
    weighted = design / sigma[:, None]
    covariance = np.linalg.inv(weighted.T @ weighted)
    best = covariance @ (weighted.T @ (values / sigma))
    residual = values - design @ best
    spare = len(values) - len(best)
    misfit = float(np.sum((residual / sigma) ** 2)) / spare if spare > 0 else 1.0
    sigmas = np.sqrt(np.diag(covariance) * max(misfit, 1.0))
    return Fit(best, sigmas, residual)
