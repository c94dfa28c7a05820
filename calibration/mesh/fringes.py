"""Fringes in the transfer matrix: what one heater turns, and by how much per volt.

Every shifter sits on one arm, so its phase enters the transfer matrix through a single
rank-one term:

    M(psi) = A + B e^{j psi},   B = (arm to outputs) (inputs to arm)^T

A sweep of one heater therefore draws a circle along the one direction B. The direction
tells where in the mesh the shifter sits, the angle on the circle its drive law.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from calibration.mesh.ends import Ends
from lumina.theory.drive import self_heated, without_self_heating

__all__ = ["Fringes", "Sweeps", "fit_fringes"]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

_TYPICAL_CURVATURE = 0.08
"""Share of the drive's square that self-heating costs at 2 pi: by its material, 2 to 20 %."""

_GAIN_SPREAD, _CURVATURE_SPREAD = 0.1, 0.08
"""Spreads that hold the fit where a fringe is faint; generous against what is made."""

_BY_CHANCE = 10.0
"""Sigmas of the noise's own power below which no change is taken for one."""

_ROUNDS = 8
"""Iterations towards the direction of a fringe."""


class Sweeps(NamedTuple):
    """Sweeps of some heaters, one at a time, about a common base setting."""

    channel: NDArray[np.int64]
    """Shape (heaters,): the shifters swept."""
    base_square_v2: FloatArray
    """Shape (heaters,): squared drive of each at the base, in V^2."""
    square_v2: FloatArray
    """Shape (points,): squared drives of every sweep, in V^2."""
    base: ComplexArray
    """Shape (ports, ports): the transfer matrix at the base."""
    transfer: ComplexArray
    """Shape (heaters, points, ports, ports)."""
    noise: float
    """Rms noise of one element of `transfer`, of full scale."""
    base_noise: float = 0.0
    """The same of `base`."""


