"""A calibration's report: all for the lab book on one page, which a browser shows."""

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibration.faults import ChannelFault, Fault, Part
from calibration.report import calibration_addition
from calibration.report._charts import fringes_section
from calibration.report._rings import bank_sections, bank_tiles
from calibration.result import ChipCalibration
from calibration.rings import BankCalibration
from calibration.store import CalibrationStore
from calibration.tape import looks_on, read_tape
from lumina.runtime.calibrating import CalibrationPlan, run_calibration, run_check
from lumina.runtime.wall_clock import utc_now
from lumina.store import open_run
from lumina.store.report import render_report, write_report
from lumina.store.report._figure import plotting
from lumina.store.report.kit import join
from lumina.theory.rings import WeightBank
from tests.store.test_report import Page

SMALL = Path(__file__).parents[3] / "lab_configs/small.yaml"


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> CalibrationPlan:
    """A plan whose store holds two calibrations, each with a run folder."""
    folder = tmp_path_factory.mktemp("lab")
    plan = CalibrationPlan(
        config=SMALL,
        backend=None,
        virtual=True,
        seed=3,
        chip_seed=0,
        root=folder / "runs",
        calibrations=folder / "calibrations",
        command=("lumina", "calibrate"),
    )
    run_calibration(plan, utc_now)
    run_calibration(replace(plan, seed=4, routines=("mesh",)), utc_now)
    return plan


def runs(plan: CalibrationPlan) -> list[str]:
    return sorted(path.name for path in plan.root.iterdir())


def page_of(plan: CalibrationPlan, run: str) -> Page:
    """What the calibration adds to a run's report."""
    with plotting():
        addition = calibration_addition(open_run(plan.root, run))
    page = Page(join(*(text for tile in addition.tiles for text in tile), *addition.sections))
    page.assert_harmless()
    return page


def test_a_whole_calibration_shows_all_its_parts(plan: CalibrationPlan) -> None:
    page = Page(render_report(open_run(plan.root, runs(plan)[0]), calibration_addition))
    page.assert_harmless()
    for heading in (
        "Calibration of npu",
        "Fringes of npu",
        "Residuals of npu",
        "Temperature during the calibration of npu",
        "Thermal crosstalk of npu",
        "What is known of npu",
        "Programmed matrices of npu",
        "Timeline",
    ):
        assert heading in page.words
    assert "36/36" in page.words
    assert "Every channel was calibrated." in page.words
    assert "every phase shifter" in page.words
    assert "Since the last calibration of npu" not in page.words


def test_a_second_calibration_says_what_changed(plan: CalibrationPlan) -> None:
    page = page_of(plan, runs(plan)[1])
    assert "Since the last calibration of npu" in page.words
    assert "mesh: Phi0 (rad)" in page.words


def test_a_check_shows_its_verdict_and_every_phases_drift(plan: CalibrationPlan) -> None:
    run = Path(run_check(plan, utc_now)["run"])
    page = page_of(plan, run.name)
    assert "Does mesh of calibration 2 of npu hold?" in page.words
    assert "It holds." in page.words
    assert "Drift of the phase, rad" in page.words


def test_what_was_left_out_is_named_with_the_reason(plan: CalibrationPlan, tmp_path: Path) -> None:
    run = plan.root / runs(plan)[0]
    store = CalibrationStore(run / "calibrations", "small", "npu")
    stored = store.read(store.versions()[-1])
    mesh = ChipCalibration.from_findings(stored.sections["mesh"].findings)
    reason = "visibility 0.02 <script>alert(1)</script>"
    faulty = replace(mesh, faults=(ChannelFault(Part.SHIFTER, 7, Fault.DEAD, reason),))
    copy = tmp_path / "copy"
    other = CalibrationStore(copy / "calibrations", "small", "npu")
    section = replace(stored.sections["mesh"], findings=faulty.to_findings())
    other.add(stored.chip, {"mesh": section}, utc_now())
    (copy / "run.json").write_bytes((run / "run.json").read_bytes())
    (copy / "npu_mesh.tape").write_bytes((run / "npu_mesh.tape").read_bytes())
    page = page_of(plan, str(copy))
    assert "35/36" in page.text
    assert "shifter 7" in page.words
    assert reason in page.words
    assert "shifter 7: left out" in page.text


def test_damage_is_named_in_its_place(plan: CalibrationPlan, tmp_path: Path) -> None:
    run = plan.root / runs(plan)[0]
    copy = tmp_path / "copy"
    (copy / "calibrations/small/npu").mkdir(parents=True)
    (copy / "calibrations/small/npu/0001.json").write_text("{")
    (copy / "run.json").write_bytes((run / "run.json").read_bytes())
    assert "cannot be shown" in page_of(plan, str(copy)).text


def test_a_run_that_was_cut_short_says_how_far_it_came(
    plan: CalibrationPlan, tmp_path: Path
) -> None:
    run = plan.root / runs(plan)[0]
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "run.json").write_bytes((run / "run.json").read_bytes())
    (copy / "calibration.json").write_bytes((run / "calibration.json").read_bytes())
    (copy / "npu_mesh.tape").write_bytes((run / "npu_mesh.tape").read_bytes()[:9000])
    page = page_of(plan, str(copy))
    assert "Cut short" in page.words
    assert "--resume" in page.text


def test_fringes_are_found_on_the_tape_for_every_shifter(plan: CalibrationPlan) -> None:
    run = plan.root / runs(plan)[0]
    looks = looks_on(read_tape(run / "npu_mesh.tape"), 36)
    sweeps = looks.sweeps()
    assert list(sweeps) == list(range(36))
    for channel, at in sweeps.items():
        others = np.delete(looks.drive_v[at], channel, axis=1)
        assert np.ptp(others, axis=0).max() == 0.0
        assert np.ptp(looks.drive_v[at, channel]) > 0.0
    store = CalibrationStore(run / "calibrations", "small", "npu")
    mesh = ChipCalibration.from_findings(store.read(store.versions()[-1]).sections["mesh"].findings)
    with plotting():
        shown = fringes_section("npu", mesh, looks)
    assert shown is not None
    assert "24 of 36 sweeps" in shown


def test_a_browser_shows_the_report(plan: CalibrationPlan, tmp_path: Path) -> None:
    from matplotlib.image import imread

    path = write_report(open_run(plan.root, runs(plan)[0]), calibration_addition)
    picture = tmp_path / "report.png"
    browser = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    options = [f"--user-data-dir={tmp_path}", "--window-size=1200,4000"]
    done = subprocess.run(
        [*browser, *options, f"--screenshot={picture}", path.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "Refused to" not in done.stderr  # the page's own policy forbids nothing of it
    seen = imread(picture)
    assert seen.shape[:2] == (4000, 1200)
    colourful = np.ptp(seen[..., :3], axis=2) > 0.3
    assert colourful.mean() > 0.002  # plots are drawn in colour, text and page are grey


def test_a_bank_shows_its_channel_plan() -> None:
    bank = BankCalibration.nominal(WeightBank(4, 0.698, 0.1), 0.157, max_drive_v=10.0)
    bank = replace(bank, phi0_rad=np.full(16, 6.0), weight_error=0.001, measurements=1)
    with plotting():
        page = Page(join(*bank_sections("npu", bank)))
    page.assert_harmless()
    assert "Channel plan of npu" in page.words
    assert "3 (0.28)" in page.words  # 2 pi - 6.0 rad
    assert [text for text, *_ in bank_tiles(bank)] == ["10.7 bits", "0.28 rad"]
