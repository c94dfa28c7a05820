"""The benchmark of instruments compares three masters of one plant, on a small scale."""

import numpy as np
import pytest

from benchmarks import thermal_instruments
from benchmarks.settling import settled_after_s


def test_each_master_holds_the_carrier_and_is_told_beside_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, seconds in {"SETTLED_S": 20.0, "STEADY_S": 5.0, "STEP_S": 20.0}.items():
        monkeypatch.setattr(thermal_instruments, name, seconds)
    monkeypatch.setattr(thermal_instruments, "RATES_HZ", {10.0: "firmware"})
    figures = thermal_instruments.instrument_figures()
    steady, peak = figures["at_10hz_steady_rms"], figures["at_10hz_load_step_peak"]
    assert 0.1 < steady.value < 5.0
    assert "simple-pid" in steady.versus
    assert 100.0 < peak.value < 400.0
    assert 100.0 < peak.target < 400.0
    assert figures["at_10hz_setpoint_up_overshoot"].value < 1.0


def test_settled_is_when_the_last_departure_ends() -> None:
    assert settled_after_s(np.array([0.2, 0.0, 0.1, 0.0]), 0.05, 2.0) == 6.0
