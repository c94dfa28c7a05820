"""Sampled feedback loops: how far one is from instability.

A loop is broken where its controller hands over to its plant; L is what comes back for what
is sent, sign included, so that the closed loop is 1 / (1 + L). From L on the unit circle

    gain margin     how much L may grow, or shrink, before |L| = 1 meets arg L = -180 degrees
    phase margin    180 degrees + arg L where |L| = 1
    M_s             the largest |1 / (1 + L)|: 1 / M_s is the distance of L from -1

Source: Astrom and Murray, Feedback Systems, Princeton 2008, ch. 9 and 12.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

__all__ = ["Margins", "StateSpace", "margins"]

FloatArray = NDArray[np.float64]

POINTS = 2000
"""Frequencies looked at; crossings are interpolated between them."""

LOWEST_RAD_PER_S = 1e-4

TINY = 1e-300
"""In place of zero where nothing comes back."""

NEARLY = 1e-3
"""Turns from -180 degrees within which L counts as real where its frequencies end."""


@dataclass(frozen=True, eq=False)
class StateSpace:
    """x' = A x + B u, y = C x + D u: of one input, of one output, from sample to sample.

    Attributes:
        A: shape (n, n).
        B: shape (n,).
        C: shape (n,).
        D: what goes straight through.
        step_s: sampling period, s.
    """

    A: FloatArray
    B: FloatArray
    C: FloatArray
    D: float
    step_s: float

    @classmethod
    def held(
        cls, rate: FloatArray, drive: FloatArray, output: FloatArray, step_s: float
    ) -> "StateSpace":
        """dx/dt = rate x + drive u, y = output x, with u held between the samples."""
        n = len(drive)
        block = np.zeros((n + 1, n + 1))
        block[:n, :n], block[:n, n] = rate, drive
        power = scipy.linalg.expm(block * step_s)
        return cls(power[:n, :n], power[:n, n], np.asarray(output, float), 0.0, step_s)

    @classmethod
    def delay(cls, steps: int, step_s: float) -> "StateSpace":
        """A delay of whole samples."""
        first, last = np.eye(1, steps, 0)[0], np.eye(1, steps, steps - 1)[0]
        return cls(np.eye(steps, k=-1), first, last, 0.0 if steps else 1.0, step_s)

    def then(self, after: "StateSpace") -> "StateSpace":
        """This system, and `after` behind it."""
        A = scipy.linalg.block_diag(self.A, after.A)
        A[len(self.B) :, : len(self.B)] = np.outer(after.B, self.C)
        B = np.concatenate([self.B, after.B * self.D])
        C = np.concatenate([after.D * self.C, after.C])
        return StateSpace(A, B, C, self.D * after.D, self.step_s)

    def response(self, omega_rad_per_s: FloatArray) -> NDArray[np.complex128]:
        """Frequency response at some frequencies up to pi / step_s, shape (frequencies,)."""
        z = np.exp(1j * np.asarray(omega_rad_per_s) * self.step_s)
        shifted = z[:, None, None] * np.eye(len(self.B)) - self.A
        states = np.linalg.solve(shifted, self.B[:, None].astype(complex))[..., 0]
        return np.asarray(states @ self.C + self.D, np.complex128)

    def closed_radius(self) -> float:
        """Largest pole of the closed loop 1 / (1 + L); it is stable below 1."""
        closed = self.A - np.outer(self.B, self.C) / (1.0 + self.D)
        return float(np.abs(np.linalg.eigvals(closed)).max(initial=0.0))


class Margins(NamedTuple):
    """How far a loop is from instability."""

    stable: bool
    gain_db: float
    """The loop's gain may grow by so much, dB; infinite if any growth is borne."""
    gain_reduction_db: float
    """The loop's gain may fall by so much, dB; infinite if any fall is borne."""
    phase_deg: float
    """Phase margin, degrees."""
    sensitivity: float
    """M_s, 1 or more."""
    crossover_rad_s: float
    """Highest frequency at which |L| = 1, rad/s; 0 if there is none."""

    @property
    def delay_s(self) -> float:
        """Further delay that the loop bears at its crossover, s."""
        return float(np.radians(self.phase_deg)) / max(self.crossover_rad_s, LOWEST_RAD_PER_S)


def margins(loop: StateSpace) -> Margins:
    """Margins of a loop, from its open-loop system L."""
    omega = np.geomspace(LOWEST_RAD_PER_S, np.pi / loop.step_s, POINTS)
    L = loop.response(omega)
    log_gain, phase = np.log(np.maximum(np.abs(L), TINY)), np.unwrap(np.angle(L))
    gains = 20.0 / np.log(10.0) * _turns_back(log_gain, phase)
    at, phases = _crossings(np.log(omega), log_gain, phase)
    return Margins(
        stable=loop.closed_radius() < 1.0,
        gain_db=float(-gains[gains <= 0.0].max(initial=-np.inf)),
        gain_reduction_db=float(gains[gains > 0.0].min(initial=np.inf)),
        phase_deg=float(np.degrees(_from_minus_180(phases)).min(initial=180.0)),
        sensitivity=float(np.max(1.0 / np.abs(1.0 + L))),
        crossover_rad_s=float(np.exp(at[-1])) if at.size else 0.0,
    )


def _turns_back(log_gain: FloatArray, phase: FloatArray) -> FloatArray:
    """log |L| wherever L is real and negative, at either end of the frequencies too."""
    turns = (phase + np.pi) / (2.0 * np.pi)
    ends = log_gain[[0, -1]][np.abs(turns - np.round(turns))[[0, -1]] < NEARLY]
    before, after = turns[:-1], turns[1:]
    hit = np.flatnonzero(np.floor(before) != np.floor(after))
    whole = np.maximum(np.floor(before), np.floor(after))[hit]
    share = (whole - before[hit]) / (after - before)[hit]
    return np.concatenate([ends, log_gain[hit] + share * np.diff(log_gain)[hit]])


def _crossings(
    log_omega: FloatArray, log_gain: FloatArray, phase: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """(log frequency, phase) wherever |L| = 1."""
    hit = np.flatnonzero(np.sign(log_gain[:-1]) != np.sign(log_gain[1:]))
    share = log_gain[hit] / (log_gain[hit] - log_gain[hit + 1])
    return (
        log_omega[hit] + share * np.diff(log_omega)[hit],
        phase[hit] + share * np.diff(phase)[hit],
    )


def _from_minus_180(phase: FloatArray) -> FloatArray:
    """Distance of phases from -180 degrees, on the way round that is shorter, rad."""
    return np.asarray(np.abs((phase + 2.0 * np.pi) % (2.0 * np.pi) - np.pi), np.float64)
