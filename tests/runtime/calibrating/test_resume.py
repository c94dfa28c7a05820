"""A calibration goes on with the work of an interrupted one, and with no other."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration import routines
from calibration.findings import Findings
from calibration.routines import Routine, Workplace
from lumina.errors import CalibrationError, UsageError
from lumina.runtime.calibrating import CalibrationPlan, run_calibration
from lumina.runtime.calibrating import _resume as resume
from lumina.runtime.wall_clock import utc_now
from lumina.store import open_run

SMALL = Path(__file__).parents[3] / "lab_configs/small.yaml"


class Glances(Routine):
    """A routine of a few looks."""

    name = "glances"
    finds = "what three settings look like"

    def cost(self, place: Workplace) -> int:
        return 3

    async def run(self, place: Workplace) -> Findings:
        seen = []
        for drive_v in place.rng.uniform(0.0, 5.0, (3, place.chip.architecture.shifters)):
            await place.chip.set_drive_v(drive_v)
            seen.append(await place.chip.measure_transfer())
        return Findings(self.name, 1, arrays={"transfer": np.stack(seen)})

    async def apply(self, place: Workplace, findings: Findings) -> None:
        """Nothing is used of it."""


class Glimpses(Glances):
    """As many looks again."""

    name = "glimpses"


@pytest.fixture(autouse=True)
def quick_routines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routines, "ROUTINES", (Glances(), Glimpses()))


@pytest.fixture
def plan(tmp_path: Path) -> CalibrationPlan:
    config = tmp_path / "quick.yaml"
    config.write_text(f"extends: {SMALL}\nname: quick\n")
    return CalibrationPlan(
        config=config,
        backend=None,
        virtual=True,
        seed=3,
        chip_seed=0,
        root=tmp_path / "runs",
        calibrations=tmp_path / "calibrations",
        command=("lumina", "calibrate"),
        resume=True,
    )


def calibrate(plan: CalibrationPlan) -> dict[str, Any]:
    return run_calibration(plan, utc_now)


def as_if_killed(run: str) -> Path:
    """Take a run's end record away."""
    manifest = Path(run) / "run.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"status": "running"}))
    return Path(run)


def test_only_an_unfinished_run_of_the_same_plan_is_gone_on_with(plan: CalibrationPlan) -> None:
    first = calibrate(plan)
    assert first["resumed_from"] == []
    assert calibrate(plan)["resumed_from"] == []  # the first is done
    folder = as_if_killed(open_run(plan.root, "last").path.as_posix())
    again = calibrate(plan)
    assert again["resumed_from"] == [str(folder)]
    # It had come as far as to store its findings: they are not stored twice.
    assert again["calibrations"]["npu"]["version"] == 2
    assert again["calibrations"]["npu"]["routines"] == first["calibrations"]["npu"]["routines"]
    as_if_killed(again["run"])
    for other in (replace(plan, seed=4), replace(plan, routines=("glances",))):
        assert calibrate(other)["resumed_from"] == []


def test_what_is_found_does_not_depend_on_the_interruption(plan: CalibrationPlan) -> None:
    whole = calibrate(plan)
    as_if_killed(whole["run"])
    again = calibrate(plan)
    assert again["bench_time_s"] == whole["bench_time_s"]
    assert again["calibrations"]["npu"]["routines"] == whole["calibrations"]["npu"]["routines"]
    for name in ("npu_glances.tape", "npu_glimpses.tape"):
        tapes = [(Path(run["run"]) / name).read_bytes() for run in (whole, again)]
        assert tapes[0] == tapes[1]


def test_a_run_that_took_nothing_over_yet_is_passed_by(plan: CalibrationPlan) -> None:
    folder = as_if_killed(calibrate(plan)["run"])
    for left_behind in ("run.json", "events.jsonl"):  # killed in its bring-up
        (plan.root / "99991231-235959").mkdir(exist_ok=True)
        (plan.root / "99991231-235959" / left_behind).write_bytes(b"")
    assert calibrate(plan)["resumed_from"] == [str(folder)]


def test_another_bench_than_the_interrupted_ones_is_told(
    plan: CalibrationPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_if_killed(calibrate(plan)["run"])
    monkeypatch.setattr(resume._Asked, "same_as", lambda *_: True)
    with pytest.raises(CalibrationError, match="came up otherwise than in the interrupted run"):
        calibrate(replace(plan, chip_seed=1))


def test_a_run_that_is_going_on_is_not_taken_over(
    plan: CalibrationPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = as_if_killed(calibrate(plan)["run"])
    from lumina.store._events import EventWriter

    writer = EventWriter(folder / "events.jsonl")
    with pytest.raises(UsageError, match="is still going on"):
        calibrate(plan)
    writer.close()
