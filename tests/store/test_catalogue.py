"""Runs are found by name, and a damaged one is listed with what is wrong."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumina.errors import StoreError, UsageError
from lumina.store import Manifest, list_runs, open_run
from lumina.store._manifest import parse_manifest
from tests.store.synthetic_run import STARTED, cut_run


def names(root: Path) -> list[str]:
    return [record.id for record in list_runs(root)]


def test_runs_are_listed_oldest_first_and_other_folders_are_not(tmp_path: Path) -> None:
    first, second = cut_run(tmp_path).name, cut_run(tmp_path).name
    (tmp_path / "notes").mkdir()
    (tmp_path / "todo.txt").write_text("")
    assert names(tmp_path) == [first, second]
    assert names(tmp_path / "nowhere") == []


def test_a_run_is_found_by_id_beginning_last_or_path(tmp_path: Path) -> None:
    first, second = cut_run(tmp_path), cut_run(tmp_path)
    third = cut_run(tmp_path, started=STARTED.replace(year=2027))
    assert open_run(tmp_path, first.name).id == first.name  # though it begins the second's, too
    assert open_run(tmp_path, second.name).id == second.name
    assert open_run(tmp_path, "2027").id == third.name
    assert open_run(tmp_path, "last").id == third.name
    assert open_run(Path("elsewhere"), str(second)).id == second.name


def test_a_name_that_fits_none_or_several_says_which_there_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no runs in"):
        open_run(tmp_path, "last")
    cut_run(tmp_path)
    cut_run(tmp_path)
    with pytest.raises(UsageError, match="could be any of: 20260711-142530, 20260711-142530-002"):
        open_run(tmp_path, "2026")
    with pytest.raises(UsageError, match="no run 1999; the latest are: 20260711-142530, "):
        open_run(tmp_path, "1999")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Invalid JSON"),
        (b'{"id": "a"', "Invalid JSON"),
        (b"[]", "Input should be an object"),
        (b"{}", "id: Field required"),
        (b"\xff\xfe", "Invalid JSON"),
        (b"[" * 10_000, "Invalid JSON"),
    ],
)
def test_a_corrupt_manifest_is_listed_with_the_reason(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    folder = cut_run(tmp_path)
    (folder / "run.json").write_bytes(content)
    (record,) = list_runs(tmp_path)
    assert record.state == "corrupt"
    assert record.problem is not None
    assert reason in record.problem
    with pytest.raises(StoreError, match=r"run\.json: corrupt: "):
        record.require_manifest()


def test_a_run_without_manifest_or_from_the_future_is_listed_as_corrupt(tmp_path: Path) -> None:
    old, new = cut_run(tmp_path), cut_run(tmp_path)
    (old / "run.json").unlink()
    document = json.loads((new / "run.json").read_bytes())
    (new / "run.json").write_text(json.dumps(document | {"schema_version": 2}))
    problems = [str(record.problem) for record in list_runs(tmp_path)]
    assert problems[0] == "missing: the run was stopped while it began"
    assert problems[1].startswith("schema_version: Input should be 1")


def test_a_damaged_array_file_is_named(tmp_path: Path) -> None:
    folder = cut_run(tmp_path)
    (folder / "calibration.npz").write_bytes(b"PK\x03\x04 and nothing behind")
    with pytest.raises(StoreError, match=r"calibration\.npz: damaged"):
        open_run(tmp_path, "last").arrays("calibration")


VALID: dict[str, Any] = {
    "schema_version": 1,
    "id": "20260711-142530",
    "status": "done",
    "started": "2026-07-11T14:25:30Z",
    "config": {},
    "config_sha256": "0" * 64,
}
FIELDS = [*VALID, "ended", "command", "seed", "versions", "machine", "git", "results", "error"]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(content=st.binary(max_size=100) | st.text(max_size=100).map(lambda text: text.encode()))
def test_any_bytes_are_a_manifest_or_a_store_error(content: bytes) -> None:
    with pytest.raises(StoreError, match="corrupt"):
        parse_manifest(content, Path("run.json"))


@given(changes=st.dictionaries(st.sampled_from(FIELDS), ANYTHING, max_size=3))
def test_any_field_may_hold_anything(changes: dict[str, Any]) -> None:
    content = json.dumps(VALID | changes).encode("ascii")
    try:
        manifest = parse_manifest(content, Path("run.json"))
    except StoreError:
        return
    assert isinstance(manifest, Manifest)
