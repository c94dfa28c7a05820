from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from calibration.faults import ChannelFault, Fault, Part
from calibration.findings import Findings
from calibration.result import ChipCalibration
from lumina.errors import CalibrationError
from lumina.theory.mesh import MeshArchitecture
from tests.calibration.known_chip import known_chip, some_quality

ARCHITECTURE = MeshArchitecture(4, "svd")
FAULTS = (
    ChannelFault(Part.SHIFTER, 9, Fault.DEAD, "no fringe: heater open"),
    ChannelFault(Part.OUTPUT, 2, Fault.SATURATED, "reads full scale"),
)


@pytest.fixture
def chip() -> ChipCalibration:
    quality = some_quality(ARCHITECTURE.shifters)
    return replace(known_chip(ARCHITECTURE, seed=1), quality=quality, faults=FAULTS)


def changed(findings: Findings, name: str, value: Any) -> Findings:
    tables = {
        key: {column: value if column == name else old for column, old in table.items()}
        for key, table in findings.tables.items()
    }
    values = {key: value if key == name else old for key, old in findings.values.items()}
    return replace(findings, tables=tables, values=values)


def test_a_calibration_comes_back_as_it_went(chip: ChipCalibration) -> None:
    back = ChipCalibration.from_findings(chip.to_findings())
    assert (back.architecture, back.faults) == (chip.architecture, chip.faults)
    assert back.quality is not None
    for record, again in ((chip, back), (chip.quality, back.quality)):
        for field in fields(record):  # type: ignore[arg-type]
            if field.name not in ("architecture", "quality", "faults"):
                one, other = getattr(record, field.name), getattr(again, field.name)
                np.testing.assert_array_equal(one, other)


def test_one_without_measurements_has_no_quality() -> None:
    findings = known_chip(ARCHITECTURE, seed=2).to_findings()
    assert ChipCalibration.from_findings(findings).quality is None


def test_a_faulty_shifter_is_not_good(chip: ChipCalibration) -> None:
    assert np.flatnonzero(~chip.good).tolist() == [9]


def test_tables_are_by_channel_and_only_the_crosstalk_is_too_large(chip: ChipCalibration) -> None:
    findings = chip.to_findings()
    assert set(findings.tables) == {
        "faults",
        "interferometers",
        "ports",
        "shifters",
        "splitters",
    }
    assert set(findings.arrays) == {"crosstalk"}
    assert {len(column) for column in findings.tables["shifters"].values()} == {36}


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("kind", "heptagonal", "heptagonal"),
        ("ports", 5, "shape"),
        ("phi0_rad", np.full(36, np.nan), "finite"),
        ("fault", np.array(["tired", "tired"]), "tired"),
    ],
)
def test_what_is_no_calibration_of_this_chip_is_refused(
    chip: ChipCalibration, name: str, value: Any, complaint: str
) -> None:
    with pytest.raises(CalibrationError, match=complaint):
        ChipCalibration.from_findings(changed(chip.to_findings(), name, value))


@pytest.mark.parametrize("change", [{"schema": 99}, {"routine": "thermal"}])
def test_another_schema_is_refused(chip: ChipCalibration, change: dict[str, Any]) -> None:
    with pytest.raises(CalibrationError, match="calibrate again"):
        ChipCalibration.from_findings(replace(chip.to_findings(), **change))


def test_findings_of_something_else_are_refused() -> None:
    with pytest.raises(CalibrationError, match="not a calibration"):
        ChipCalibration.from_findings(Findings("mesh", 3, {"ports": 4, "kind": "svd"}))


def test_the_same_findings_are_told_from_others(chip: ChipCalibration) -> None:
    findings = chip.to_findings()
    assert findings.same_as(chip.to_findings())
    assert not findings.same_as(known_chip(ARCHITECTURE, seed=1).to_findings())
    assert not findings.same_as(changed(findings, "gain", 0.6000001 + 0j))
