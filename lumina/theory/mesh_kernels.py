"""Light through a mesh: the compiled forward pass of `lumina.theory.mesh`.

Every kernel takes the same three: `MeshArrays` (where the MZIs lie), `Couplers` (what was
fixed when the chip was made; computed once) and the phases of all shifters in rad.
Fields are complex amplitudes. Inside, real and imaginary parts live in separate arrays,
because that is what the vector unit wants; the phases' sines and cosines and the 2x2
matrices of all MZIs are computed first, in one sweep each, for the same reason.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lumina.compiled import compiled_fast
from lumina.theory.mesh import MeshArchitecture, MeshArrays
from lumina.theory.trigonometry import sin_cos

__all__ = ["Couplers", "couplers", "propagate", "propagate_vector", "transfer"]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]


class Couplers(NamedTuple):
    """Field coefficients of the two couplers of every MZI, each of shape (interferometers,).

    bar = cos(pi/4 + a) and cross = sin(pi/4 + a), real; the factor j of the crossing is in
    the kernels. The transmission of the MZI is folded into its second coupler.
    """

    first_bar: FloatArray
    first_cross: FloatArray
    second_bar: FloatArray
    second_cross: FloatArray


def couplers(
    architecture: MeshArchitecture,
    splitter_error_rad: FloatArray | None = None,
    amplitude: FloatArray | float = 1.0,
) -> Couplers:
    """Coupler coefficients of a chip.

    Args:
        architecture: the mesh.
        splitter_error_rad: shape (splitters,), deviation from pi/4 in rad; None: perfect.
        amplitude: field transmission of each MZI, 0 .. 1: a scalar or (interferometers,).
    """
    count = architecture.interferometers
    error = np.zeros(2 * count) if splitter_error_rad is None else splitter_error_rad
    angle = np.pi / 4 + np.asarray(error, np.float64).reshape(count, 2)
    bar, cross = np.cos(angle), np.sin(angle)
    first_bar, first_cross = bar[:, 0].copy(), cross[:, 0].copy()
    return Couplers(first_bar, first_cross, bar[:, 1] * amplitude, cross[:, 1] * amplitude)


class _Light(NamedTuple):
    """What the phases make of the chip for one moment."""

    sine: FloatArray
    """Shape (shifters,)."""
    cosine: FloatArray
    """Shape (shifters,)."""
    matrix: FloatArray
    """Shape (8, interferometers): real and imaginary parts of T00, T01, T10, T11."""


@compiled_fast
def _mzi_matrices(chip: Couplers, count: int, first: int, shifter: int, light: _Light) -> None:
    """T of `count` MZIs from number `first` on, whose first phi is number `shifter`."""
    matrix = light.matrix
    for k in range(count):
        i = first + k
        b1, x1 = chip.first_bar[i], chip.first_cross[i]
        b2, x2 = chip.second_bar[i], chip.second_cross[i]
        pr, pi = light.cosine[shifter + 2 * k], light.sine[shifter + 2 * k]
        er, ei = light.cosine[shifter + 2 * k + 1], light.sine[shifter + 2 * k + 1]
        ar, ai = b2 * b1 * er - x2 * x1, b2 * b1 * ei
        cr, ci = -x2 * b1 * ei, x2 * b1 * er + b2 * x1
        matrix[0, i], matrix[1, i] = ar * pr - ai * pi, ar * pi + ai * pr
        matrix[2, i], matrix[3, i] = -b2 * x1 * ei, b2 * x1 * er + x2 * b1
        matrix[4, i], matrix[5, i] = cr * pr - ci * pi, cr * pi + ci * pr
        matrix[6, i], matrix[7, i] = b2 * b1 - x2 * x1 * er, -x2 * x1 * ei


@compiled_fast
def _attenuations(chip: Couplers, count: int, first: int, shifter: int, light: _Light) -> None:
    """Attenuations t of `count` attenuators, into T00; the rest of their T is dumped."""
    for p in range(count):
        i = first + p
        through = chip.second_bar[i] * chip.first_bar[i]
        crossed = chip.second_cross[i] * chip.first_cross[i]
        light.matrix[0, i] = through * light.cosine[shifter + p] - crossed
        light.matrix[1, i] = through * light.sine[shifter + p]


@compiled_fast
def _illuminate(arrays: MeshArrays, chip: Couplers, phase_rad: FloatArray) -> _Light:
    """Everything that depends on the phases and not on the fields."""
    ports, cells = arrays.ports, arrays.mode.size
    sine, cosine = np.empty(phase_rad.size), np.empty(phase_rad.size)
    sin_cos(phase_rad, sine, cosine)
    light = _Light(sine, cosine, np.empty((8, chip.first_bar.size)))
    _mzi_matrices(chip, cells, 0, 0, light)
    if arrays.meshes == 2:
        _attenuations(chip, ports, cells, ports * ports, light)
        _mzi_matrices(chip, cells, cells + ports, ports * ports + ports, light)
    return light


@compiled_fast
def _mix_vector(
    mode: NDArray[np.int64], matrix: FloatArray, first: int, re: FloatArray, im: FloatArray
) -> None:
    """One mesh's MZIs, in light order, on one vector."""
    for k in range(mode.size):
        # Unsigned indices spare the wrap-around test: a tenth of the whole call.
        m = np.uint64(mode[k])
        n, i = m + np.uint64(1), first + k
        ur, ui, lr, li = re[m], im[m], re[n], im[n]
        re[m] = matrix[0, i] * ur - matrix[1, i] * ui + matrix[2, i] * lr - matrix[3, i] * li
        im[m] = matrix[0, i] * ui + matrix[1, i] * ur + matrix[2, i] * li + matrix[3, i] * lr
        re[n] = matrix[4, i] * ur - matrix[5, i] * ui + matrix[6, i] * lr - matrix[7, i] * li
        im[n] = matrix[4, i] * ui + matrix[5, i] * ur + matrix[6, i] * li + matrix[7, i] * lr


