"""Rows are readable while they are written, after a kill, and after a full disk."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lumina.errors import StoreError, UsageError
from lumina.store import (
    TELEMETRY,
    Event,
    RunFolder,
    TraceHasher,
    channel_columns,
    open_run,
    rail_columns,
)
from lumina.store.frames import FrameReader, FrameWriter
from tests.store.children import child, finished_child
from tests.store.synthetic_run import STARTED, new_run, telemetry

PAIR = np.dtype([("t_s", "<f8"), ("carrier_c", "<f4")])

WRITE_FOREVER = """
    from tests.store.synthetic_run import new_run, telemetry
    from lumina.store import TELEMETRY, Event

    run = new_run(folder)
    frames = run.open_frames({"telemetry": TELEMETRY})
    run.write_event(Event(0.0, "info", "bench", "began"))
    rows = telemetry(seconds=10.0)
    table = frames.table("telemetry")
    table.extend(rows)
    frames.flush()
    print("flushed", table.rows, flush=True)
    while True:
        rows["t_s"] += 10.0
        table.extend(rows)
"""


def stored(path: Path, table: str = "telemetry") -> NDArray[Any]:
    with FrameReader(path) as frames:
        return frames.rows(table)


def assert_unbroken(rows: NDArray[Any]) -> None:
    np.testing.assert_allclose(np.diff(rows["t_s"]), 0.01, atol=1e-6)


def test_rows_are_followed_while_written_and_all_there_after_a_kill(tmp_path: Path) -> None:
    with child(tmp_path, WRITE_FOREVER) as process:
        assert process.stdout is not None
        flushed = int(process.stdout.readline().split()[1])
        record = open_run(tmp_path, "last")
        assert record.state == "running"
        with record.frames() as frames:
            seen = frames.rows("telemetry")
            assert seen.size >= flushed
            while seen.size < 3 * flushed:
                seen = np.concatenate([seen, frames.rows("telemetry", seen.size)])
            assert_unbroken(seen)
        process.kill()
    rows = stored(tmp_path / "20260711-142530" / "frames.h5")
    assert rows.size >= seen.size
    assert_unbroken(rows)
    record = open_run(tmp_path, "last")
    assert record.state == "interrupted (no end record)"
    assert [event.event for event in record.events().events] == ["began"]


def test_a_full_disk_is_reported_and_costs_nothing_that_was_flushed(tmp_path: Path) -> None:
    # HDF5 alone crashes such a process when it ends; the exit code shows that ours does not.
    output = finished_child(
        tmp_path,
        """
        import resource, signal
        from datetime import timedelta
        from lumina.errors import StoreError
        from lumina.store import TELEMETRY
        from tests.store.synthetic_run import STARTED, new_run, telemetry

        def make_room(*_: object) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)

        run = new_run(folder)
        table = run.open_frames({"telemetry": TELEMETRY}).table("telemetry")
        signal.signal(signal.SIGXFSZ, make_room)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
        for attempt in range(2):
            try:
                table.extend(telemetry())
            except StoreError as error:
                print(table.rows, error)
        run.finish("failed", ended=STARTED, error="disk full")
        """,
    )
    first, again = output.splitlines()
    assert "frames.h5: cannot be written: File too large" in first
    assert "frames.h5: cannot be written: File too large" in again
    rows = stored(tmp_path / "20260711-142530" / "frames.h5")
    assert 1000 < rows.size <= int(first.split()[0])
    assert_unbroken(rows)
    assert open_run(tmp_path, "last").state == "failed"


def test_a_row_is_a_mapping_or_a_record(tmp_path: Path) -> None:
    with FrameWriter(tmp_path / "frames.h5", {"pair": PAIR}) as frames:
        table = frames.table("pair")
        table.append(1.0, {"carrier_c": 45.5})
        record = np.zeros(1, PAIR)[0]
        record["carrier_c"] = 44.5
        table.append(2.0, record)
        assert table.rows == 2
    rows = stored(tmp_path / "frames.h5", "pair")
    assert rows.tolist() == [(1.0, 45.5), (2.0, 44.5)]


def test_rows_show_after_the_flush_interval_without_a_close(tmp_path: Path) -> None:
    with FrameWriter(tmp_path / "frames.h5", {"pair": PAIR}, interval_s=0.5) as frames:
        for tick in range(8):
            frames.table("pair").append(0.1 * tick, {"carrier_c": 45.0})
        assert stored(tmp_path / "frames.h5", "pair").size == 6
        frames.flush()
        assert stored(tmp_path / "frames.h5", "pair").size == 8


def test_a_batch_larger_than_the_buffer_is_stored_whole(tmp_path: Path) -> None:
    rows = telemetry(seconds=30.0)
    with FrameWriter(tmp_path / "frames.h5", {"telemetry": TELEMETRY}) as frames:
        frames.table("telemetry").extend(rows)
    assert stored(tmp_path / "frames.h5").tobytes() == rows.tobytes()


def test_channels_read_back_as_one_row_per_time(tmp_path: Path) -> None:
    tables = {"drive": channel_columns(528, "drive_v"), "rails": rail_columns(["laser", "dac"])}
    with FrameWriter(tmp_path / "frames.h5", tables) as frames:
        for second in range(3):
            frames.table("drive").append(float(second), {"drive_v": np.full(528, second)})
    assert stored(tmp_path / "frames.h5", "rails").size == 0
    drive_v = stored(tmp_path / "frames.h5", "drive")["drive_v"]
    assert drive_v.shape == (3, 528)
    assert drive_v[:, 7].tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("values", [{}, {"die_c": 1.0}, {"carrier_c": 1.0, "die_c": 1.0}])
def test_a_row_with_other_columns_is_refused(tmp_path: Path, values: dict[str, float]) -> None:
    with FrameWriter(tmp_path / "frames.h5", {"pair": PAIR}) as frames:
        with pytest.raises(UsageError, match="table pair: columns missing or unknown"):
            frames.table("pair").append(0.0, values)
        with pytest.raises(UsageError, match="table pair has columns"):
            frames.table("pair").extend(np.zeros(3, TELEMETRY))
        with pytest.raises(UsageError, match="no table telemetry; there are: pair"):
            frames.table("telemetry")


def test_a_table_without_time_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="table odd needs a column t_s"):
        FrameWriter(tmp_path / "frames.h5", {"odd": np.dtype([("carrier_c", "<f4")])})


def test_a_file_is_recorded_once(tmp_path: Path) -> None:
    FrameWriter(tmp_path / "frames.h5", {"pair": PAIR}).close()
    with pytest.raises(StoreError, match="recorded once"):
        FrameWriter(tmp_path / "frames.h5", {"pair": PAIR})


def test_a_closed_writer_refuses_rows(tmp_path: Path) -> None:
    frames = FrameWriter(tmp_path / "frames.h5", {"pair": PAIR})
    frames.close()
    frames.close()
    with pytest.raises(StoreError, match="is closed"):
        frames.table("pair").append(0.0, {"carrier_c": 1.0})


def test_a_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"gone/frames\.h5: cannot be created"):
        FrameWriter(tmp_path / "gone" / "frames.h5", {"pair": PAIR})


def test_a_file_that_is_missing_damaged_or_lacks_the_table_is_named(tmp_path: Path) -> None:
    path = tmp_path / "frames.h5"
    with pytest.raises(StoreError, match="nothing was recorded"):
        FrameReader(path)
    path.write_bytes(b"not HDF5 at all" * 100)
    with pytest.raises(StoreError, match="cannot be read"):
        FrameReader(path)
    path.unlink()
    FrameWriter(path, {"pair": PAIR}).close()
    with pytest.raises(StoreError, match="no table telemetry; there are: pair"):
        stored(path)


def trace_hash(root: Path, seed: int, interval_s: float) -> str:
    run: RunFolder = new_run(root)
    frames = run.open_frames({"telemetry": TELEMETRY}, interval_s=interval_s)
    rows = telemetry(seconds=5.0)
    rows["carrier_c"] += np.random.default_rng(seed).normal(0, 1e-3, rows.size)
    for row in rows:
        frames.table("telemetry").append(float(row["t_s"]), row)
    run.write_event(Event(5.0, "info", "bench", "ended", data={"seed": seed}))
    run.finish("done", ended=STARTED)
    found = open_run(root, run.id).require_manifest().trace_hash
    assert found == run.trace.hexdigest()
    return found


def test_the_trace_hash_tells_runs_apart_and_not_how_they_were_buffered(tmp_path: Path) -> None:
    first = trace_hash(tmp_path, seed=1, interval_s=0.5)
    assert trace_hash(tmp_path, seed=1, interval_s=0.03) == first
    assert trace_hash(tmp_path, seed=2, interval_s=0.5) != first


def test_the_trace_hash_counts_the_order_of_rows_and_the_table_they_are_in() -> None:
    def hash_of(*parts: tuple[str, float]) -> str:
        trace = TraceHasher()
        for table, t_s in parts:
            trace.add_rows(table, np.array([(t_s, 1.0)], PAIR))
        return trace.hexdigest()

    assert hash_of(("a", 1.0), ("a", 2.0)) != hash_of(("a", 2.0), ("a", 1.0))
    assert hash_of(("a", 1.0)) != hash_of(("b", 1.0))
    assert hash_of(("a", 1.0), ("b", 2.0)) == hash_of(("b", 2.0), ("a", 1.0))
