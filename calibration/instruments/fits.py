"""Weighted least squares with standard errors."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Fit", "fitted"]

FloatArray = NDArray[np.float64]


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
        sigma: standard error of each value, more than 0, shape (points,).

    Standard errors grow with the residuals where these are larger than the noise explains.
    """
    weighted = design / sigma[:, None]
    covariance = np.linalg.inv(weighted.T @ weighted)
    best = covariance @ (weighted.T @ (values / sigma))
    residual = values - design @ best
    spare = len(values) - len(best)
    misfit = float(np.sum((residual / sigma) ** 2)) / spare if spare > 0 else 1.0
    sigmas = np.sqrt(np.diag(covariance) * max(misfit, 1.0))
    return Fit(best, sigmas, residual)
