"""Machine code is never older than any source that it was compiled from."""

from pathlib import Path

import numpy as np
import pytest

from lumina import compiled
from lumina.compiled import cache_folder, compiled_fast, compiled_sources

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


@compiled_fast
def spread(values: np.ndarray) -> float:
    """Large enough that the compiler would rather share it than copy it."""
    mean = square = cube = fourth = 0.0
    for value in values:
        mean += value / values.size
    for value in values:
        square += (value - mean) ** 2
        cube += (value - mean) ** 3
    for value in values:
        fourth += np.sqrt(abs(value - cube)) * np.sin(value - square)
    for i in range(1, values.size):
        fourth += np.hypot(values[i], values[i - 1]) * np.cos(values[i] * square)
    return fourth


@compiled_fast
def spreads(values: np.ndarray) -> float:
    return spread(values) + spread(values[::2]) * spread(values[1:]) - spread(values[2:])


def test_reordered_sums_are_not_shared_so_that_found_machine_code_says_the_same() -> None:
    spreads(np.arange(9.0))
    spreads.recompile()  # type: ignore[attr-defined] # found on disk, it has no source to look at
    (code,) = spreads.inspect_llvm().values()  # type: ignore[attr-defined]
    assert "define" in code
    calls = [line for line in code.splitlines() if "call " in line and "6spread" in line]
    assert not calls
