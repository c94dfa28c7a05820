"""From a matrix to the own phases that make this chip compute it.

    decomposition   phases of a perfect chip, of those that are alike the ones that cost least
    correction      phases of this one, with its coupler errors
                    (`lumina.theory.coupler_correction`)
    refinement      Gauss-Newton steps on the whole model, for what is out of reach: splitting
                    ratios that couplers do not have, heaters that are dead
    compensation    own phases that give those phases in spite of offsets and crosstalk

Each own phase is taken on a turn that starts a little above zero, so that phase compensation
has room to take away as well as to add.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.heaters import own_phases_rad
from calibration.model import path_scale
from calibration.result import ChipCalibration
from lumina.errors import MatrixError
from lumina.theory.coupler_correction import corrected_phases
from lumina.theory.decompositions import rectangular_phases, svd_phases, triangular_phases
from lumina.theory.equivalent_phases import cheapest_phases
from lumina.theory.mesh import MeshArrays
from lumina.theory.mesh_kernels import Couplers, couplers, transfer
from lumina.theory.mesh_tangents import Changes, pull, push

__all__ = ["own_phases_for"]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
BoolArray = NDArray[np.bool_]

_LEAST_HEADROOM_RAD = 0.1
"""Own phase that compensation can always take away, in rad."""

_EXCURSION_K = 5.0
"""Drift of the die, either way, that compensation can follow without saturating, in K."""

_ORDERS = 64
"""Orders of the singular values that are tried on an "svd" chip."""

_GOOD_ENOUGH = 1e-3
"""Relative error of the model's matrix at which refinement ends; no chip is known better."""

_STEPS = 40
"""Most Gauss-Newton steps; what they leave is out of the chip's reach."""

_LEAST_GAIN = 0.005
"""Share of what is missing by which a step has to better it for another one to follow."""

_DAMPING, _MOST_DAMPING = 1e-3, 1.0
"""Squared slope, relative to a shifter that turns all light, below which a shifter rests."""

_PRODUCTS = 40
"""Most conjugate gradients of a step."""

_SOLVED = 1e-3
"""Residual of a step's equations, relative, at which they are solved."""

_ROUNDS = 8
"""Rounds of crosstalk compensation, with the turns to be chosen and again with turns chosen.

Each gains a factor of two or more, on the largest chip."""


class _Target(NamedTuple):
    """What is wanted of which chip."""

    arrays: MeshArrays
    chip: Couplers
    matrix: ComplexArray
    """Shape (ports, ports), of the bare mesh."""
    free: BoolArray
    """Shape (shifters,), by place: those that can be turned."""

    def miss(self, phase_rad: FloatArray) -> float:
        """Frobenius norm of what is missing."""
        return float(np.linalg.norm(transfer(self.arrays, self.chip, phase_rad) - self.matrix))


