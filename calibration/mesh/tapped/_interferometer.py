"""One interferometer as its own taps show it: which mix of the two arms in front goes where.

With p0 and p1 the fields in front of it, the upper arm behind it carries a p0 + b p1. A tap
tells powers only; but for inputs that light p0 and p1 in known ways, the powers tell |a|^2,
|b|^2 and a b*, that is the point n of a sphere (Poincare's, of the two arms):

    n = (|a|^2 - |b|^2, 2 a b*) / (|a|^2 + |b|^2)
    z = cos 2A cos 2B - sin 2A sin 2B cos theta
    w = e^{j phi} (sin 2B sin theta - j (cos 2B sin 2A + sin 2B cos 2A cos theta))

with A and B the angles of its couplers. The lower arm shows -n, as no light is lost between
them. theta draws a fringe in z, phi turns w: each is seen alone, whatever all others do.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

__all__ = [
    "Law",
    "Points",
    "corrected",
    "fit_fringe",
    "fringe_share",
    "looked_for",
    "mixing",
    "sphere",
    "sphere_point",
    "turn_share",
]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

_TYPICAL_BEND, _GAIN_SPREAD, _BEND_SPREAD = 0.08, 0.1, 0.08
"""Share of the drive's square that self-heating costs at 2 pi, and how far heaters are from
that and from the data sheet's gain."""

_COUPLER_SPREAD_RAD = 0.05

_SCATTER = 0.04
"""Of a point on the sphere: what crosstalk turns unseen, and the taps' own noise."""

_CROSSTALK_RAD = 0.04
"""How far a phase is from what its own heater tells, one sigma."""

_GAINS = np.linspace(0.5, 1.5, 51)
"""Gains, of the data sheet's, among which a fringe is looked for."""


class Law(NamedTuple):
    """Drive law of a heater, relative to the data sheet."""

    gain: float = 1.0
    bend: float = _TYPICAL_BEND

    def turned_rad(self, nominal_rad: FloatArray) -> FloatArray:
        """Own phases where the data sheet alone says `nominal_rad`, by V^2 = h + c h^2."""
        curvature = max(self.bend, 0.0) / (2.0 * np.pi)
        heated = 2.0 * nominal_rad / (1.0 + np.sqrt(1.0 + 4.0 * curvature * nominal_rad))
        return np.asarray(self.gain * heated)


class Points(NamedTuple):
    """Where an interferometer stood at every setting; each of shape (settings,)."""

    z: FloatArray
    w: ComplexArray
    weight: FloatArray
    """How far each is to be believed, 1 at best: dim light tells little."""

    @property
    def scatter(self) -> float:
        """Rms distance from where they should be, by crosstalk and noise."""
        return _SCATTER * float(np.sqrt(3.0 / self.weight.mean()))


def sphere(coherence: FloatArray, variance: FloatArray) -> Points:
    """The points that a tap shows.

    Args:
        coherence: shape (settings, 4): |a|^2, |b|^2, Re a b*, Im a b*, in any unit.
        variance: shape (settings,), of one of them, by the noise.
    """
    total = coherence[:, 0] + coherence[:, 1]
    total = np.maximum(total, 0.1 * float(np.median(total)))
    z = (coherence[:, 0] - coherence[:, 1]) / total
    w = np.asarray(2.0 * (coherence[:, 2] + 1j * coherence[:, 3]) / total, np.complex128)
    return Points(z, w, _SCATTER**2 / (_SCATTER**2 + variance / total**2))


def sphere_point(
    theta: FloatArray, phi: FloatArray, angles: FloatArray
) -> tuple[FloatArray, ComplexArray]:
    """Where the phases of an interferometer put z and w.

    Args:
        theta: shape (settings,), in rad.
        phi: shape (settings,), in rad.
        angles: shape (2,), deviations of the couplers from pi/4, in rad.
    """
    (sin_a, sin_b), (cos_a, cos_b) = np.cos(2.0 * angles), -np.sin(2.0 * angles)
    z = cos_a * cos_b - sin_a * sin_b * np.cos(theta)
    across = cos_b * sin_a + sin_b * cos_a * np.cos(theta)
    return z, np.exp(1j * phi) * (sin_b * np.sin(theta) - 1j * across)


def mixing(theta: FloatArray, phi: FloatArray, angles: FloatArray) -> ComplexArray:
    """The matrix of an interferometer at every setting, shape (settings, 2, 2)."""
    (b1, b2), (x1, x2) = np.cos(np.pi / 4 + angles), np.sin(np.pi / 4 + angles)
    e, turn = np.exp(1j * theta), np.exp(1j * phi)
    upper = [(b2 * b1 * e - x2 * x1) * turn, 1j * (b2 * x1 * e + x2 * b1)]
    lower = [1j * (x2 * b1 * e + b2 * x1) * turn, b2 * b1 - x2 * x1 * e]
    return np.stack([np.stack(upper, axis=-1), np.stack(lower, axis=-1)], axis=-2)


