"""The bus benchmark times whole exchanges, ours and theirs, on the same wire."""

import pytest

from benchmarks import bus_overhead


@pytest.mark.timeout(60)
def test_every_client_is_timed_on_every_wire(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus_overhead, "ROUNDS", 2)
    monkeypatch.setattr(bus_overhead, "BLOCK", 10)
    figures = bus_overhead.overhead_figures()
    for name in ("pty_median_over_pyserial", "socket_median_over_socket", "pty_p99_over_pyvisa"):
        assert 0.01 < figures[name].value < 100.0
        assert "by our bus" in figures[name].versus