class Fringes(NamedTuple):
    """What the sweeps of heaters show; the first axis is the heater."""

    channel: NDArray[np.int64]
    """Shape (heaters,)."""
    output_pattern: ComplexArray
    """Shape (heaters, ports), unit norm: from the shifter's arm to the outputs."""
    input_pattern: ComplexArray
    """Shape (heaters, ports), unit norm: from the inputs to the shifter's arm."""
    phasor: ComplexArray
    """Shape (heaters,): B = phasor output_pattern input_pattern^T."""
    phase_gain_rad_per_v2: FloatArray
    """Shape (heaters,), in rad/V^2."""
    curvature_per_v2: FloatArray
    """Shape (heaters,), in 1/V^2."""
    visibility: FloatArray
    """Shape (heaters,): share of the change, noise removed, that is this circle."""
    visibility_sigma: FloatArray
    """Shape (heaters,): one sigma of that, by noise alone."""
    uncertainty_rad: FloatArray
    """Shape (heaters,): one sigma of the phase, in rad."""

    def own_phases_rad(self, drive_v: FloatArray) -> FloatArray:
        """Own phases, shape (heaters,), in rad, at these drives in V."""
        return self.phase_gain_rad_per_v2 * self_heated(drive_v**2, self.curvature_per_v2)

    def drives_v(self, own_phase_rad: FloatArray) -> FloatArray:
        """Drives, shape (heaters,), in V, for these own phases of 0 rad or more."""
        heated = own_phase_rad / self.phase_gain_rad_per_v2
        return np.sqrt(without_self_heating(heated, self.curvature_per_v2))

    def between(self, ends: Ends) -> "Fringes":
        """The same with patterns as they are between the ports."""
        output, inward = self.output_pattern / ends.output, self.input_pattern / ends.input
        size = np.linalg.norm(output, axis=1), np.linalg.norm(inward, axis=1)
        return self._replace(
            output_pattern=output / size[0][:, None],
            input_pattern=inward / size[1][:, None],
            phasor=self.phasor * size[0] * size[1],
        )

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> "Fringes":
        """The fringes of several groups of heaters, in the order of their channels."""
        together = Fringes(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
        return together.taken(np.argsort(together.channel))

    def taken(self, at: NDArray[np.int64]) -> "Fringes":
        """Some of them, or all in another order."""
        columns: Any = (column[at] for column in self)
        return Fringes(*columns)

    def replaced(self, others: Self) -> "Fringes":
        """These with those of the same channels from `others` in their place."""
        kept = np.flatnonzero(~np.isin(self.channel, others.channel))
        return Fringes.joined([self.taken(kept), others])

    def filled(self, channels: int) -> "Fringes":
        """Of every channel in order; of those that are missing, as if nothing were seen."""
        missing = np.setdiff1d(np.arange(channels), self.channel)
        nothing = self.taken(np.zeros(len(missing), np.int64))
        dark = np.zeros(len(missing))
        return Fringes.joined(
            [self, nothing._replace(channel=missing, phasor=dark.astype(complex), visibility=dark)]
        )


def fit_fringes(sweeps: Sweeps, nominal_phase_rad_per_v2: float) -> Fringes:
    """Find direction, circle and drive law of every swept heater.

    Args:
        sweeps: three points or more besides the base.
        nominal_phase_rad_per_v2: data-sheet phase per squared volt, where the fit starts.
    """
    change = sweeps.transfer - sweeps.base
    output, inputs = _rank_one_direction(change)
    along = np.einsum("hn,hknm,hm->hk", output.conj(), change, inputs.conj())
    phasor, gain, curvature = _fit_circles(sweeps, along, nominal_phase_rad_per_v2)
    points, elements = along.shape[1], sweeps.base.size
    variance, base_variance = sweeps.noise**2, sweeps.base_noise**2
    noise_power = points * elements * (variance + base_variance)
    whole = np.sum(np.abs(change) ** 2, axis=(1, 2, 3)) - noise_power
    chance = np.sqrt(elements) * np.hypot(np.sqrt(points) * variance, points * base_variance)
    turned = np.sum(np.abs(_circle(sweeps, phasor, gain, curvature)) ** 2, axis=1)
    radius = np.maximum(np.abs(phasor), sweeps.noise)
    return Fringes(
        channel=sweeps.channel,
        output_pattern=output,
        input_pattern=inputs,
        phasor=phasor,
        phase_gain_rad_per_v2=gain,
        curvature_per_v2=curvature,
        # Where nothing but noise is left there is no fringe, whatever fits the noise.
        visibility=turned / np.maximum(whole, _BY_CHANCE * chance),
        visibility_sigma=np.hypot(chance, np.sqrt(2.0 * turned * variance))
        / np.maximum(turned, np.finfo(float).tiny),
        uncertainty_rad=sweeps.noise / np.sqrt(2.0 * points) / radius,
    )


def _rank_one_direction(change: ComplexArray) -> tuple[ComplexArray, ComplexArray]:
    """Unit output and input patterns of the direction in which each sweep moves."""
    heaters, points, ports, _ = change.shape
    flat = change.reshape(heaters, points, -1)
    _, vectors = np.linalg.eigh(flat @ flat.conj().transpose(0, 2, 1))
    strongest = np.einsum("hk,hke->he", vectors[:, :, -1].conj(), flat)
    return _leading(strongest.reshape(heaters, ports, ports))


def _leading(matrix: ComplexArray) -> tuple[ComplexArray, ComplexArray]:
    """Leading singular vectors of nearly rank-one matrices, left and right, by iteration.

    Each round gains the square of what noise has beside the fringe, a factor of 10 or more.
    """
    brightest = np.argmax(np.sum(np.abs(matrix) ** 2, axis=2), axis=1)
    right = matrix[np.arange(len(matrix)), brightest].conj()
    for _ in range(_ROUNDS):
        left = _unit((matrix @ right[:, :, None])[:, :, 0])
        right = _unit((matrix.conj().transpose(0, 2, 1) @ left[:, :, None])[:, :, 0])
    return left, right.conj()


def _unit(rows: ComplexArray) -> ComplexArray:
    size = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(size, np.finfo(float).tiny))