@compiled_fast
def _scale_vector(
    real: FloatArray, imaginary: FloatArray, first: int, re: FloatArray, im: FloatArray
) -> None:
    """Multiply each field by its own complex number, from element `first` on."""
    for p in range(re.size):
        c, s, r = real[first + p], imaginary[first + p], re[p]
        re[p] = c * r - s * im[p]
        im[p] = c * im[p] + s * r


@compiled_fast
def _mix_rows(
    mode: NDArray[np.int64], matrix: FloatArray, first: int, re: FloatArray, im: FloatArray
) -> None:
    """As `_mix_vector`, on the rows of a batch."""
    for k in range(mode.size):
        m, i = mode[k], first + k
        ar, ai, br, bi = matrix[0, i], matrix[1, i], matrix[2, i], matrix[3, i]
        cr, ci, dr, di = matrix[4, i], matrix[5, i], matrix[6, i], matrix[7, i]
        for b in range(re.shape[1]):
            ur, ui, lr, li = re[m, b], im[m, b], re[m + 1, b], im[m + 1, b]
            re[m, b] = ar * ur - ai * ui + br * lr - bi * li
            im[m, b] = ar * ui + ai * ur + br * li + bi * lr
            re[m + 1, b] = cr * ur - ci * ui + dr * lr - di * li
            im[m + 1, b] = cr * ui + ci * ur + dr * li + di * lr


@compiled_fast
def _scale_rows(
    real: FloatArray, imaginary: FloatArray, first: int, re: FloatArray, im: FloatArray
) -> None:
    """As `_scale_vector`, on the rows of a batch."""
    for p in range(re.shape[0]):
        c, s = real[first + p], imaginary[first + p]
        for b in range(re.shape[1]):
            r = re[p, b]
            re[p, b] = c * r - s * im[p, b]
            im[p, b] = c * im[p, b] + s * r


@compiled_fast
def _pass_rows(arrays: MeshArrays, light: _Light, re: FloatArray, im: FloatArray) -> None:
    """Send a batch, shape (ports, batch), through the whole chip."""
    ports, cells = arrays.ports, arrays.mode.size
    for mesh in range(arrays.meshes):
        if mesh == 1:
            _scale_rows(light.matrix[0], light.matrix[1], cells, re, im)
        _mix_rows(arrays.mode, light.matrix, mesh * (cells + ports), re, im)
        shifter = mesh * (ports * ports + ports) + 2 * cells
        _scale_rows(light.cosine, light.sine, shifter, re, im)


@compiled_fast
def propagate_vector(
    arrays: MeshArrays, chip: Couplers, phase_rad: FloatArray, field: ComplexArray
) -> None:
    """Send one vector through the chip, in place: the 1 kHz tick's way.

    Args:
        arrays: `MeshArchitecture.arrays()`.
        chip: `couplers(...)` of the same architecture.
        phase_rad: shape (shifters,), in rad, |phase| < 1e3.
        field: shape (ports,), complex amplitudes in; on return, out.
    """
    ports, cells = arrays.ports, arrays.mode.size
    light = _illuminate(arrays, chip, phase_rad)
    re, im = field.real.copy(), field.imag.copy()
    for mesh in range(arrays.meshes):
        if mesh == 1:
            _scale_vector(light.matrix[0], light.matrix[1], cells, re, im)
        _mix_vector(arrays.mode, light.matrix, mesh * (cells + ports), re, im)
        shifter = mesh * (ports * ports + ports) + 2 * cells
        _scale_vector(light.cosine, light.sine, shifter, re, im)
    for p in range(ports):
        field[p] = complex(re[p], im[p])


@compiled_fast
def propagate(
    arrays: MeshArrays, chip: Couplers, phase_rad: FloatArray, fields: ComplexArray
) -> None:
    """Send a batch of vectors through the chip, in place.

    Args:
        arrays: `MeshArchitecture.arrays()`.
        chip: `couplers(...)` of the same architecture.
        phase_rad: shape (shifters,), in rad, |phase| < 1e3.
        fields: shape (ports, batch), complex amplitudes in; on return, out.
    """
    re, im = fields.real.copy(), fields.imag.copy()
    _pass_rows(arrays, _illuminate(arrays, chip, phase_rad), re, im)
    for p in range(fields.shape[0]):
        for b in range(fields.shape[1]):
            fields[p, b] = complex(re[p, b], im[p, b])


@compiled_fast
def transfer(arrays: MeshArrays, chip: Couplers, phase_rad: FloatArray) -> ComplexArray:
    """The transfer matrix M, shape (ports, ports), of the chip: fields out = M fields in.

    Args:
        arrays: `MeshArchitecture.arrays()`.
        chip: `couplers(...)` of the same architecture.
        phase_rad: shape (shifters,), in rad, |phase| < 1e3.
    """
    re, im = np.eye(arrays.ports), np.zeros((arrays.ports, arrays.ports))
    _pass_rows(arrays, _illuminate(arrays, chip, phase_rad), re, im)
    return re + 1j * im
