"""Each benchmark measures what it says, on a small scale."""

import shutil
from collections.abc import Mapping

import pytest

from benchmarks import loop, snr, tick, virtual_time
from benchmarks.c_probe import ProbeResult, compiled_probe
from benchmarks.harness import Figure
from benchmarks.working_loop import bench64_loop
from lumina.control.running.lateness import Lateness
from lumina.theory.snr import SCENARIOS


@pytest.fixture(scope="module")
def snr_figures() -> Mapping[str, Figure]:
    return snr.run().figures


def test_the_loop_that_is_timed_is_at_work() -> None:
    work = bench64_loop()
    assert work.control.heaters == 64
    assert work.plant.output_power_w().sum() > 0
    assert (work.plant.actuator.heater_code > 0).all()
    before_c = work.plant.temperatures_c()["carrier"]
    work.runner.advance(2000)
    assert work.plant.temperatures_c()["carrier"] > before_c + 1.0


def test_snr_table_agrees_with_the_published_one(snr_figures: Mapping[str, Figure]) -> None:
    for scenario in SCENARIOS:
        assert snr_figures[f"{scenario.name}_deviation"].value <= 0.05
    assert all(figure.holds for figure in snr_figures.values())


def test_a_held_die_keeps_the_channels_apart_and_a_drifted_one_does_not(
    snr_figures: Mapping[str, Figure],
) -> None:
    assert snr_figures["typical_held_seen"].value > 45.0
    assert snr_figures["typical_drifted_seen"].value < 15.0


def test_cost_of_a_step_grows_with_its_channels() -> None:
    assert 0 < tick.control_figure(1).value < tick.control_figure(1024).value


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_loop_and_probe_are_measured_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "TICKS", 200)
    with compiled_probe() as probe:
        measured = loop.measure("idle", probe, loop.reachable_tier())
    assert measured.probe.ticks == 200
    assert measured.loop.ticks + measured.loop.missed >= 200
    assert measured.loop_cpu_percent > 0


def test_the_loop_may_miss_what_the_probe_misses_and_thirty_more() -> None:
    lateness = Lateness(10_000, 45, 30.0, 80.0, 200.0, 3000.0, None)
    probe = ProbeResult(10_000, 9990, 20, 25.0, 70.0, 150.0, 2000.0, 0.01)
    figures = loop.load_figures("gil_hog", loop.Measurement(lateness, 2.0, probe), 75.0)
    assert figures["gil_hog_missed"].target == 50.0
    assert figures["gil_hog_missed"].holds
    assert not figures["gil_hog_p99"].holds
    assert figures["gil_hog_p50"].holds
    assert set(figures) == {f"gil_hog_{name}" for name in ("missed", "p50", "p99", "p99_9", "cpu")}


def test_a_whole_bench_is_faster_than_the_wall_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtual_time, "HELD_S", 0.5)
    assert virtual_time.whole_bench_speed(virtual_time.sleep_tick_by_tick) > 1.0
