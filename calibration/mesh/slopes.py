"""How a chip's transfer matrix answers to each parameter of its calibration.

Everything acts through the shifters' phases except couplers and loss, and each phase acts
through a rank-one term (`lumina.theory.mesh_derivatives`): so every slope is a multiple of
those. Crosstalk is neglected where it would correct a correction. Kept in single precision,
as they only steer a fit; where the fit ends is decided by the model itself.
"""

from dataclasses import replace
from enum import Enum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibration.heaters import own_phases_rad, phases_rad
from calibration.model import mean_path_amplitude, unit_transfer
from calibration.neighbours import Neighbours
from calibration.result import ChipCalibration
from lumina.theory.mesh_derivatives import TransferFactors, transfer_factors
from lumina.theory.mesh_kernels import couplers

__all__ = ["Block", "Point", "Slopes", "moved", "point_at", "slopes_of"]

FloatArray = NDArray[np.float64]
Slopes = NDArray[np.complex64]


class Block(Enum):
    """Parameters that a fit can move together, and the unit that it counts them in.

    The unit is how far, one sigma, a parameter may be from where sweeps and walk (or the
    data sheet, for what they do not tell) have it.
    """

    PHASE = ("phi0, rad; crosstalk at the base setting hides in it", 0.5)
    GAIN = ("phase per squared volt, relative", 0.005)
    CURVATURE = ("share of the squared drive lost to self-heating at 2 pi", 0.005)
    SPLITTER = ("coupler errors, rad", 0.02)
    CROSSTALK = ("coefficient of each relative place, and of the whole chip", 0.005)
    TEMPCO = ("phase per kelvin, rad/K", 0.1)
    TRANSMISSION = ("logarithms of the gain and of one interferometer's amplitude", 0.1)

    @property
    def unit(self) -> float:
        """The unit as a number."""
        return self.value[1]


class Point(NamedTuple):
    """The model at one setting."""

    calibration: ChipCalibration
    own_phase_rad: FloatArray
    """Shape (shifters,)."""
    phase_rad: FloatArray
    """Shape (shifters,)."""
    die_delta_k: float
    factors: TransferFactors
    scale: complex
    """From the bare mesh's transfer to the receivers' full scale."""
    by_phase: Slopes
    """Shape (shifters, ports^2), per rad, of full scale."""

    @property
    def transfer(self) -> NDArray[np.complex128]:
        """What the receivers should see, shape (ports, ports)."""
        return self.factors.transfer * self.scale


def point_at(calibration: ChipCalibration, drive_v: FloatArray, die_c: float) -> Point:
    """The model and its slopes at one setting.

    Args:
        calibration: the chip as known.
        drive_v: shape (shifters,), in V.
        die_c: die temperature, in C.
    """
    architecture, amplitude = calibration.architecture, calibration.interferometer_amplitude
    own = own_phases_rad(calibration, drive_v)
    die_delta_k = die_c - calibration.reference_die_c
    phase = phases_rad(calibration, own, die_delta_k)
    chip = couplers(architecture, calibration.splitter_error_rad, amplitude)
    factors = transfer_factors(architecture.arrays(), chip, phase)
    scale = calibration.gain / mean_path_amplitude(architecture, amplitude)
    by_phase = _outer(factors.shifter_out * scale, factors.shifter_in)
    return Point(calibration, own, phase, die_delta_k, factors, scale, by_phase)


def slopes_of(block: Block, point: Point, neighbours: Neighbours) -> Slopes:
    """Slopes by a block's parameters, shape (parameters, ports^2), per unit of the block."""
    own = point.own_phase_rad
    match block:
        case Block.PHASE:
            slopes = point.by_phase
        case Block.GAIN:
            slopes = _scaled(point.by_phase, own)
        case Block.CURVATURE:
            slopes = _scaled(point.by_phase, _bend(point.calibration, own))
        case Block.SPLITTER:
            slopes = _by_splitter(point)
        case Block.CROSSTALK:
            slopes = neighbours.warmth(own).astype(np.complex64) @ point.by_phase
        case Block.TEMPCO:
            slopes = point.by_phase * np.float32(point.die_delta_k)
        case Block.TRANSMISSION:
            slopes = np.stack([point.transfer, _by_loss(point)]).astype(np.complex64)
            slopes = slopes.reshape(2, -1)
    return slopes * np.float32(block.unit)