def _circle(
    sweeps: Sweeps, phasor: ComplexArray, gain: FloatArray, curvature: FloatArray
) -> ComplexArray:
    """Points of each sweep on its circle, seen from the base; shape (heaters, points)."""
    heated, base = _heated(sweeps, curvature)
    turn = np.exp(1j * gain[:, None] * heated) - np.exp(1j * gain * base)[:, None]
    circle: ComplexArray = phasor[:, None] * turn
    return circle


def _heated(sweeps: Sweeps, curvature: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Self-heated squares of the sweep's points and of the base, in V^2."""
    heated = self_heated(sweeps.square_v2[None, :], curvature[:, None])
    return heated, self_heated(sweeps.base_square_v2, curvature)


def _fit_circles(
    sweeps: Sweeps, along: ComplexArray, nominal: float
) -> tuple[ComplexArray, FloatArray, FloatArray]:
    """Phasor, gain and curvature of each circle by Gauss-Newton from the data sheet."""
    unit = nominal / (2.0 * np.pi)
    gain = np.full(along.shape[0], nominal)
    curvature = np.full(along.shape[0], _TYPICAL_CURVATURE * unit)
    turn = _circle(sweeps, np.ones(along.shape[0], complex), gain, curvature)
    phasor = np.sum(turn.conj() * along, axis=1) / np.sum(np.abs(turn) ** 2, axis=1)
    for _ in range(6):
        step = _circle_step(sweeps, along, phasor, gain, curvature, (nominal, unit))
        phasor = phasor + step[:, 0] + 1j * step[:, 1]
        gain = gain + step[:, 2] * nominal
        curvature = np.maximum(curvature + step[:, 3] * unit, 0.0)
    return phasor, gain, curvature


def _circle_step(
    sweeps: Sweeps,
    along: ComplexArray,
    phasor: ComplexArray,
    gain: FloatArray,
    curvature: FloatArray,
    units: tuple[float, float],
) -> FloatArray:
    """One Gauss-Newton step of (Re phasor, Im phasor, gain, curvature), shape (heaters, 4).

    Gain and curvature count in `units` and are held by their spreads, so that a heater
    without a fringe keeps the data sheet's values.
    """
    heated, base = _heated(sweeps, curvature)
    turn, start = np.exp(1j * gain[:, None] * heated), np.exp(1j * gain * base)[:, None]
    bent = -(heated**2) / (1.0 + 2.0 * curvature[:, None] * heated)
    base_bent = -(base**2) / (1.0 + 2.0 * curvature * base)
    by_gain = heated * turn - base[:, None] * start
    by_curvature = gain[:, None] * (bent * turn - base_bent[:, None] * start)
    lever = 1j * phasor[:, None]
    slopes = [turn - start, 1j * (turn - start), lever * by_gain * units[0]]
    columns = np.stack([*slopes, lever * by_curvature * units[1]], axis=2)
    rest = along - phasor[:, None] * (turn - start)
    normal = np.real(columns.conj().transpose(0, 2, 1) @ columns)
    pull = np.real(np.einsum("hkc,hk->hc", columns.conj(), rest))
    hold = sweeps.noise**2 / 2.0 / np.array([1.0, 1.0, _GAIN_SPREAD, _CURVATURE_SPREAD]) ** 2
    drift = np.stack([gain / units[0] - 1.0, curvature / units[1] - _TYPICAL_CURVATURE], axis=1)
    pull[:, 2:] -= hold[2:] * drift
    step: FloatArray = np.linalg.solve(normal + np.diag(hold), pull[:, :, None])[:, :, 0]
    return step
