"""The light of a chip as a calibration describes it: from phases to the transfer matrix."""

import numpy as np
from numpy.typing import NDArray

from calibration.heaters import phases_rad
from calibration.result import ChipCalibration
from lumina.theory.mesh import MeshArchitecture
from lumina.theory.mesh_kernels import couplers, transfer

__all__ = [
    "mean_path_amplitude",
    "predicted_transfer",
    "unit_transfer",
]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]


def mean_path_amplitude(architecture: MeshArchitecture, interferometer_amplitude: float) -> float:
    """Field transmission of the mean path through the chip's interferometers.

    A mesh's N(N-1)/2 interferometers touch two of N modes each, so a path meets N - 1 of
    them in the mean; an attenuator is one more.
    """
    met = architecture.meshes * (architecture.ports - 1) + (architecture.attenuators > 0)
    return float(interferometer_amplitude**met)


def unit_transfer(calibration: ChipCalibration, phase_rad: FloatArray) -> ComplexArray:
    """The transfer matrix, shape (ports, ports), as if the mean path lost nothing.

    This is the matrix that a program aims at; times `gain` the receivers see it.

    Args:
        calibration: the chip.
        phase_rad: shape (shifters,), phases of all shifters, in rad.
    """
    architecture, amplitude = calibration.architecture, calibration.interferometer_amplitude
    chip = couplers(architecture, calibration.splitter_error_rad, amplitude)
    matrix = transfer(architecture.arrays(), chip, phase_rad)
    return matrix / mean_path_amplitude(architecture, amplitude)


def predicted_transfer(
    calibration: ChipCalibration, own_phase_rad: FloatArray, die_delta_k: float = 0.0
) -> ComplexArray:
    """The transfer matrix that the receivers should see, in units of their full scale.

    Args:
        calibration: the chip.
        own_phase_rad: shape (shifters,), in rad.
        die_delta_k: die temperature above the calibration's reference, in K.

    Returns:
        Shape (ports, ports).
    """
    phase = phases_rad(calibration, own_phase_rad, die_delta_k)
    return unit_transfer(calibration, phase) * calibration.gain