def own_phases_for(matrix: ArrayLike, calibration: ChipCalibration) -> FloatArray:
    """Own phases, shape (shifters,), by channel, in rad, with which the chip computes a matrix.

    The receivers then see `calibration.gain` times the matrix, between the ports' own gains.
    Faulty heaters are left cold; the others come as close as they can.

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
    target = _Target(
        architecture.arrays(),
        couplers(architecture, calibration.splitter_error_rad, amplitude),
        wanted / path_scale(architecture, amplitude),
        calibration.good[calibration.channel],
    )
    lowest = (calibration.phi0_rad + lowest_own_rad(calibration))[calibration.channel]
    starts = [
        corrected_phases(target.arrays, target.chip, cheapest_phases(target.arrays, phase, lowest))
        for phase in _candidates(wanted, calibration)
    ]
    if not target.free.all():
        stuck = calibration.phi0_rad[calibration.channel]
        starts = [np.where(target.free, phase, stuck) for phase in starts]
    best = min(starts, key=target.miss)
    return _compensated(_refined(target, best), calibration)


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


def _refined(target: _Target, phase_rad: FloatArray) -> FloatArray:
    """Phases at which the model comes closest to the target, near those given.

    Steps as Levenberg and Marquardt damp them: less while they help, more when they do not.
    """
    enough = _GOOD_ENOUGH * float(np.linalg.norm(target.matrix))
    miss, damping = target.miss(phase_rad), _DAMPING
    for _ in range(_STEPS):
        if miss <= enough or damping > _MOST_DAMPING:
            break
        moved = phase_rad + _step(target, phase_rad, damping)
        moved_miss = target.miss(moved)
        if moved_miss >= miss:
            damping *= 10.0
            continue
        gained, phase_rad, miss = 1.0 - moved_miss / miss, moved, moved_miss
        damping = max(damping / 10.0, _DAMPING)
        if gained < _LEAST_GAIN:
            break
    return phase_rad


def _step(target: _Target, phase_rad: FloatArray, damping: float) -> FloatArray:
    """Small phase changes, shape (shifters,), that make up for what is missing.

    Damped least squares by conjugate gradients on products with the Jacobian.

    Args:
        target: what is wanted.
        phase_rad: shape (shifters,), where the chip stands, in rad.
        damping: squared slope, relative to a shifter that turns all light, below which a
            shifter rests.
    """
    arrays, chip, free = target.arrays, target.chip, target.free
    nothing = Changes(
        np.zeros(len(phase_rad)), np.zeros(2 * len(chip.first_bar)), np.zeros(len(chip.first_bar))
    )
    rest = target.matrix - transfer(arrays, chip, phase_rad)
    left = np.where(free, pull(arrays, chip, phase_rad, rest).phase, 0.0)
    step, direction, power = np.zeros(len(left)), left.copy(), float(left @ left)
    enough = _SOLVED**2 * power
    for _ in range(_PRODUCTS):
        if power <= enough:
            break
        changed = push(arrays, chip, phase_rad, nothing._replace(phase=direction))
        product = np.where(free, pull(arrays, chip, phase_rad, changed).phase, 0.0)
        product += damping * direction
        share = power / float(direction @ product)
        step += share * direction
        left -= share * product
        before, power = power, float(left @ left)
        direction = left + (power / before) * direction
    return step


def lowest_own_rad(calibration: ChipCalibration) -> FloatArray:
    """Least own phase of a program, shape (shifters,), in rad: room for compensation."""
    return np.asarray(_LEAST_HEADROOM_RAD + _EXCURSION_K * np.abs(calibration.tempco_rad_per_k))


def _compensated(phase_rad: FloatArray, calibration: ChipCalibration) -> FloatArray:
    """Own phases, by channel, that add up, with all crosstalk, to phases by place.

    Each lies on the turn that starts at its headroom, or a turn below where the heater does
    not reach as far. Crosstalk is weak, so correcting for what came out converges quickly.
    """
    turn, good = 2.0 * np.pi, calibration.good
    wanted = np.empty(len(phase_rad))
    wanted[calibration.channel] = phase_rad
    wanted -= calibration.phi0_rad
    lowest = lowest_own_rad(calibration)
    own = np.where(good, wanted, 0.0)
    limit = own_phases_rad(calibration, np.full(len(wanted), calibration.max_drive_v))
    for _ in range(_ROUNDS):
        own = wanted - (calibration.crosstalk @ own - own)
        own = (own - lowest) % turn + lowest
        nearer_end = np.where(own - limit < turn - own, limit, 0.0)  # out of reach: the gap's ends
        own = np.where(own > limit, np.where(own > turn, own - turn, nearer_end), own)
        own = np.where(good, own, 0.0)
    for _ in range(2 * _ROUNDS):
        missing = np.remainder(wanted - calibration.crosstalk @ own + np.pi, turn) - np.pi
        own = np.where(good, np.clip(own + missing, 0.0, limit), 0.0)
    return own
