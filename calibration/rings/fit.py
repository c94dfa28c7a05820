"""Fit a bank's model to what was seen of it, by Gauss-Newton.

Each look at a setting shows the weight of every channel in every row. Rows do not see one
another's rings but for the heat that passes between them, so the equations are made row by
row and solved together.
"""

from collections.abc import Sequence
from dataclasses import replace
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from calibration.heaters import own_phases_rad
from calibration.neighbours import Neighbours
from calibration.rings.result import BankCalibration
from lumina.theory.rings import slopes_of_row

__all__ = ["BankFit", "Look", "Unknown", "predicted", "rms_error"]

FloatArray = NDArray[np.float64]


class Unknown(IntEnum):
    """What is fitted, in this order: seven of every ring, a gain per row, the crosstalk."""

    PHI0 = 0
    PHASE_GAIN = 1
    CURVATURE = 2
    TEMPCO = 3
    WIDTH = 4
    PEAK = 5
    DIP = 6
    ROW_GAIN = 7
    CROSSTALK = 8


DRIVEN = 7
"""Unknowns of every ring."""

SIGMA = np.array([0.5, 0.1, 0.08, 0.02, 0.1, 0.05, 0.03, 0.2, 0.005])
"""One sigma of each about the first guess: rad, relative, of gain / 2 pi, rad/K; relative,
shares; relative; phase per phase."""

LEAST_DAMPING, ATTEMPTS = 1e-3, 6


class Look(NamedTuple):
    """One setting and what was seen there."""

    drive_v: FloatArray
    """Shape (shifters,), in V."""
    die_c: float
    seen: FloatArray
    """Shape (rows, channels): readings, of the receivers' full scale."""
    repeats: int = 1
    """Measurements that `seen` is the mean of."""


def _states(bank: BankCalibration, looks: Sequence[Look]) -> tuple[FloatArray, FloatArray]:
    """Own phases and round-trip phases of every look, each of shape (looks, shifters)."""
    own = own_phases_rad(bank, np.stack([look.drive_v for look in looks]))
    warming = np.array([look.die_c for look in looks]) - bank.reference_die_c
    drift = warming[:, None] * bank.tempco_rad_per_k
    return own, bank.phi0_rad + own @ bank.crosstalk.T + drift


def predicted(bank: BankCalibration, looks: Sequence[Look]) -> FloatArray:
    """Readings that the model expects, shape (looks, rows, channels)."""
    ports = bank.architecture.ports
    _, theta = _states(bank, looks)
    rows = [
        bank.row_gain[row]
        * slopes_of_row(bank.rings, row, theta[:, row * ports : (row + 1) * ports]).weight
        for row in range(ports)
    ]
    return np.stack(rows, axis=1)


def rms_error(bank: BankCalibration, looks: Sequence[Look], noise: float) -> float:
    """Rms error of the predicted weights, with the looks' noise removed.

    Args:
        bank: the bank as known.
        looks: settings that the fit has not seen.
        noise: rms noise of one reading of one measurement, of full scale.
    """
    missed = predicted(bank, looks) - np.stack([look.seen for look in looks])
    square = np.mean((missed / bank.row_gain[:, None]) ** 2)
    scatter = float(np.mean([1.0 / look.repeats for look in looks])) * noise**2
    spread = float(square) - scatter * float(np.mean(1.0 / bank.row_gain**2))
    return float(np.sqrt(max(spread, 0.0)))


