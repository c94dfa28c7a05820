"""The event log survives kills, full disks and whatever else a file may hold."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lumina.errors import StoreError
from lumina.store import Event
from lumina.store._events import EventWriter, is_being_written, parse_event, read_events
from tests.store.children import finished_child

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)

EVENTS = st.builds(
    Event,
    t_s=st.floats(0, 1e9),
    level=st.sampled_from(["debug", "info", "warning", "error", "critical"]),
    source=st.text(max_size=12),
    event=st.text(max_size=12),
    message=st.text(max_size=40),
    data=st.dictionaries(st.text(max_size=8), st.integers() | st.text(max_size=8), max_size=3),
)


def written(path: Path, events: list[Event]) -> bytes:
    path.unlink(missing_ok=True)
    writer = EventWriter(path)
    for event in events:
        writer.write(event)
    writer.close()
    return path.read_bytes()


def test_an_event_is_on_the_disk_when_write_returns(tmp_path: Path) -> None:
    writer = EventWriter(tmp_path / "events.jsonl")
    event = Event(1.5, "info", "main", "locked", "carrier at 45 C", {"error_k": 0.002})
    writer.write(event)
    assert read_events(tmp_path / "events.jsonl").events == (event,)
    writer.close()


@given(events=st.lists(EVENTS, max_size=5))
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, events: list[Event]
) -> None:
    path = tmp_path_factory.getbasetemp() / "round.jsonl"
    written(path, events)
    log = read_events(path)
    assert log.events == tuple(events)
    assert not log.problems


@given(events=st.lists(EVENTS, min_size=1, max_size=4), data=st.data())
def test_a_log_cut_anywhere_keeps_its_whole_lines_and_says_that_one_is_torn(
    tmp_path_factory: pytest.TempPathFactory, events: list[Event], data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "cut.jsonl"
    content = written(path, events)
    cut = content[: data.draw(st.integers(0, len(content)))]
    path.write_bytes(cut)
    log = read_events(path)
    assert log.events == tuple(events[: cut.count(b"\n")])
    torn = bool(cut) and not cut.endswith(b"\n")
    assert [("torn" in problem) for problem in log.problems] == [True] * torn


@given(content=st.binary(max_size=200))
def test_no_content_makes_the_reader_fail(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "wild.jsonl"
    path.write_bytes(content)
    log = read_events(path)
    assert len(log.events) + len(log.problems) <= content.count(b"\n") + 1


@given(line=st.binary(max_size=100) | JSON.map(lambda value: json.dumps(value).encode()))
def test_a_line_is_an_event_or_a_value_error(line: bytes) -> None:
    try:
        event = parse_event(line)
    except ValueError:
        return
    assert isinstance(event, Event)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"t_s": "soon"}, "t_s is not a number"),
        ({"t_s": True}, "t_s is not a number"),
        ({"t_s": 10**400}, "t_s is out of range"),
        ({"data": []}, "data is not an object"),
        ({"message": None}, "message is not a text"),
    ],
)
def test_a_line_with_a_wrong_field_is_named(change: dict[str, Any], complaint: str) -> None:
    record = {"t_s": 1.0, "level": "info", "source": "a", "event": "b", "message": "", "data": {}}
    with pytest.raises(ValueError, match=complaint):
        parse_event(json.dumps(record | change).encode())


def test_a_line_nested_too_deep_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "deep.jsonl"
    path.write_bytes(b"[" * 100_000 + b"\n")
    assert read_events(path).problems == ("deep.jsonl line 1 was left out: not JSON",)


def test_a_missing_log_is_a_problem_not_an_error(tmp_path: Path) -> None:
    assert read_events(tmp_path / "events.jsonl").problems == ("events.jsonl is missing",)


def test_values_that_json_does_not_know_are_written_as_near_as_it_can(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    data = {"codes": np.arange(3, dtype=np.uint16), "error_k": float("nan"), "file": Path("a/b")}
    written(path, [Event(0.0, "info", "main", "odd", data=data)])
    (event,) = read_events(path).events
    assert event.data == {"codes": [0, 1, 2], "error_k": None, "file": "a/b"}


def test_a_log_looks_live_until_its_writer_closes_it(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    writer = EventWriter(path)
    assert is_being_written(path)
    writer.close()
    assert not is_being_written(path)
    assert not is_being_written(tmp_path / "nothing")


def test_a_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"gone/events\.jsonl: cannot be created"):
        EventWriter(tmp_path / "gone" / "events.jsonl")


def test_a_closed_log_refuses_events(tmp_path: Path) -> None:
    writer = EventWriter(tmp_path / "events.jsonl")
    writer.close()
    with pytest.raises(StoreError, match="cannot be written"):
        writer.write(Event(0.0, "info", "main", "late"))


def test_after_a_full_disk_the_next_event_is_whole(tmp_path: Path) -> None:
    finished_child(
        tmp_path,
        """
        import resource
        from lumina.errors import StoreError
        from lumina.store import Event
        from lumina.store._events import EventWriter

        writer = EventWriter(folder / "events.jsonl")
        writer.write(Event(0.0, "info", "main", "first"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (150, resource.RLIM_INFINITY))
        try:
            writer.write(Event(1.0, "info", "main", "second"))
        except StoreError as error:
            assert "the disk is full" in str(error), error
        else:
            raise AssertionError("the second event fitted")
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        writer.write(Event(2.0, "info", "main", "third"))
        """,
    )
    log = read_events(tmp_path / "events.jsonl")
    assert [event.event for event in log.events] == ["first", "third"]
    assert log.problems == ("events.jsonl line 2 was left out: not JSON",)
