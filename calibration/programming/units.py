"""How a calibrated chip computes y = M x: what is programmed, what is sent, what comes out.

A mesh takes complex amplitudes and holds any matrix of spectral norm 1. A bank of rings takes
powers and holds real weights: signs and imaginary parts of the vectors pass one after the
other, as powers of their own.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from calibration.heaters import HeaterModel, phases_rad
from calibration.model import between_ports, output_readings, path_scale
from calibration.programming.own_phases import own_phases_for
from calibration.result import ChipCalibration
from calibration.rings.result import BankCalibration
from calibration.rings.weights import own_phases_for_weights, weight_range
from lumina.errors import MatrixError
from lumina.theory.architecture import ChipArchitecture
from lumina.theory.mesh_derivatives import transfer_factors
from lumina.theory.mesh_kernels import couplers
from lumina.theory.rings import WeightBank, slopes_of_row

__all__ = ["Calibration", "MatrixUnit", "nominal_calibration", "unit_for"]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

Calibration = ChipCalibration | BankCalibration
"""What may be known of a chip."""


def nominal_calibration(
    architecture: ChipArchitecture,
    phase_gain_rad_per_v2: float,
    *,
    max_drive_v: float,
    reference_die_c: float,
) -> Calibration:
    """What a data sheet knows of a chip."""
    known = {"max_drive_v": max_drive_v, "reference_die_c": reference_die_c}
    if isinstance(architecture, WeightBank):
        return BankCalibration.nominal(architecture, phase_gain_rad_per_v2, **known)
    return ChipCalibration.nominal(architecture, phase_gain_rad_per_v2, **known)


class MatrixUnit(Protocol):
    """One calibrated chip as something that multiplies. Matrices are (ports, ports).

    Attributes:
        heaters: its heaters as they are known.
        numbers: real numbers that a measured matrix tells.
        fringes: whether each phase psi enters the matrix as A + B e^{j psi}.
    """

    heaters: HeaterModel
    numbers: int
    fringes: bool

    def scale_of(self, matrix: ComplexArray) -> float:
        """What a matrix must be divided by so that the chip can hold it; above 0."""

    def own_phases(self, matrix: ComplexArray) -> FloatArray:
        """Own phases, shape (shifters,), in rad, that make the chip hold a scaled matrix.

        Raises:
            MatrixError: the chip cannot hold it.
        """

    def fields(self, vectors: ComplexArray) -> ComplexArray:
        """What is sent for vectors of shape (ports, batch) and modulus 1 or less."""

    def products(self, seen: ComplexArray) -> ComplexArray:
        """Products of the scaled matrix with the vectors, shape (ports, batch)."""

    def held(self, readings: ComplexArray) -> ComplexArray:
        """The scaled matrix that the chip holds, from what is read for unit inputs."""

    def slopes(self, own_rad: FloatArray) -> ComplexArray:
        """How that matrix answers to own phases, shape (shifters, ports, ports), per rad.

        Args:
            own_rad: shape (shifters,), where the chip stands, in rad.
        """


def unit_for(calibration: Calibration) -> MatrixUnit:
    """The chip as its calibration knows it."""
    if isinstance(calibration, BankCalibration):
        return BankUnit(calibration)
    return MeshUnit(calibration)


def _tiny_or(value: float) -> float:
    """The value, or the least number above 0: a matrix of zeros has a scale, too."""
    return max(value, float(np.finfo(float).tiny))


class MeshUnit:
    """A mesh of interferometers."""

    fringes = True

    def __init__(self, calibration: ChipCalibration) -> None:
        self._calibration = calibration
        self.heaters: HeaterModel = calibration
        self.numbers = 2 * calibration.architecture.ports**2

    def scale_of(self, matrix: ComplexArray) -> float:
        return _tiny_or(float(np.linalg.norm(matrix, 2)))

    def own_phases(self, matrix: ComplexArray) -> FloatArray:
        return own_phases_for(matrix, self._calibration)

    def fields(self, vectors: ComplexArray) -> ComplexArray:
        # The weakest input sets the scale: none may be asked for more than all its light.
        weakest = self._calibration.input_gain.min()
        share = weakest / self._calibration.input_gain
        return np.asarray(vectors * share[:, None])

    def products(self, seen: ComplexArray) -> ComplexArray:
        known = self._calibration
        gain = known.gain * known.output_gain[:, None] * known.input_gain.min()
        return np.asarray(output_readings(known, seen) / gain)

    def held(self, readings: ComplexArray) -> ComplexArray:
        return between_ports(self._calibration, readings)

    def slopes(self, own_rad: FloatArray) -> ComplexArray:
        known, mesh = self._calibration, self._calibration.architecture
        amplitude = known.interferometer_amplitude
        chip = couplers(mesh, known.splitter_error_rad, amplitude)
        phase_rad = phases_rad(known, own_rad)[known.channel]
        factors = transfer_factors(mesh.arrays(), chip, phase_rad)
        by_phase = np.empty((mesh.shifters, mesh.ports, mesh.ports), complex)
        by_phase[known.channel] = factors.shifter_out[:, :, None] * factors.shifter_in[:, None, :]
        scale = path_scale(mesh, amplitude)
        return _by_own(known, np.multiply(by_phase, scale, dtype=np.complex128))


class BankUnit:
    """A bank of micro-rings."""

    fringes = False

    PARTS = np.array([1.0, -1.0, 1.0j, -1.0j])
    """What each of the powers that are sent for a vector counts."""

    def __init__(self, calibration: BankCalibration) -> None:
        self._calibration = calibration
        self.heaters: HeaterModel = calibration
        self.numbers = calibration.architecture.ports**2

    def scale_of(self, matrix: ComplexArray) -> float:
        low, high = weight_range(self._calibration)
        return _tiny_or(float(np.abs(matrix).max()) / min(-low, high))

    def own_phases(self, matrix: ComplexArray) -> FloatArray:
        if np.any(matrix.imag != 0.0):
            raise MatrixError("a bank of rings holds real weights, this matrix is complex")
        return own_phases_for_weights(matrix.real.copy(), self._calibration)

    def fields(self, vectors: ComplexArray) -> ComplexArray:
        re, im = vectors.real, vectors.imag
        parts = [np.maximum(part, 0.0) for part in (re, -re, im, -im)]
        return np.concatenate(parts, axis=1).astype(complex)

    def products(self, seen: ComplexArray) -> ComplexArray:
        parts = np.stack(np.split(seen.real, self.PARTS.size, axis=1))
        signed: ComplexArray = np.tensordot(self.PARTS, parts, axes=1)
        return np.divide(signed, self._calibration.row_gain[:, None])

    def held(self, readings: ComplexArray) -> ComplexArray:
        weight = readings.real / self._calibration.row_gain[:, None]
        return weight.astype(np.complex128)

    def slopes(self, own_rad: FloatArray) -> ComplexArray:
        known, ports = self._calibration, self._calibration.architecture.ports
        phase_rad = phases_rad(known, own_rad)
        by_phase = np.zeros((phase_rad.size, ports, ports), complex)
        for row in range(ports):
            own = slice(row * ports, (row + 1) * ports)
            by_phase[own, row] = slopes_of_row(known.rings, row, phase_rad[own]).by_phase.T
        return _by_own(known, by_phase)


def _by_own(heaters: HeaterModel, by_phase: ComplexArray) -> ComplexArray:
    """Slopes by own phases, (shifters, ports, ports), from those by phases; 0 for faulty heaters.

    What a heater takes on turns its neighbours' phases, too.
    """
    by_own: ComplexArray = np.tensordot(heaters.crosstalk.T, by_phase, axes=1)
    by_own[~heaters.good] = 0.0
    return by_own
