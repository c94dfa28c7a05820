"""Reading YAML: plain values with their lines, and every trap of the format refused."""

from itertools import pairwise
from pathlib import Path

import pytest

from lumina.runtime.config.yaml_lines import Document, read_document


def read(folder: Path, content: str | bytes) -> Document:
    file = folder / "file.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_document(file)


def messages(document: Document) -> list[str]:
    return [str(problem) for problem in document.problems_in_order()]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-6", 1e-6),
        ("40", 40),
        ("-.5", -0.5),
        ("1.", 1.0),
        ("012", 12),
        ("on", "on"),
        ("12:30", "12:30"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
        ("2026-01-01", "2026-01-01"),
        ("~", None),
        ("", None),
        ("true", True),
        ("'5'", "5"),
        ("9" * 30, float("9" * 30)),
    ],
)
def test_scalars_are_what_they_look_like(tmp_path: Path, text: str, value: object) -> None:
    document = read(tmp_path, f"key: {text}\n")
    assert document.values == {"key": value}
    assert type((document.values or {})["key"]) is type(value)
    assert not document.problems


@pytest.mark.parametrize("text", [".nan", ".inf", "-.INF", "1e999", "!!float x", "!!int 5.5x"])
def test_a_number_is_finite(tmp_path: Path, text: str) -> None:
    (message,) = messages(read(tmp_path, f"key: {text}\n"))
    assert message.startswith("line 1: key: ")
    assert message.endswith("is not a finite number")


def test_values_remember_their_lines(tmp_path: Path) -> None:
    document = read(tmp_path, "a:\n  b: 1\n  c:\n    - x\n    - y: 2\n")
    lines = {".".join(path): place.line for path, place in document.places.items()}
    assert lines == {"a": 1, "a.b": 2, "a.c": 3, "a.c.0": 4, "a.c.1": 5, "a.c.1.y": 5}
    inside = document.place(("a", "c", "9", "z"))
    assert inside is not None
    assert inside.line == 3


def test_a_key_given_twice_names_both_lines(tmp_path: Path) -> None:
    document = read(tmp_path, "a: 1\nb: {c: 1}\n\na: 2\n")
    assert messages(document) == ["line 4: a: given twice; the first is on line 1"]


def test_a_byte_order_mark_and_windows_line_ends_are_no_problem(tmp_path: Path) -> None:
    document = read(tmp_path, b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert document.values == {"a": 1, "b": 2}


def test_aliases_repeat_a_value(tmp_path: Path) -> None:
    document = read(tmp_path, "a: &x {v: 1}\nb: *x\n")
    assert document.values == {"a": {"v": 1}, "b": {"v": 1}}


def test_an_alias_of_itself_ends(tmp_path: Path) -> None:
    (message,) = messages(read(tmp_path, "a: &x\n  b: *x\n"))
    assert "nested too deeply" in message


def test_aliases_that_unfold_into_millions_end(tmp_path: Path) -> None:
    names = "abcdefghi"
    lines = ["a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    for last, name in pairwise(names):
        repeated = ", ".join([f"*{last}"] * 9)
        lines.append(f"{name}: &{name} [{repeated}]")
    (message,) = messages(read(tmp_path, "\n".join(lines)))
    assert "too many values" in message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a:\n\tb: 1\n", "line 2: a tab; indent with spaces"),
        ("a: b: c\n", "line 1: a second ':' in one value; quote the text or indent it"),
        ("a: 1\n  b: 2\n", "line 2: a second ':' in one value; quote the text or indent it"),
        ("a:\n  b: 1\n c: 2\n", "line 3: the indentation does not match the lines above"),
        ("a: {b: 1\nc: 2\n", "line 2: the '{' from line 1 needs a ',' or '}' here"),
        ("a: [1, 2\nb: 3\n", "line 2: the '[' from line 1 needs a ',' or ']' here"),
        ('a: "b\n', "line 2: the quote from line 1 is never closed"),
        ("a\nb: 1\n", "line 2: a second ':' in one value; quote the text or indent it"),
        ("a: *x\n", "line 1: an alias (*name) without its anchor (&name)"),
        ("a: 1\n---\nb: 2\n", "line 2: a second document ('---'); a lab config is one"),
        ("a: 1\x07\n", "line 1: a control character that YAML does not allow"),
        ("- a\n", "line 1: a lab config is a mapping: lines of 'key: value'"),
        ("just text\n", "line 1: a lab config is a mapping: lines of 'key: value'"),
        ("? [a]\n: 1\n", "line 1: a key must be plain text"),
        ("a: !!python/object:os.system x\n", "line 1: a: the tag tag:yaml.org,2002:python/"
         "object:os.system has no meaning here"),
        ('a: "\\ud800"\n', "line 1: a: text that is not Unicode"),
        ('"\\ud800": 1\n', "line 1: a key that is not Unicode text"),
        ("", "the file is empty; see lab_configs/small.yaml for a start"),
        ("# only a comment\n", "the file is empty; see lab_configs/small.yaml for a start"),
        (b"name: caf\xe9\n", "not UTF-8 text (byte 9); save the file as UTF-8"),
        ("[" * 5000, "nested deeper than 32 levels"),
    ],
)  # fmt: skip
def test_what_is_no_lab_config_is_told_in_plain_words(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    assert messages(read(tmp_path, content)) == [message]


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    assert messages(read_document(tmp_path / "none.yaml")) == ["no such file"]
    assert messages(read_document(tmp_path)) == [
        "this is a folder; give the path of a lab config (*.yaml)"
    ]
