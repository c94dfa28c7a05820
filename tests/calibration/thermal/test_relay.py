"""What a relay's swing tells of the plant that it swings."""

import numpy as np
import pytest

from calibration.thermal.relay import RelaySwing, analyse_swing
from lumina.errors import CalibrationError

GAIN_K_PER_S, LAG_S = 0.39, 0.2
STEP_S = 1e-3


def swing(half_band_k: float, duration_s: float, drift_k_per_s: float = 0.0) -> RelaySwing:
    """A cooler of a known integrator behind a sensor's lag, under an ideal relay of 2 A."""
    count = round(duration_s / STEP_S)
    node_c, sensor_c, current_a = 45.0, 45.0, 2.0
    drive, shown = np.empty(count), np.empty(count)
    for i in range(count):
        node_c += STEP_S * (drift_k_per_s - GAIN_K_PER_S * current_a)
        sensor_c += STEP_S / LAG_S * (node_c - sensor_c)
        drive[i], shown[i] = current_a, sensor_c
        if abs(sensor_c - 45.0) > half_band_k:
            current_a = 2.0 if sensor_c > 45.0 else -2.0
    return analyse_swing(np.arange(0.0, count) * STEP_S, drive, shown, half_band_k)


def test_the_swing_is_a_point_of_the_plants_frequency_response() -> None:
    found = swing(0.03, 15.0)
    omega = found.omega_rad_s
    expected = -GAIN_K_PER_S / (1j * omega * (1.0 + 1j * omega * LAG_S))
    assert found.response == pytest.approx(expected, rel=0.02)
    assert found.drive == pytest.approx(4.0 / np.pi * 2.0, rel=0.01)


def test_the_swing_stands_where_the_describing_function_says() -> None:
    found = swing(0.03, 15.0)
    expected_deg = -180.0 + np.degrees(np.arcsin(0.03 / found.swing_k))
    assert found.phase_deg == pytest.approx(expected_deg, abs=3.0)
    assert found.ultimate_gain == pytest.approx(
        found.drive / np.sqrt(found.swing_k**2 - 0.03**2), rel=1e-6
    )


def test_a_heat_load_that_makes_the_swing_lopsided_changes_little() -> None:
    lopsided = swing(0.03, 15.0, drift_k_per_s=0.2)
    omega = lopsided.omega_rad_s
    expected = -GAIN_K_PER_S / (1j * omega * (1.0 + 1j * omega * LAG_S))
    assert lopsided.response == pytest.approx(expected, rel=0.05)


def test_too_few_switchings_are_no_swing() -> None:
    with pytest.raises(CalibrationError, match="no swing"):
        swing(0.03, 1.5)


def test_a_swing_that_does_not_settle_is_refused() -> None:
    edges = np.cumsum(np.tile([0.2, 0.2, 0.9, 0.9], 6))
    time_s = np.arange(0.0, edges[-1], STEP_S)
    drive = np.where(np.searchsorted(edges, time_s) % 2 == 0, 1.0, -1.0)
    with pytest.raises(CalibrationError, match="does not settle"):
        analyse_swing(time_s, drive, np.sin(time_s), 0.01)
