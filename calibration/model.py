"""The light of a chip as a calibration describes it: from phases to the transfer matrix."""

import numpy as np
from numpy.typing import NDArray

from calibration.heaters import phases_rad
from calibration.result import ChipCalibration
from lumina.theory.mesh import MeshArchitecture
from lumina.theory.mesh_kernels import couplers, transfer

__all__ = [
    "between_ports",
    "met_interferometers",
    "output_readings",
    "path_scale",
    "predicted_transfer",
    "receiver_readings",
    "unit_transfer",
]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]


def met_interferometers(architecture: MeshArchitecture) -> float:
    """Interferometers that light meets on the mean path.

    A mesh's N(N-1)/2 interferometers touch two of N modes each, so a path meets N - 1 of
    them in the mean; an attenuator is one more.
    """
    return float(architecture.meshes * (architecture.ports - 1) + (architecture.attenuators > 0))


def path_scale(architecture: MeshArchitecture, interferometer_amplitude: FloatArray) -> float:
    """One over the field transmission of the mean path through the chip's interferometers."""
    mean_log = float(np.log(interferometer_amplitude).mean())
    return float(np.exp(-met_interferometers(architecture) * mean_log))


def unit_transfer(calibration: ChipCalibration, phase_rad: FloatArray) -> ComplexArray:
    """The transfer matrix, shape (ports, ports), as if the mean path lost nothing.

    This is the matrix that a program aims at; receivers see it by `predicted_transfer`.

    Args:
        calibration: the chip.
        phase_rad: shape (shifters,), phases of all shifters by channel, in rad.
    """
    architecture, amplitude = calibration.architecture, calibration.interferometer_amplitude
    chip = couplers(architecture, calibration.splitter_error_rad, amplitude)
    matrix = transfer(architecture.arrays(), chip, phase_rad[calibration.channel])
    return np.asarray(matrix * path_scale(architecture, amplitude))


def predicted_transfer(
    calibration: ChipCalibration, own_phase_rad: FloatArray, die_delta_k: float = 0.0
) -> ComplexArray:
    """The transfer matrix as receivers should see it, in units of their full scale.

    Args:
        calibration: the chip.
        own_phase_rad: shape (shifters,), in rad.
        die_delta_k: die temperature above the calibration's reference, in K.

    Returns:
        Shape (ports, ports), by outputs and inputs.
    """
    phase = phases_rad(calibration, own_phase_rad, die_delta_k)
    ends = calibration.gain * calibration.output_gain[:, None] * calibration.input_gain
    return np.asarray(ends * unit_transfer(calibration, phase))


def output_readings(calibration: ChipCalibration, readings: ComplexArray) -> ComplexArray:
    """Receivers' readings, shape (ports, ...), without offset, in the order of the outputs."""
    seen = (readings.T - calibration.receiver_offset).T
    return np.asarray(seen[calibration.receiver])


def receiver_readings(calibration: ChipCalibration, transfer_matrix: ComplexArray) -> ComplexArray:
    """The inverse of `output_readings`: what the receivers show, offsets included."""
    seen = np.empty_like(transfer_matrix)
    seen[calibration.receiver] = transfer_matrix
    return np.asarray((seen.T + calibration.receiver_offset).T)


def between_ports(calibration: ChipCalibration, readings: ComplexArray) -> ComplexArray:
    """The receivers' readings for unit inputs as the matrix that was programmed.

    Args:
        calibration: the chip.
        readings: shape (receivers, inputs), of full scale.

    Returns:
        Shape (outputs, inputs), with the ports' gains taken off.
    """
    ends = calibration.gain * calibration.output_gain[:, None] * calibration.input_gain
    return np.asarray(output_readings(calibration, readings) / ends)
