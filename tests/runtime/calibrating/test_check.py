"""A minute's look tells whether a calibration holds, and a routine refits what moved."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration.result import ChipCalibration
from calibration.store import CalibrationStore, Section, StoredCalibration
from lumina.errors import CalibrationError, UsageError
from lumina.runtime.calibrating import CalibrationPlan, run_calibration, run_check
from lumina.runtime.wall_clock import utc_now

SMALL = Path(__file__).parents[3] / "lab_configs/small.yaml"


def plan_in(folder: Path) -> CalibrationPlan:
    return CalibrationPlan(
        config=SMALL,
        backend=None,
        virtual=True,
        seed=3,
        chip_seed=0,
        root=folder / "runs",
        calibrations=folder / "calibrations",
        command=("lumina", "calibrate"),
    )


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> StoredCalibration:
    """A calibration of the small bench's chip."""
    folder = tmp_path_factory.mktemp("fresh")
    run_calibration(plan_in(folder), utc_now)
    return CalibrationStore(folder / "calibrations", "small", "npu").read(1)


def stored_with(
    fresh: StoredCalibration, folder: Path, drifts_rad: dict[int, float], measured_days_ago: int = 0
) -> CalibrationPlan:
    """A plan whose store holds the calibration as it was before these phases drifted."""
    section = fresh.sections["mesh"]
    known = ChipCalibration.from_findings(section.findings)
    phi0_rad = known.phi0_rad.copy()
    for channel, by_rad in drifts_rad.items():
        phi0_rad[channel] -= by_rad
    findings = replace(known, phi0_rad=phi0_rad).to_findings()
    measured = section.provenance.measured.replace(year=utc_now().year - measured_days_ago // 365)
    provenance = section.provenance.model_copy(update={"measured": measured})
    store = CalibrationStore(folder / "calibrations", "small", "npu")
    store.add(fresh.chip, {"mesh": Section(findings, provenance)}, utc_now())
    return plan_in(folder)


def check_of(result: dict[str, Any]) -> dict[str, Any]:
    verdict: dict[str, Any] = result["checks"]["npu"]["routines"]["mesh"]
    return verdict


def test_a_fresh_calibration_holds_within_a_minute(
    fresh: StoredCalibration, tmp_path: Path
) -> None:
    plan = stored_with(fresh, tmp_path, {})
    result = run_check(plan, utc_now)
    assert result["holds"]
    assert result["bench_time_s"] < 60.0
    verdict = check_of(result)
    assert (verdict["moved"], verdict["stale"]) == ([], [])
    assert verdict["transfer_error"] < 0.01
    assert result["checks"]["npu"]["version"] == 1
    assert run_check(plan, utc_now)["trace_hash"] == result["trace_hash"]


def test_what_drifted_is_named_and_refitted_alone(fresh: StoredCalibration, tmp_path: Path) -> None:
    plan = stored_with(fresh, tmp_path, {4: 0.1, 20: -0.3})
    result = run_check(plan, utc_now)
    assert not result["holds"]
    moved = {move["channel"]: move["by"] for move in check_of(result)["moved"]}
    assert moved == pytest.approx({4: 0.1, 20: -0.3}, abs=0.01)

    refit = run_calibration(replace(plan, routines=("drift",)), utc_now)
    npu = refit["calibrations"]["npu"]
    assert npu["version"] == 2
    assert npu["routines"]["mesh"]["measurements"] == 128
    (phi0,) = [change for change in npu["changes"] if change["quantity"] == "phi0_rad"]
    assert (phi0["channel"], phi0["largest"]) == (20, pytest.approx(-0.3, abs=0.01))
    store = CalibrationStore(tmp_path / "calibrations", "small", "npu")
    before, after = (store.read(v).sections["mesh"].findings.tables["shifters"] for v in (1, 2))
    changed = np.flatnonzero(before["phi0_rad"] != after["phi0_rad"])
    assert changed.tolist() == [4, 20]
    assert store.read(2).sections["mesh"].provenance.routine == "drift"
    assert run_check(plan, utc_now)["holds"]


def test_a_stale_calibration_is_checked_all_the_same(
    fresh: StoredCalibration, tmp_path: Path
) -> None:
    plan = stored_with(fresh, tmp_path, {}, measured_days_ago=730)
    result = run_check(plan, utc_now)
    assert result["holds"]
    (reason,) = check_of(result)["stale"]
    assert "allowed: in the last 168 h" in reason


def test_with_nothing_stored_there_is_nothing_to_check(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="no calibration of this chip is stored"):
        run_check(plan_in(tmp_path), utc_now)
    with pytest.raises(UsageError, match="drift: does not apply to npu"):
        run_calibration(replace(plan_in(tmp_path), routines=("drift",)), utc_now)
