"""From a matrix to the own phases that make this chip compute it.

    decomposition   phases of a perfect chip
    correction      phases of this one, with its coupler errors (`lumina.theory.coupler_correction`)
    refinement      a Gauss-Newton step or two on the whole model, for what is out of reach
    compensation    own phases that give those phases in spite of offsets and crosstalk

Each own phase is taken on a turn that starts a little above zero, so that phase compensation
has room to take away as well as to add.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cho_factor, cho_solve

from calibration.heaters import own_phases_rad
from calibration.model import mean_path_amplitude
from calibration.result import ChipCalibration
from lumina.errors import MatrixError
from lumina.theory.coupler_correction import corrected_phases
from lumina.theory.decompositions import rectangular_phases, svd_phases, triangular_phases
from lumina.theory.mesh import MeshArrays
from lumina.theory.mesh_derivatives import TransferFactors, transfer_factors
from lumina.theory.mesh_kernels import Couplers, couplers, transfer

__all__ = ["own_phases_for"]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

_LEAST_HEADROOM_RAD = 0.1
"""Own phase that compensation can always take away, in rad."""

_EXCURSION_K = 5.0
"""Drift of the die, either way, that compensation can follow without saturating, in K."""

_ORDERS = 8
"""Orders of the singular values that are tried on an "svd" chip."""

_GOOD_ENOUGH = 3e-3
"""Relative error of the model's matrix at which refinement ends; no chip is known better."""

_MOST_STEPS = 1
"""Gauss-Newton steps; what they leave is out of the chip's reach."""

_DAMPING = 1e-3
"""Squared slope, relative to a shifter that turns all light, below which a shifter rests."""


_ROUNDS = 8
"""Rounds of crosstalk compensation; each gains a factor of ten or more."""


def own_phases_for(matrix: ArrayLike, calibration: ChipCalibration) -> FloatArray:
    """Own phases, shape (shifters,), in rad, with which the chip computes a matrix.

    The receivers then see `calibration.gain` times the matrix.

    Args:
        matrix: shape (ports, ports), real or complex; of spectral norm 1 or less for an
            "svd" chip, unitary for the others.
        calibration: the chip.

    Raises:
        MatrixError: a matrix that this chip cannot compute.
    """
    architecture, amplitude = calibration.architecture, calibration.interferometer_amplitude
    wanted = np.array(matrix, np.complex128)
    if wanted.shape != (architecture.ports, architecture.ports):
        allowed = (architecture.ports, architecture.ports)
        raise MatrixError(f"shape {wanted.shape} (allowed: {allowed}, the chip's ports)")
    arrays = architecture.arrays()
    chip = couplers(architecture, calibration.splitter_error_rad, amplitude)
    target = wanted * mean_path_amplitude(architecture, amplitude)
    starts = [corrected_phases(arrays, chip, phase) for phase in _candidates(wanted, calibration)]
    best = min(starts, key=lambda phase: _miss(arrays, chip, phase, target))
    return _compensated(_refined(arrays, chip, best, target), calibration)


def _candidates(wanted: ComplexArray, calibration: ChipCalibration) -> Iterator[FloatArray]:
    """Phases with which a perfect chip computes the matrix.

    An "svd" chip may take the singular values in any order. Which splitting ratios that
    asks for, and so which of them this chip's couplers cannot reach, is another each time.
    """
    kind, ports = calibration.architecture.kind, calibration.architecture.ports
    if kind != "svd":
        yield (rectangular_phases if kind == "unitary" else triangular_phases)(wanted)
        return
    in_order = svd_phases(wanted)  # refuses what no chip can compute
    yield in_order
    u, singular, v = np.linalg.svd(wanted)
    theta = 2.0 * np.arcsin(np.minimum(singular, 1.0))
    turned = np.exp(-0.5j * (np.pi + theta))[:, None] * v
    rng = np.random.default_rng(ports)
    for _ in range(_ORDERS - 1):
        order = rng.permutation(ports)
        first, last = rectangular_phases(turned[order]), rectangular_phases(u[:, order])
        yield np.concatenate([first, theta[order], last])


def _miss(arrays: MeshArrays, chip: Couplers, phase_rad: FloatArray, target: ComplexArray) -> float:
    return float(np.linalg.norm(transfer(arrays, chip, phase_rad) - target))


def _refined(
    arrays: MeshArrays, chip: Couplers, phase_rad: FloatArray, target: ComplexArray
) -> FloatArray:
    """Phases at which the model comes closest to the target, near those given."""
    enough = _GOOD_ENOUGH * float(np.linalg.norm(target))
    miss = _miss(arrays, chip, phase_rad, target)
    for _ in range(_MOST_STEPS):
        if miss <= enough:
            break
        factors = transfer_factors(arrays, chip, phase_rad)
        moved = phase_rad + _least_squares(factors, target - factors.transfer)
        moved_miss = _miss(arrays, chip, moved, target)
        if moved_miss >= miss:
            break
        phase_rad, miss = moved, moved_miss
    return phase_rad


def _least_squares(factors: TransferFactors, rest: ComplexArray) -> FloatArray:
    """Small phase changes, shape (shifters,), that make up for `rest` as far as they can.

    dM = sum_i dphase_i outer(out_i, in_i): products of slopes are products of products.
    """
    out, inward = factors.shifter_out, factors.shifter_in
    normal = ((out.conj() @ out.T) * (inward.conj() @ inward.T)).real
    normal[np.diag_indices_from(normal)] += _DAMPING
    pull = np.sum((out.conj() @ rest) * inward.conj(), axis=1).real
    step: FloatArray = cho_solve(cho_factor(normal, overwrite_a=True), pull)
    return step


def _compensated(phase_rad: FloatArray, calibration: ChipCalibration) -> FloatArray:
    """Own phases that add up, with all crosstalk, to these phases.

    Each lies on the turn that starts at its headroom, or a turn below where the heater does
    not reach as far. Crosstalk is weak, so correcting for what came out converges quickly.
    """
    turn = 2.0 * np.pi
    wanted = phase_rad - calibration.phi0_rad
    lowest = _LEAST_HEADROOM_RAD + _EXCURSION_K * np.abs(calibration.tempco_rad_per_k)
    own = wanted
    limit = own_phases_rad(calibration, np.full(len(wanted), calibration.max_drive_v))
    for _ in range(_ROUNDS):
        own = wanted - (calibration.crosstalk @ own - own)
        own = (own - lowest) % turn + lowest
        own = np.where(own > limit, own - turn, own)
    return np.maximum(own, 0.0)