def moved(
    calibration: ChipCalibration, block: Block, step: FloatArray, neighbours: Neighbours
) -> ChipCalibration:
    """The calibration with a block's parameters moved by `step`, in units of the block."""
    by = step * block.unit
    changes: dict[str, Any]
    match block:
        case Block.PHASE:
            changes = {"phi0_rad": calibration.phi0_rad + by}
        case Block.GAIN:
            changes = {"phase_gain_rad_per_v2": calibration.phase_gain_rad_per_v2 * (1.0 + by)}
        case Block.CURVATURE:
            more = by * calibration.phase_gain_rad_per_v2 / (2.0 * np.pi)
            changes = {"curvature_per_v2": np.maximum(calibration.curvature_per_v2 + more, 0.0)}
        case Block.SPLITTER:
            changes = {"splitter_error_rad": calibration.splitter_error_rad + by}
        case Block.CROSSTALK:
            changes = {"crosstalk": calibration.crosstalk + neighbours.matrix(by)}
        case Block.TEMPCO:
            changes = {"tempco_rad_per_k": calibration.tempco_rad_per_k + by}
        case Block.TRANSMISSION:
            gain, amplitude = np.exp(by).tolist()
            changes = {
                "gain": calibration.gain * gain,
                "interferometer_amplitude": calibration.interferometer_amplitude * amplitude,
            }
    return replace(calibration, **changes)


def _by_splitter(point: Point) -> Slopes:
    """Slopes by the couplers' errors.

    An attenuator shows the sum of its two; their difference shows in second order only,
    where a linear step would go astray. So they share one slope and stay equal.
    """
    out, inward = point.factors.splitter_out * point.scale, point.factors.splitter_in
    slopes = _outer(out[:, 0], inward[:, 0]) + _outer(out[:, 1], inward[:, 1])
    architecture = point.calibration.architecture
    first = architecture.ports * (architecture.ports - 1)
    pairs = slopes[first : first + 2 * architecture.attenuators].reshape(-1, 2, slopes.shape[1])
    pairs[:] = pairs.mean(axis=1, keepdims=True)
    return slopes


def _outer(out: NDArray[np.complex128], inward: NDArray[np.complex128]) -> Slopes:
    """Outer product of each pair of rows, shape (rows, ports^2)."""
    left, right = out.astype(np.complex64), inward.astype(np.complex64)
    return (left[:, :, None] * right[:, None, :]).reshape(len(left), -1)


def _scaled(slopes: Slopes, factor: FloatArray) -> Slopes:
    return slopes * factor.astype(np.float32)[:, None]


def _bend(calibration: ChipCalibration, own_phase_rad: FloatArray) -> FloatArray:
    """Own phase per curvature, where a curvature of gain / 2 pi counts as 1, in rad.

    V^2 = h + b h^2, so h falls by h^2 / (1 + 2 b h) per b.
    """
    heated = own_phase_rad / calibration.phase_gain_rad_per_v2
    stiffness = 1.0 + 2.0 * calibration.curvature_per_v2 * heated
    return -(own_phase_rad**2) / (2.0 * np.pi * stiffness)


def _by_loss(point: Point) -> NDArray[np.complex128]:
    """Slope by the logarithm of one interferometer's amplitude, mean path held; a difference."""
    small = 1e-4
    amplitude = point.calibration.interferometer_amplitude * (1.0 + small)
    clearer = replace(point.calibration, interferometer_amplitude=amplitude)
    gained = unit_transfer(clearer, point.phase_rad) * clearer.gain
    return (gained - point.transfer) / small
