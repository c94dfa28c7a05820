"""The next setting: what should take the error away, and how much of it."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibration.programming.refining._looks import HoldsPhases, Look
from calibration.programming.refining._slopes import Slopes
from calibration.programming.refining.codes import Converters, closest_steps
from calibration.programming.units import MatrixUnit

__all__ = ["Plan", "planned"]

FloatArray = NDArray[np.float64]


class Plan(NamedTuple):
    """A setting to be tried."""

    own_rad: FloatArray
    """Shape (shifters,), own phases, in rad, of settable drives."""
    step_rad: FloatArray
    """Shape (shifters,), how far that is from where the chip stands, turns left aside."""
    promise: float
    """Square of what is missing that it should take away."""


class _Probable(NamedTuple):
    """The most probable step, and what is left of the noise in it."""

    step_rad: FloatArray
    damping: float
    """What a squared radian costs."""
    noise_power: float
    """Square of the error that the noise of the look brings in by this step."""


def planned(
    chip: HoldsPhases,
    unit: MatrixUnit,
    slopes: Slopes,
    best: Look,
    variance: float,
    reach_rad: float,
) -> Plan:
    """Plan a step.

    Args:
        chip: with the converters of its heaters.
        unit: its heaters.
        slopes: how the matrix answers to own phases.
        best: where the chip stands.
        variance: of the noise in each number that is missing there.
        reach_rad: most that a phase may change, in rad.
    """
    by_own, missing = slopes.by_own, best.missing
    found = _probable(by_own, missing, variance, reach_rad)
    converters = Converters.of(chip, unit.heaters)
    aim_rad = converters.turned(best.own_rad + found.step_rad)
    rounded = converters.codes(aim_rad)
    off_rad = converters.own_rad(rounded) - aim_rad
    per_step = converters.step_rad(rounded)
    left = missing - by_own @ (found.step_rad + off_rad)
    steps = closest_steps(by_own * per_step, left, found.damping * per_step**2)
    codes = converters.moved(rounded, steps)
    own_rad = converters.own_rad(codes)
    step_rad = found.step_rad + own_rad - aim_rad
    explained = by_own @ found.step_rad
    rest = missing - explained
    kept_noise = variance * missing.size - found.noise_power
    unreached = max(float(rest @ rest) - kept_noise, 0.0)
    beside = explained - by_own @ step_rad
    after = unreached + float(beside @ beside) + found.noise_power
    now = float(missing @ missing) - variance * missing.size
    return Plan(own_rad, step_rad, now - after)


def _probable(
    by_own: FloatArray, missing: FloatArray, variance: float, reach_rad: float
) -> _Probable:
    """Least squares, phases held by how large their errors are to be expected from the whole.

    If all phases are off by sigma, the square of what is missing is sigma^2 times the sum of
    the squared slopes; what is seen beyond the noise tells sigma. They are held more firmly
    where that would lead too far.
    """
    squares, directions = np.linalg.eigh(by_own.T @ by_own)
    squares = np.maximum(squares, 0.0)
    noise_power = variance * missing.size
    seen = max(float(missing @ missing) - noise_power, 0.01 * noise_power)
    damping = variance * float(squares.sum()) / seen
    damping = max(damping, 1e-9 * float(squares[-1]))
    along = directions.T @ (by_own.T @ missing)
    while True:
        step_rad = directions @ (along / (squares + damping))
        if float(np.abs(step_rad).max()) <= reach_rad:
            break
        damping *= 2.0
    share = float(np.sum(squares / (squares + damping)))
    return _Probable(step_rad, damping, variance * share)
