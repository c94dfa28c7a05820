"""The benchmarks of heat and guard measure what they say, on a small scale."""

import numpy as np
import pytest

from benchmarks import guard, thermal
from benchmarks.thermal_twin import reference_loop
from lumina.runtime.faults.catalogue import CATALOGUE


def test_settling_is_the_time_of_the_last_departure() -> None:
    error_k = np.zeros(1000)
    error_k[[10, 700]] = 0.02, -0.011
    assert thermal.settling_s(error_k) == pytest.approx(0.701)
    assert thermal.settling_s(np.full(1000, 0.009)) == 0.0


def test_the_random_load_is_on_or_off_for_a_second_at_least() -> None:
    load_w = thermal.random_load_w(600_000)
    changes = np.flatnonzero(np.diff(load_w))
    assert set(np.unique(load_w)) == {0.0, thermal.LOAD_W}
    assert changes.size > 10
    assert np.diff(changes).min() >= 1000
    assert 0.3 < np.mean(load_w > 0.0) < 0.7


def test_every_fault_that_is_physics_is_lived_through() -> None:
    lived = {name.split()[0] for name, _ in guard.plant_faults(reference_loop().plant.config)}
    assert lived == {kind.name for kind in CATALOGUE.values() if kind.words is not None}


def test_a_stalled_fan_warms_the_sink(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "WARM_S", 10.0)
    monkeypatch.setattr(guard, "STRUCK_S", 60.0)
    (healthy_die_c, healthy_sink_c), (die_c, sink_c) = map(
        guard.hottest_c, ({}, {"fan_stall": 1.0})
    )
    assert 45.0 < healthy_die_c < die_c + 0.1 < guard.HOTTEST_DIE_C
    assert healthy_sink_c + 2.0 < sink_c < guard.HOTTEST_SINK_C


def test_the_sink_s_first_tier_acts_in_the_tick_of_its_reading() -> None:
    assert guard.reaction("sink", "warning").value == 0.0
