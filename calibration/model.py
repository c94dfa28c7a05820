"""The chip as a calibration describes it: drives to phases to light, and back to drives."""

import numpy as np
from numpy.typing import NDArray

from calibration.result import ChipCalibration
from lumina.theory.drive import self_heated, without_self_heating
from lumina.theory.mesh import MeshArchitecture
from lumina.theory.mesh_kernels import couplers, transfer

__all__ = [
    "compensation_rad_per_k",
    "drive_for_own_phases_v",
    "mean_path_amplitude",
    "own_phases_rad",
    "phases_rad",
    "predicted_transfer",
    "unit_transfer",
]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]


def own_phases_rad(calibration: ChipCalibration, drive_v: FloatArray) -> FloatArray:
    """Own phase of every shifter, shape (shifters,), in rad, at these drives in V."""
    heated = self_heated(drive_v * drive_v, calibration.curvature_per_v2)
    return calibration.phase_gain_rad_per_v2 * heated


def drive_for_own_phases_v(calibration: ChipCalibration, own_phase_rad: FloatArray) -> FloatArray:
    """The drives, shape (shifters,), in V, that give these own phases of 0 rad or more."""
    heated = own_phase_rad / calibration.phase_gain_rad_per_v2
    return np.sqrt(without_self_heating(heated, calibration.curvature_per_v2))


def phases_rad(
    calibration: ChipCalibration, own_phase_rad: FloatArray, die_delta_k: float = 0.0
) -> FloatArray:
    """Phase of every shifter, shape (shifters,), in rad.

    Args:
        calibration: the chip.
        own_phase_rad: shape (shifters,), what each heater gives its own shifter, in rad.
        die_delta_k: die temperature above the calibration's reference, in K.
    """
    warmth = calibration.tempco_rad_per_k * die_delta_k
    return calibration.phi0_rad + calibration.crosstalk @ own_phase_rad + warmth


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


def compensation_rad_per_k(calibration: ChipCalibration) -> FloatArray:
    """Own phase per kelvin that holds all phases, shape (shifters,), in rad/K.

    What one heater takes back also cools its neighbours, so this is the phase per kelvin seen
    through the inverse of the crosstalk: own phases less this times the die's warming.
    """
    own = np.linalg.solve(calibration.crosstalk, calibration.tempco_rad_per_k)
    return np.asarray(own, np.float64)
