"""Drift of resonances as drift of phases."""

import pytest

from lumina.control.config import CompensationConfig, ControlConfig
from lumina.control.loop import ControlLoop
from lumina.theory.drift import phase_drift_rad_per_k


def test_a_tenth_of_a_nanometre_per_kelvin_on_100_um() -> None:
    # FSR = 1.55^2 um^2 / (4.2 x 100 um) = 5.72 nm; 0.1 nm is 1 / 57.2 of a turn.
    assert phase_drift_rad_per_k(100e-6, 0.1) == pytest.approx(0.1098, abs=1e-4)
    assert phase_drift_rad_per_k(-100e-6, 0.1) == pytest.approx(-0.1098, abs=1e-4)


def test_before_calibration_the_loop_assumes_the_designed_drift() -> None:
    compensation = CompensationConfig(design_imbalance_um=100.0)
    config = ControlConfig(compensation=compensation)
    loop = ControlLoop("npu", config, heaters=3, full_scale_v=10.0, heater_bits=16)
    assert loop.arrays.heaters.tempco_rad_per_k == pytest.approx(0.1098, abs=1e-4)
