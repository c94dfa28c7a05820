"""While a bench runs, drift is noticed, followed and stored, and the held matrix stays held."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration.store import CalibrationStore
from lumina.runtime.bench import Bench, open_bench
from lumina.runtime.calibrating import CalibrationPlan, run_calibration
from lumina.runtime.recording.journal import Journal
from lumina.runtime.stored import Calibrations
from lumina.runtime.virtual_time import run_virtual
from lumina.runtime.wall_clock import utc_now
from lumina.store import Event

SMALL = Path(__file__).parents[3] / "lab_configs/small.yaml"
MATRIX = np.diag([1.0, -0.5, 0.3, 0.8]) + 0.2


class Log:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def event(self, event: Event) -> None:
        if event.event == "drift":
            self.events.append(event)

    def pulse(self, source: str, values: dict[str, Any]) -> None:
        """Not of interest."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a bench that looks for drift every 20 s, and a calibration of it."""
    folder = tmp_path_factory.mktemp("lab")
    config = folder / "watched.yaml"
    config.write_text(
        f"extends: {SMALL}\nname: watched\n"
        f"calibration: {{folder: {folder}/calibrations, watch_s: 20.0}}\n"
    )
    plan = CalibrationPlan(
        config=config,
        backend=None,
        virtual=True,
        seed=1,
        chip_seed=0,
        root=folder / "runs",
        calibrations=folder / "calibrations",
        command=(),
        routines=("mesh",),
    )
    run_calibration(plan, utc_now)
    return folder


@asynccontextmanager
async def watched(lab: Path, log: Log) -> AsyncIterator[Bench]:
    calibrations = Calibrations(lab / "calibrations", utc_now())
    config = lab / "watched.yaml"
    async with open_bench(config, journal=Journal(log), calibrations=calibrations) as bench:
        await bench.device.load(MATRIX)
        yield bench


async def error(bench: Bench) -> float:
    seen = (await bench.device.multiply(np.eye(4))).real
    return float(np.linalg.norm(seen - MATRIX) / np.linalg.norm(MATRIX))


def drift(bench: Bench, channel: int, by_rad: float) -> None:
    (station,) = bench.stations.values()
    assert station.plant is not None
    station.plant.arrays.heaters.phi0_rad[channel] += by_rad


def versions(lab: Path) -> list[int]:
    return CalibrationStore(lab / "calibrations", "watched", "npu").versions()


def test_a_chip_that_stands_still_is_left_as_it_is(lab: Path) -> None:
    log = Log()

    async def main() -> None:
        async with watched(lab, log) as bench:
            await asyncio.sleep(50.0)
            assert await error(bench) < 0.02  # it waits for a look to end

    run_virtual(main())
    assert {event.message for event in log.events} == {"npu: the calibration holds"}
    assert versions(lab) == [1]


def test_drift_is_followed_while_the_bench_runs(lab: Path) -> None:
    log = Log()

    async def main() -> None:
        async with watched(lab, log) as bench:
            before = await error(bench)
            drift(bench, 3, 0.25)
            await asyncio.sleep(0.1)
            assert await error(bench) > 3.0 * before
            async with bench.device.lock:  # somebody computes: the look is put off
                await asyncio.sleep(30.0)
                assert not log.events
            await asyncio.sleep(40.0)
            assert await error(bench) < before + 0.01
            assert bench.device.uses["mesh"] == versions(lab)[-1]

    count = len(versions(lab))
    run_virtual(main())
    assert next(e.message for e in log.events if e.level == "warning").startswith("npu: shifter 3:")
    assert len(versions(lab)) == count + 1
    newest = CalibrationStore(lab / "calibrations", "watched", "npu").read(count + 1)
    assert newest.sections["mesh"].provenance.routine == "drift"


def test_what_is_more_than_drift_is_told_and_changes_nothing(lab: Path) -> None:
    log = Log()

    async def main() -> None:
        async with watched(lab, log) as bench:
            (station,) = bench.stations.values()
            assert station.plant is not None
            known = bench.device.calibration
            station.plant.arrays.heaters.phase_per_w[5] *= 1.4
            await asyncio.sleep(40.0)
            assert bench.device.calibration is known

    count = len(versions(lab))
    run_virtual(main())
    assert "more than phases has changed" in log.events[0].message
    assert len(versions(lab)) == count
