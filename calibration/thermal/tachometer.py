"""The fan's time constant, from what was asked of it and what its tachometer says."""

from typing import NamedTuple

import numpy as np
import scipy.optimize
import scipy.signal
from numpy.typing import NDArray

from calibration.thermal.samples import Samples
from lumina.control.records import TICK_S

__all__ = ["SpinUp", "fit_spin_up"]

FloatArray = NDArray[np.float64]

LEAST_STEP_RPM = 100.0

SHORTEST_S, LONGEST_S = 0.001, 60.0


class SpinUp(NamedTuple):
    """How the fan follows its command."""

    spin_up_s: float
    sigma: float
    """Relative standard error."""


def fit_spin_up(samples: Samples, believed_s: float) -> SpinUp | None:
    """A first-order lag from the asked to the turned speed, from sample to sample.

    Args:
        samples: a record of evenly spaced samples.
        believed_s: where to start, s.

    Returns:
        None where the fan was not asked to change its speed.
    """
    asked, turned = samples["fan_set_rpm"], samples["fan_rpm"]
    if np.ptp(asked) < LEAST_STEP_RPM:
        return None

    step_s = float(np.median(np.diff(samples["tick"]))) * TICK_S

    def residuals(log_s: FloatArray) -> FloatArray:
        share = -np.expm1(-step_s / np.exp(log_s[0]))
        start = np.array([(1.0 - share) * turned[0]])
        followed, _ = scipy.signal.lfilter([share], [1.0, share - 1.0], asked[:-1], zi=start)
        return np.asarray(followed - turned[1:], np.float64)

    found = scipy.optimize.least_squares(
        residuals, [np.log(believed_s)], bounds=(np.log(SHORTEST_S), np.log(LONGEST_S))
    )
    steepness = float(np.sum(np.asarray(found.jac) ** 2))
    scatter = 2.0 * float(found.cost) / len(asked)
    return SpinUp(float(np.exp(found.x[0])), float(np.sqrt(scatter / max(steepness, 1e-12))))
