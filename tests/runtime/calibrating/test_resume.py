"""A calibration goes on with the work of an interrupted one, and with no other."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lumina.errors import CalibrationError, UsageError
from lumina.runtime.calibrating import CalibrationPlan, run_calibration
from lumina.runtime.calibrating import _resume as resume
from lumina.runtime.wall_clock import utc_now
from lumina.store import open_run

SMALL = Path(__file__).parents[3] / "lab_configs/small.yaml"


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
    for other in (replace(plan, seed=4), replace(plan, routines=("mesh",))):
        assert calibrate(other)["resumed_from"] == []


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