class BankFit:
    """A bank's model on its way from a first guess to what the looks say.

    Attributes:
        bank: the model as it stands.
    """

    def __init__(self, guess: BankCalibration, noise: float) -> None:
        """Start from a guess.

        Args:
            guess: the model to depart from.
            noise: rms noise of one reading of one measurement, of full scale.
        """
        self.bank = guess
        self._noise, self._damping = noise, 0.0
        self._neighbours = Neighbours.of(guess.architecture)
        self._first = guess
        self._moved = np.zeros(self._sigmas().size)

    def step(self, looks: Sequence[Look], free: Sequence[Unknown] = tuple(Unknown)) -> float:
        """One Levenberg-Marquardt step; returns the rms missed before it, of full scale.

        A step that makes matters worse is taken back and tried shorter.

        Args:
            looks: what was seen.
            free: what is fitted; all else stays as it is.
        """
        normal, pull, missed = self._equations(looks)
        # While the model is off, its own error counts as noise: nothing strays far for it.
        weight = 1.0 / max(self._noise**2, 0.3 * missed)
        sigma, before, told = self._sigmas(), self._moved, self._cost(looks, weight)
        moving = np.flatnonzero(np.isin(self._kinds(), free))
        matrix = (weight * normal * np.outer(sigma, sigma))[np.ix_(moving, moving)]
        matrix[np.diag_indices_from(matrix)] += 1.0
        rest = (weight * pull * sigma - before)[moving]
        for _ in range(ATTEMPTS):
            damped = matrix + np.diag(self._damping * matrix.diagonal())
            moved = before.copy()
            moved[moving] += cho_solve(cho_factor(damped, overwrite_a=True), rest)
            self._move(moved)
            if self._cost(looks, weight) <= told:
                self._damping *= 0.1
                break
            self._damping = max(10.0 * self._damping, LEAST_DAMPING)
            self._move(before)
        return float(np.sqrt(missed))

    def phase_uncertainty_rad(self, looks: Sequence[Look]) -> FloatArray:
        """One sigma of phi0, shape (shifters,), in rad, all else being fitted as well.

        What is left beyond the noise, where the model is not quite this bank, counts as noise.

        Args:
            looks: what was seen, and the model was fitted to.
        """
        normal, _, missed = self._equations(looks)
        repeats = float(np.mean([look.repeats for look in looks]))
        square = max(self._noise**2, repeats * missed)
        normal = normal / square + np.diag(self._sigmas() ** -2.0)
        rings = np.flatnonzero(self._kinds() == Unknown.PHI0)
        known = cho_solve(cho_factor(normal), np.eye(len(normal))[:, rings])
        return np.sqrt(known[rings, np.arange(rings.size)])

    def _cost(self, looks: Sequence[Look], weight: float) -> float:
        """What the fit makes small: squares missed, and squares of unknowns in their sigmas."""
        rest = predicted(self.bank, looks) - np.stack([look.seen for look in looks])
        repeats = np.array([look.repeats for look in looks], float)
        missed = float(repeats @ np.sum(rest**2, axis=(1, 2)))
        return weight * missed + float(self._moved @ self._moved)

    def _kinds(self) -> NDArray[np.int64]:
        """Which `Unknown` each of the unknowns is."""
        bank = self._first.architecture
        counts = [bank.shifters] * DRIVEN + [bank.ports, self._neighbours.count]
        return np.repeat(np.arange(len(Unknown)), counts)

    def _sigmas(self) -> FloatArray:
        """One sigma of every unknown in the units of `_equations`."""
        return SIGMA[self._kinds()]

    def _equations(self, looks: Sequence[Look]) -> tuple[FloatArray, FloatArray, float]:
        """Normal matrix and pull of all unknowns, and the mean square missed."""
        ports, size = self.bank.architecture.ports, self._moved.size
        own, theta = _states(self.bank, looks)
        warming = np.array([look.die_c for look in looks]) - self.bank.reference_die_c
        believed = np.repeat([float(look.repeats) for look in looks], ports)
        warmth = self._neighbours.warmth(own)
        normal, pull, missed = np.zeros((size, size)), np.zeros(size), 0.0
        for row in range(ports):
            mine = slice(row * ports, (row + 1) * ports)
            columns, slopes, weight = self._row(row, own, theta, warming, warmth[..., mine])
            seen = np.stack([look.seen[row] for look in looks])
            rest = (seen - self.bank.row_gain[row] * weight).ravel()
            weighed = slopes * believed[:, None]
            normal[np.ix_(columns, columns)] += slopes.T @ weighed
            pull[columns] += weighed.T @ rest
            missed += float(believed @ rest**2) / believed.sum() / ports
        return normal, pull, missed

    def _row(
        self, row: int, own: FloatArray, theta: FloatArray, warming: FloatArray, warmth: FloatArray
    ) -> tuple[NDArray[np.int64], FloatArray, FloatArray]:
        """Unknowns that a row depends on, slopes of its readings by them, and its weights."""
        bank, ports = self.bank, self.bank.architecture.ports
        count = bank.architecture.shifters
        rings = np.arange(row * ports, (row + 1) * ports)
        at = slopes_of_row(bank.rings, row, theta[:, rings])
        psi = own[:, rings]
        heated = psi / bank.phase_gain_rad_per_v2[rings]
        bend = -(psi**2) / (2.0 * np.pi * (1.0 + 2.0 * bank.curvature_per_v2[rings] * heated))
        by_ring = [
            at.by_phase,
            at.by_phase * psi[:, None, :],
            at.by_phase * bend[:, None, :],
            at.by_phase * warming[:, None, None],
            at.by_log_width,
            at.by_peak,
            at.by_dip,
        ]
        by_crosstalk = np.einsum("lij,klj->lik", at.by_phase, warmth)
        stacked = np.concatenate([*by_ring, at.weight[..., None], by_crosstalk], axis=-1)
        blocks = np.arange(DRIVEN)[:, None] * count + rings
        last = DRIVEN * count
        shared = last + ports + np.arange(self._neighbours.count)
        columns = np.concatenate([blocks.ravel(), [last + row], shared])
        slopes = bank.row_gain[row] * stacked.reshape(-1, stacked.shape[-1])
        return columns, slopes, at.weight

    def _move(self, moved: FloatArray) -> None:
        """Put every unknown at so many of its sigmas from the first guess."""
        self._moved = moved
        first, ports = self._first, self._first.architecture.ports
        each, shared = np.split(moved * self._sigmas(), [DRIVEN * first.architecture.shifters])
        phi0, gain, curvature, tempco, width, peak, dip = each.reshape(DRIVEN, -1)
        unit = first.phase_gain_rad_per_v2 / (2.0 * np.pi)
        self.bank = replace(
            first,
            phi0_rad=first.phi0_rad + phi0,
            phase_gain_rad_per_v2=first.phase_gain_rad_per_v2 * np.exp(gain),
            curvature_per_v2=np.maximum(first.curvature_per_v2 + curvature * unit, 0.0),
            tempco_rad_per_k=first.tempco_rad_per_k + tempco,
            width_rad=first.width_rad * np.exp(width),
            peak=np.clip(first.peak + peak, 0.0, 1.0),
            dip=np.clip(first.dip + dip, 0.0, 0.9),
            row_gain=first.row_gain * np.exp(shared[:ports]),
            crosstalk=np.eye(len(phi0)) + self._neighbours.matrix(shared[ports:]),
        )
