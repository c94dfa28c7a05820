"""How a chip's transfer matrix answers to each of its elements, at one setting, both ways.

`push` turns changes of the elements into a change of the matrix, `pull` a matrix into its
component along each element: the Jacobian and its transpose, never written out
(`lumina.theory.mesh_tangents`).
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibration.heaters import own_phases_rad, phases_rad
from calibration.model import met_interferometers, path_scale
from calibration.result import ChipCalibration
from lumina.theory import mesh_tangents
from lumina.theory.mesh import MeshArrays
from lumina.theory.mesh_derivatives import TransferFactors, transfer_factors
from lumina.theory.mesh_kernels import Couplers, couplers, transfer

__all__ = [
    "Elements",
    "Point",
    "factors_at",
    "point_at",
    "pull",
    "push",
    "slopes_by_phase",
    "strengths",
]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]


class Elements(NamedTuple):
    """One number for each element of a chip: a change of it, or what pulls at it."""

    phase: FloatArray
    """Shape (shifters,), by channel, rad."""
    splitter: FloatArray
    """Shape (splitters,), rad."""
    log_amplitude: FloatArray
    """Shape (interferometers,): of the field's transmission."""
    log_output: FloatArray
    """Shape (ports,): of an output's gain."""
    log_input: FloatArray
    """Shape (ports,): of an input's gain."""


class Point(NamedTuple):
    """The model at one setting."""

    own_phase_rad: FloatArray
    """Shape (shifters,), by channel."""
    phase_rad: FloatArray
    """Shape (shifters,), by place in the mesh."""
    channel: NDArray[np.int64]
    """Shape (shifters,), by place in the mesh."""
    die_delta_k: float
    transfer: ComplexArray
    """Shape (ports, ports): what the receivers should see, of full scale."""
    ends: NDArray[Any]
    """Shape (ports, ports): `transfer` over that of the bare mesh."""
    arrays: MeshArrays
    chip: Couplers
    met: float
    """Interferometers that the mean path meets."""


def point_at(calibration: ChipCalibration, drive_v: FloatArray, die_c: float) -> Point:
    """The model at one setting.

    Args:
        calibration: the chip as known.
        drive_v: shape (shifters,), by channel, in V.
        die_c: die temperature, in C.
    """
    architecture = calibration.architecture
    own = own_phases_rad(calibration, drive_v)
    die_delta_k = die_c - calibration.reference_die_c
    phase = phases_rad(calibration, own, die_delta_k)[calibration.channel]
    amplitude = calibration.interferometer_amplitude
    arrays = architecture.arrays()
    chip = couplers(architecture, calibration.splitter_error_rad, amplitude)
    out = calibration.output_gain * (calibration.gain * path_scale(architecture, amplitude))
    ends = out[:, None] * calibration.input_gain
    seen = np.asarray(ends * transfer(arrays, chip, phase), np.complex128)
    met = met_interferometers(architecture)
    return Point(own, phase, calibration.channel, die_delta_k, seen, ends, arrays, chip, met)


def push(point: Point, change: Elements) -> ComplexArray:
    """What small changes of the elements do to the matrix, shape (ports, ports)."""
    turned = change.phase[point.channel]
    inside = mesh_tangents.Changes(turned, change.splitter, change.log_amplitude)
    moved = mesh_tangents.push(point.arrays, point.chip, point.phase_rad, inside)
    ports = change.log_output[:, None] + change.log_input - point.met * change.log_amplitude.mean()
    return np.asarray(point.ends * moved + ports * point.transfer)


def pull(point: Point, rest: ComplexArray) -> Elements:
    """Real inner product of a matrix with each element's slope: the transpose of `push`."""
    inside = mesh_tangents.pull(point.arrays, point.chip, point.phase_rad, point.ends.conj() * rest)
    along = (point.transfer.conj() * rest).real
    mean_loss = point.met / len(inside.log_amplitude) * along.sum()
    by_loss = inside.log_amplitude - mean_loss
    by_phase = _by_channel(point, inside.phase)
    return Elements(by_phase, inside.splitter, by_loss, along.sum(axis=1), along.sum(axis=0))


def factors_at(point: Point) -> TransferFactors:
    """The slopes by every phase and coupler themselves, as factors, of full scale.

    The ports' gains are one product of outputs and inputs, so both sides take their share.
    """
    bare = transfer_factors(point.arrays, point.chip, point.phase_rad)
    out, into = point.ends[:, 0], point.ends[0] / point.ends[0, 0]
    return TransferFactors(
        point.transfer,
        bare.shifter_out * out,
        bare.shifter_in * into,
        bare.splitter_out * out,
        bare.splitter_in * into,
    )


def slopes_by_phase(point: Point, channels: NDArray[np.int64]) -> ComplexArray:
    """Slope of the matrix by some channels' phases, shape (channels, ports, ports), per rad."""
    factors, place = factors_at(point), np.argsort(point.channel)[channels]
    slopes = factors.shifter_out[place][:, :, None] * factors.shifter_in[place][:, None, :]
    return np.asarray(slopes)


def strengths(point: Point) -> Elements:
    """Squared norm of each element's slope; a change of mean loss left aside.

    The field of an interferometer is folded into its second coupler, so with that coupler's
    factors dM/dlog(amplitude) = -j (out1 in0^T + out0 in1^T).
    """
    factors = factors_at(point)
    out, into = factors.splitter_out, factors.splitter_in
    apart = np.sum(_squares(out) * _squares(into), axis=1)
    mixed = _overlap(out[:, 0], out[:, 1]) * _overlap(into[:, 0], into[:, 1])
    crossed = np.sum(_squares(out[1::2, ::-1]) * _squares(into[1::2]), axis=1)
    turned = _overlap(out[1::2, 1], out[1::2, 0]) * _overlap(into[1::2, 0], into[1::2, 1])
    power = np.abs(point.transfer) ** 2
    return Elements(
        _by_channel(point, _squares(factors.shifter_out) * _squares(factors.shifter_in)),
        apart + 2.0 * mixed.real,
        crossed + 2.0 * turned.real,
        power.sum(axis=1),
        power.sum(axis=0),
    )


def _by_channel(point: Point, by_place: FloatArray) -> FloatArray:
    ordered = np.empty_like(by_place)
    ordered[point.channel] = by_place
    return ordered


def _squares(rows: ComplexArray) -> FloatArray:
    """Squared norm of each row."""
    return np.asarray(np.sum(rows.real**2 + rows.imag**2, axis=-1))


def _overlap(rows: ComplexArray, others: ComplexArray) -> ComplexArray:
    """Inner product of each row with its other."""
    return np.asarray(np.sum(rows.conj() * others, axis=-1))
