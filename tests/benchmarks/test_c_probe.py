"""The C probe counts deadlines the way the loop does."""

import shutil
from collections.abc import Iterator

import pytest

from benchmarks.c_probe import Probe, ProbeResult, compiled_probe
from lumina.errors import LuminaError
from lumina.privileges import PrivilegeTier

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")


@pytest.fixture(scope="module")
def probe() -> Iterator[Probe]:
    with compiled_probe() as compiled:
        yield compiled


def test_every_deadline_is_met_late_or_skipped(probe: Probe) -> None:
    with probe.running(200, PrivilegeTier.TIMER_SLACK) as run:
        result = run.result()
    assert result.ticks == 200
    assert result.ticks - result.missed <= result.started <= result.ticks
    assert 0 < result.p50_us <= result.p99_us <= result.p999_us <= result.max_us
    assert 0 < result.cpu_share < 1


def test_a_probe_that_nobody_waits_for_is_ended_with_its_block(probe: Probe) -> None:
    with probe.running(3_600_000, PrivilegeTier.TIMER_SLACK) as run:
        pass
    with pytest.raises(LuminaError):
        run.result()


def test_misses_are_given_per_ten_thousand() -> None:
    result = ProbeResult(2000, 1990, 12, 1.0, 2.0, 3.0, 4.0, 0.01)
    assert result.missed_per_10_000 == 60.0
