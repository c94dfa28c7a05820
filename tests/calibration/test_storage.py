from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from calibration.result import ChipCalibration
from calibration.storage import load_calibration
from lumina.errors import CalibrationError, StoreError
from lumina.theory.mesh import MeshArchitecture
from tests.calibration.known_chip import known_chip, some_quality

ARCHITECTURE = MeshArchitecture(4, "svd")


def stored(path: Path, calibration: ChipCalibration, **changes: object) -> Path:
    np.savez_compressed(path, **{**calibration.to_arrays(), **changes})  # type: ignore[arg-type]
    return path


@pytest.fixture
def chip() -> ChipCalibration:
    return replace(known_chip(ARCHITECTURE, seed=1), quality=some_quality(ARCHITECTURE.shifters))


def test_a_calibration_comes_back_as_it_went(chip: ChipCalibration, tmp_path: Path) -> None:
    back = load_calibration(stored(tmp_path / "calibration.npz", chip))
    assert back.architecture == chip.architecture
    assert back.quality is not None
    for record, again in ((chip, back), (chip.quality, back.quality)):
        for field in fields(record):  # type: ignore[arg-type]
            if field.name not in ("architecture", "quality"):
                np.testing.assert_array_equal(
                    getattr(record, field.name), getattr(again, field.name)
                )


def test_one_without_measurements_has_no_quality(tmp_path: Path) -> None:
    path = stored(tmp_path / "calibration.npz", known_chip(ARCHITECTURE, seed=2))
    assert load_calibration(path).quality is None


def test_a_missing_or_damaged_file_is_named(chip: ChipCalibration, tmp_path: Path) -> None:
    whole = stored(tmp_path / "calibration.npz", chip).read_bytes()
    damaged = tmp_path / "damaged.npz"
    for content in (b"", b"no archive", whole[: len(whole) // 2], whole[:200] + whole[220:]):
        damaged.write_bytes(content)
        with pytest.raises(StoreError, match="damaged"):
            load_calibration(damaged)
    with pytest.raises(StoreError, match="nowhere"):
        load_calibration(tmp_path / "nowhere.npz")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"schema": 99}, "schema"),
        ({"kind": "heptagonal"}, "heptagonal"),
        ({"ports": 5}, "shape"),
        ({"phi0_rad": np.full(36, np.nan)}, "finite"),
    ],
)
def test_another_schema_or_chip_is_refused(
    chip: ChipCalibration, tmp_path: Path, changes: dict[str, object], complaint: str
) -> None:
    with pytest.raises(CalibrationError, match=complaint):
        load_calibration(stored(tmp_path / "calibration.npz", chip, **changes))


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "frames.npz", t_s=np.arange(3))
    with pytest.raises(CalibrationError, match="not a calibration"):
        load_calibration(tmp_path / "frames.npz")
