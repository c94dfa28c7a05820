"""A run folder from its start record to its end record."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from lumina.errors import StoreError, UsageError
from lumina.store import TELEMETRY, Event, open_run
from lumina.store._files import canonical_json, write_atomic
from tests.store.children import finished_child
from tests.store.synthetic_run import CONFIG, RESULTS, STARTED, cut_run, new_run, telemetry


def test_a_run_can_be_told_apart_and_run_again_from_its_first_moment(tmp_path: Path) -> None:
    run = new_run(tmp_path / "runs")
    record = open_run(tmp_path / "runs", "last")
    manifest = record.require_manifest()
    assert record.id == run.id == "20260711-142530"
    assert (manifest.seed, manifest.chip_seed) == (1, 7)
    assert manifest.config == CONFIG
    assert record.config_text() == "name: twin\n"
    assert manifest.command[:2] == ("lumina", "run")
    assert {"lumina", "python", "numpy", "numba"} <= set(manifest.versions)
    assert record.state == "running"
    run.finish("done", ended=STARTED)


def test_the_end_record_adds_results_and_closes_everything(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    frames = run.open_frames({"telemetry": TELEMETRY})
    frames.table("telemetry").append(0.0, telemetry(0.01)[0])
    run.write_event(Event(0.0, "info", "bench", "began"))
    ended = STARTED + timedelta(seconds=58)
    results = RESULTS | {"matrix": np.eye(2), "ratio": float("inf")}
    run.finish("done", ended=ended, results=results)
    record = open_run(tmp_path, "last")
    manifest = record.require_manifest()
    assert (record.state, manifest.ended) == ("done", ended)
    assert manifest.results["accuracy"] == RESULTS["accuracy"]
    assert manifest.results["matrix"] == [[1.0, 0.0], [0.0, 1.0]]
    assert manifest.results["ratio"] is None
    assert manifest.trace_hash is not None
    with record.frames() as reader:
        assert reader.count("telemetry") == 1


def test_runs_of_one_second_get_names_that_sort_by_age(tmp_path: Path) -> None:
    names = [cut_run(tmp_path).name for _ in range(12)]
    assert len(set(names)) == 12
    assert sorted(names) == names
    later = cut_run(tmp_path, started=STARTED + timedelta(seconds=1)).name
    assert later > max(names)


def test_the_name_is_in_utc_wherever_the_bench_stands(tmp_path: Path) -> None:
    tokyo = timezone(timedelta(hours=9))
    folder = cut_run(tmp_path, started=datetime(2026, 1, 1, 3, 0, tzinfo=tokyo))
    assert folder.name == "20251231-180000"
    with pytest.raises(UsageError, match="time zone"):
        new_run(tmp_path, started=datetime(2026, 1, 1))  # noqa: DTZ001


def test_the_config_hash_ignores_the_order_of_keys(tmp_path: Path) -> None:
    def hash_of(config: dict[str, object]) -> str:
        folder = cut_run(tmp_path, config=config)
        return open_run(tmp_path, folder.name).require_manifest().config_sha256

    assert hash_of({"a": 1, "b": {"c": 2.0}}) == hash_of({"b": {"c": 2.0}, "a": 1})
    assert hash_of({"a": 1}) != hash_of({"a": 2})


def test_arrays_are_stored_beside_the_record(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    run.save_arrays("calibration", {"gain": np.asarray(1 + 2j), "tempco_rad_per_k": [0.1, 0.2]})
    run.close()
    arrays = open_run(tmp_path, "last").arrays("calibration")
    assert arrays["gain"] == 1 + 2j
    assert arrays["tempco_rad_per_k"].tolist() == [0.1, 0.2]
    assert open_run(tmp_path, "last").arrays("other") == {}


def test_a_place_where_no_folder_can_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file is in the way")
    with pytest.raises(StoreError, match="runs: no run folder can be made here"):
        new_run(tmp_path / "runs")


def test_a_run_whose_folder_was_deleted_ends_with_a_clear_error(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    for file in run.path.iterdir():
        file.unlink()
    run.path.rmdir()
    with pytest.raises(StoreError, match=r"run\.json: cannot be written"):
        run.finish("done", ended=STARTED)


def test_a_file_is_replaced_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    write_atomic(path, b"old")
    finished_child(
        tmp_path,
        """
        import resource
        from lumina.errors import StoreError
        from lumina.store._files import write_atomic

        resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))
        try:
            write_atomic(folder / "run.json", b"new" * 100)
        except StoreError as error:
            assert "cannot be written: File too large" in str(error)
        else:
            raise AssertionError("it fitted")
        """,
    )
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["run.json"]


def test_canonical_json_has_one_spelling() -> None:
    assert canonical_json({"b": (1, 2.5), "a": "\N{DEGREE SIGN}"}) == b'{"a":"\\u00b0","b":[1,2.5]}'


def test_the_manifest_is_json_that_others_can_read(tmp_path: Path) -> None:
    folder = cut_run(tmp_path, config={"limit": float("nan"), "name": "\ud800"})
    document = json.loads((folder / "run.json").read_bytes())
    assert document["schema_version"] == 1
    assert document["config"]["limit"] is None
    assert document["started"] == datetime(2026, 7, 11, 14, 25, 30, tzinfo=UTC).isoformat().replace(
        "+00:00", "Z"
    )
