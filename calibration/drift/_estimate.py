"""How far each phase and each receiver has moved, from a few random settings.

A phase offset enters the transfer matrix through one rank-one term, a receiver's gain
through one row, so a dozen matrices of 2 N^2 numbers each tell the N^2 or so phases and N
gains apart. The step is that of Gauss and Newton, held by how far a channel may have gone;
the same normal matrix gives each channel's uncertainty.

Phases commute through the attenuators of an "svd" chip: what the last phases of its first
mesh do, phases of its last mesh could do as well. Such a drift is put down to the last mesh;
the matrices are the same.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from calibration.mesh.elements import point_at, slopes_by_phase
from calibration.mesh.refine import Snapshot
from calibration.result import ChipCalibration
from lumina.theory.mesh import MeshArchitecture

__all__ = ["Drift", "estimate_drift"]

FloatArray = NDArray[np.float64]

_PHASE_SPREAD_RAD, _GAIN_SPREAD = 0.5, 0.3
"""How far, one sigma, a phase and the logarithm of a receiver's gain may have moved."""

_STEPS = 8


class Drift(NamedTuple):
    """What has moved since a calibration, each with one sigma."""

    phase_rad: FloatArray
    """Shape (shifters,): phase offset now, less the calibration's, in rad."""
    phase_sigma_rad: FloatArray
    """Shape (shifters,). Large where a channel cannot be told from others."""
    output_gain: FloatArray
    """Shape (ports,): each receiver's amplitude, relative to the calibration's."""
    output_sigma: FloatArray
    """Shape (ports,)."""


class _Equations(NamedTuple):
    """Normal equations of the unknowns: phases, then logarithms of the receivers' gains."""

    normal: FloatArray
    pull: FloatArray
    missed: float
    """Mean square of what the model misses, per matrix element."""


def estimate_drift(
    known: ChipCalibration,
    snapshots: Sequence[Snapshot],
    noise: float,
    channels: NDArray[np.int64] | None = None,
) -> Drift:
    """Estimate the drift that explains what was seen.

    Args:
        known: the chip as it was calibrated.
        snapshots: settings and what was seen there.
        noise: rms noise of one element of a snapshot, of full scale, together with what the
            model missed when it was new.
        channels: shifters that may have moved; all by default.
    """
    shifters, ports = known.architecture.shifters, known.architecture.ports
    free = _distinct(known.architecture) if channels is None else channels
    spread = np.concatenate([np.full(len(free), _PHASE_SPREAD_RAD), np.full(ports, _GAIN_SPREAD)])
    drift, log_gain = np.zeros(shifters), np.zeros(ports)
    variance = 0.5 * noise**2
    for _ in range(_STEPS):
        equations = _equations(known, drift, log_gain, snapshots, free)
        # While the model is off, its own error counts as noise: nothing strays far for it.
        held = max(variance, 0.05 * equations.missed) / spread**2
        pull = equations.pull - held * np.concatenate([drift[free], log_gain])
        step = cho_solve(cho_factor(equations.normal + np.diag(held)), pull)
        drift[free] += step[: len(free)]
        log_gain += step[len(free) :]
    normal = _equations(known, drift, log_gain, snapshots, free).normal / variance
    sigma = np.sqrt(np.diag(np.linalg.inv(normal + np.diag(spread**-2.0))))
    phase_sigma = np.full(shifters, _PHASE_SPREAD_RAD)
    phase_sigma[free] = sigma[: len(free)]
    gain = np.exp(log_gain)
    return Drift(drift, phase_sigma, gain, gain * sigma[len(free) :])


def _distinct(architecture: MeshArchitecture) -> NDArray[np.int64]:
    """The shifters whose phases can be told from all others'."""
    ports, every = architecture.ports, np.arange(architecture.shifters)
    if architecture.kind != "svd":
        return every
    return np.delete(every, np.arange(ports * (ports - 1), ports**2))


def _equations(
    known: ChipCalibration,
    drift_rad: FloatArray,
    log_gain: FloatArray,
    snapshots: Sequence[Snapshot],
    free: NDArray[np.int64],
) -> _Equations:
    """Linearise the model of a chip that has moved so far about what was seen."""
    moved, ports = replace(known, phi0_rad=known.phi0_rad + drift_rad), len(log_gain)
    size = len(free) + ports
    normal, pull, missed = np.zeros((size, size)), np.zeros(size), 0.0
    scale = np.exp(log_gain)[:, None]
    for snapshot in snapshots:
        point = point_at(moved, snapshot.drive_v, snapshot.die_c)
        told = scale * point.transfer
        by_phase = (scale * slopes_by_phase(point, free)).reshape(len(free), -1)
        by_gain = np.zeros((ports, ports, ports), complex)
        by_gain[np.arange(ports), np.arange(ports)] = told
        slopes = np.concatenate([by_phase, by_gain.reshape(ports, -1)])
        rest = (snapshot.transfer - told).ravel()
        real = slopes.view(float)
        normal += real @ real.T
        pull += real @ rest.view(float)
        missed += float(np.mean(np.abs(rest) ** 2)) / len(snapshots)
    return _Equations(normal, pull, missed)
