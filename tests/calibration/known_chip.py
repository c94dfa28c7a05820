"""A calibration as it might come out, for tests of what is done with one."""

import numpy as np

from calibration.result import CalibrationQuality, ChipCalibration
from lumina.theory.mesh import MeshArchitecture
from tests.calibration.simulated_chip import NOMINAL_RAD_PER_V2, hidden_chip


def known_chip(
    architecture: MeshArchitecture, seed: int, splitter_sigma_rad: float = 0.02
) -> ChipCalibration:
    truth = hidden_chip(architecture, seed, splitter_sigma_rad)
    return ChipCalibration(
        architecture=architecture,
        max_drive_v=10.0,
        phase_gain_rad_per_v2=truth.phase_gain,
        curvature_per_v2=truth.curvature,
        phi0_rad=truth.phi0_rad,
        splitter_error_rad=truth.splitter_error_rad,
        crosstalk=truth.crosstalk,
        tempco_rad_per_k=truth.tempco,
        gain=0.6 + 0.0j,
        interferometer_amplitude=truth.amplitude,
        output_gain=truth.output_gain,
        input_gain=truth.input_gain,
        receiver_offset=truth.offset,
        channel=np.arange(architecture.shifters),
        receiver=np.arange(architecture.ports),
        reference_die_c=47.0,
    )


def nominal_chip(architecture: MeshArchitecture) -> ChipCalibration:
    return ChipCalibration.nominal(architecture, NOMINAL_RAD_PER_V2, max_drive_v=10.0)


def some_quality(shifters: int) -> CalibrationQuality:
    return CalibrationQuality(
        fringe_amplitude=np.full(shifters, 0.3),
        visibility=np.ones(shifters),
        phase_uncertainty_rad=np.full(shifters, 2e-3),
        noise=2e-3,
        transfer_error=0.005,
        residual_rad=1e-3,
        measurements=2480,
    )
