"""What a fault leads to is measured from its strike on, to the millisecond."""

import pytest

from benchmarks import faults


def test_a_lost_sensor_is_noticed_and_made_safe_in_the_guards_patience(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(faults, "LOADED_S", 11.5)
    monkeypatch.setattr(faults, "ENDS_S", 12.5)
    measured = faults.measure(faults.told_often(), "sensor_open@12")
    assert measured.noticed_s == pytest.approx(0.005, abs=1e-3)
    assert measured.safe_s == pytest.approx(0.005, abs=1e-3)
    assert (measured.spec, measured.tier) == ("sensor_open:die", "emergency")
    assert "the die's sensor is lost" in measured.found
    assert 45.0 < measured.die_c < 60.0
    row = faults.table([measured])
    assert row.startswith("| `sensor_open:die` |")
    assert "| 5 ms | emergency | 5 ms |" in row
