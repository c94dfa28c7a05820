"""How an output answers to the two phases of one interferometer, and where it goes dark.

With the couplers as they are, whatever they are, one output sees of one input vector

    f(phi, theta) = a + b e^{j phi} + c e^{j theta} + d e^{j (phi + theta)}

so a few settings tell the four numbers and with them the phases at which f is zero, without
any knowledge of the couplers. Where none are, the splitting ratio is out of the couplers'
reach, and the nearest one is taken.
"""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Response"]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

_LONGEST_RAD = 0.5
"""Most that a phase is moved at a time by slopes."""

_DAMPING = 0.01
"""Squared slope, relative to the larger one, below which phases rest."""


class Response(NamedTuple):
    """The four numbers of one interferometer."""

    fixed: complex
    by_phi: complex
    by_theta: complex
    by_both: complex

    @classmethod
    def fitted(cls, phases_rad: FloatArray, seen: ComplexArray) -> Self:
        """The response that explains what was seen.

        Args:
            phases_rad: shape (settings, 2), phi and theta of each, in rad.
            seen: shape (settings,), the output's field.
        """
        phi, theta = np.exp(1j * phases_rad.T)
        terms = np.stack([np.ones(len(seen)), phi, theta, phi * theta], axis=1)
        return cls(*np.linalg.lstsq(terms, seen, rcond=None)[0].tolist())

    def scaled(self, by: complex) -> "Response":
        """The same seen through something else."""
        return Response(*(by * number for number in self))

    def at(self, phases_rad: FloatArray) -> complex:
        """The output's field at phi and theta, shape (2,), in rad."""
        phi, theta = np.exp(1j * phases_rad)
        both = self.by_both * phi * theta
        return complex(self.fixed + self.by_phi * phi + self.by_theta * theta + both)

    def dark(self) -> list[FloatArray]:
        """Phi and theta, each shape (2,), in rad, at which nothing is seen, or the least."""
        fixed, by_phi, by_theta, by_both = self
        mixed = np.conj(fixed) * by_theta - np.conj(by_phi) * by_both
        uneven = (abs(fixed) ** 2 + abs(by_theta) ** 2) - (abs(by_phi) ** 2 + abs(by_both) ** 2)
        away = np.arccos(np.clip(-uneven / (2.0 * max(abs(mixed), 1e-30)), -1.0, 1.0))
        found = []
        for theta_rad in (away - np.angle(mixed), -away - np.angle(mixed)):
            theta = np.exp(1j * theta_rad)
            phi_rad = np.angle(-(fixed + by_theta * theta) * np.conj(by_phi + by_both * theta))
            found.append(np.array([phi_rad, theta_rad]))
        return found

    def step_rad(self, phases_rad: FloatArray, seen: complex) -> FloatArray:
        """Change of phi and theta, shape (2,), in rad, that should take away what is seen."""
        phi, theta = np.exp(1j * phases_rad)
        slopes = np.array(
            [
                1j * phi * (self.by_phi + self.by_both * theta),
                1j * theta * (self.by_theta + self.by_both * phi),
            ]
        )
        normal = (slopes.conj()[:, None] * slopes).real
        normal[np.diag_indices(2)] += _DAMPING * max(float(np.trace(normal)), 1e-30)
        step = np.linalg.solve(normal, -(slopes.conj() * seen).real)
        return np.asarray(np.clip(step, -_LONGEST_RAD, _LONGEST_RAD))