def looked_for(share: Callable[[FloatArray], FloatArray], nominal_rad: FloatArray) -> Law:
    """The gain at which a heater's drives explain most."""
    turned = np.stack([Law(gain).turned_rad(nominal_rad) for gain in _GAINS])
    return Law(float(_GAINS[np.argmax(share(turned))]))


def fringe_share(z: FloatArray, weight: FloatArray, turned_rad: FloatArray) -> FloatArray:
    """How far a fringe of these phases explains a power, of a whole fringe, shape (...,).

    What does not change at all is explained by anything.

    Args:
        z: shape (settings,).
        weight: shape (settings,), of each.
        turned_rad: shape (..., settings), phases up to an offset, in rad.
    """
    share = weight / weight.sum()
    rest = z - share @ z
    waves = np.stack([np.cos(turned_rad), np.sin(turned_rad)], axis=-2)
    waves = waves - (waves @ share)[..., None]
    pull = waves @ (share * rest)
    normal = (waves * share) @ np.swapaxes(waves, -1, -2) + 1e-9 * np.eye(2)
    solved = np.linalg.solve(normal, pull[..., None])[..., 0]
    unexplained = float(share @ rest**2) - np.sum(pull * solved, axis=-1)
    return np.asarray(1.0 - unexplained / 0.5)


def turn_share(w: ComplexArray, turned_rad: FloatArray) -> FloatArray:
    """Share of a field that turns with these phases, shape (...,)."""
    size = max(float(np.abs(w).sum()), 1e-12)
    return np.asarray(np.abs(np.exp(-1j * turned_rad) @ w) / size)


def fit_fringe(
    model: Callable[[FloatArray, FloatArray], FloatArray],
    seen: FloatArray,
    weight: FloatArray,
    start: FloatArray,
    laws: list[Law],
) -> tuple[FloatArray, list[Law]]:
    """Fit offsets, coupler angles and drive laws to points that were seen.

    Args:
        model: what is expected of the first parameters and of the laws' (gain, bend).
        seen: what was seen, real; one or more numbers of every setting, settings last.
        weight: shape (settings,), of each setting.
        start: the first parameters: phases, then coupler angles of two.
        laws: where the laws start.
    """
    count = len(start)
    x0 = np.concatenate([start, *laws]) if laws else start
    free = np.full(count, np.inf)
    free[-2:] = _COUPLER_SPREAD_RAD if count > 2 else np.inf
    spread = np.concatenate([free, np.tile([_GAIN_SPREAD, _BEND_SPREAD], len(laws))])
    middle = np.concatenate([np.zeros(count), np.tile([1.0, _TYPICAL_BEND], len(laws))])

    by_sigma = np.sqrt(np.resize(weight, len(seen))) / _SCATTER

    def rest(x: FloatArray) -> FloatArray:
        off = (model(x[:count], x[count:]) - seen) * by_sigma
        return np.concatenate([off, (x - middle) / spread])

    x = np.asarray(least_squares(rest, x0, method="lm", ftol=1e-4, xtol=1e-4).x)
    return x[:count], [Law(*pair) for pair in x[count:].reshape(-1, 2).tolist()]


def corrected(
    theta: FloatArray, phi: FloatArray, angles: FloatArray, points: Points
) -> tuple[FloatArray, FloatArray]:
    """Phases at every setting with what neighbours add, as the taps show it.

    Where z and w hardly tell, the phases stay where their own heaters have them.
    """
    step = 1e-4
    for _ in range(3):
        there = _stacked(*sphere_point(theta, phi, angles))
        by_theta = (_stacked(*sphere_point(theta + step, phi, angles)) - there) / step
        by_phi = (_stacked(*sphere_point(theta, phi + step, angles)) - there) / step
        slopes = np.stack([by_theta, by_phi], axis=-1)
        hold = (_SCATTER / _CROSSTALK_RAD) ** 2 * np.eye(2)
        weighted = slopes * points.weight[:, None, None]
        normal = np.swapaxes(weighted, 1, 2) @ slopes + hold
        pull = np.einsum("sia,si->sa", weighted, _stacked(points.z, points.w) - there)
        move = np.linalg.solve(normal, pull[:, :, None])[:, :, 0]
        theta, phi = theta + move[:, 0], phi + move[:, 1]
    return theta, phi


def _stacked(z: FloatArray, w: ComplexArray) -> FloatArray:
    """A point on the sphere as three numbers, shape (settings, 3)."""
    return np.stack([z, w.real, w.imag], axis=-1)
