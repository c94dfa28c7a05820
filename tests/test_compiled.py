"""Machine code is never older than any source that it was compiled from."""

from pathlib import Path

import pytest

from lumina import compiled
from lumina.compiled import cache_folder, compiled_sources

ROOT = Path(compiled.__file__).parents[1]


def test_the_step_its_constants_and_the_plant_take_part() -> None:
    names = {str(path.relative_to(ROOT)) for path in compiled_sources(ROOT)}
    assert {
        "lumina/control/step.py",
        "lumina/control/records.py",
        "lumina/frames.py",
        "lumina/theory/thermistor.py",
        "twin/kernel.py",
    } <= names
    assert "lumina/cli/run.py" not in names


def test_a_change_in_a_callee_leaves_the_old_code_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = tmp_path / "lumina" / "control"
    room.mkdir(parents=True)
    (room / "loop.py").write_text("from lumina.compiled import compiled\n")
    (room / "constants.py").write_text("LIMIT = 1\n")
    monkeypatch.setattr(compiled, "__file__", str(tmp_path / "lumina" / "compiled.py"))
    before = cache_folder()
    assert cache_folder() == before
    (room / "constants.py").write_text("LIMIT = 2\n")
    assert cache_folder() != before
