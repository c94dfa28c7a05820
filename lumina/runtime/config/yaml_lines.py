"""Lab-config files as plain values, each remembered with the file and line it came from.

The reader takes YAML's plain core: mappings with text keys, lists, numbers, true and
false, null and text. `on`, `yes` and `12:30` are text, `1e-6` is a number, a key given
twice is a problem. Reading never raises: what is wrong is in `Document.problems`.
"""

import math
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from lumina.errors import ConfigProblem

__all__ = ["Document", "Place", "PlacedProblem", "merge_documents", "read_document"]

MAX_DEPTH = 32
MAX_VALUES = 50_000
"""A lab config is small; these stop aliases that unfold into millions of values."""

_TAG = "tag:yaml.org,2002:"

ValuePath = tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """Where a value was written. Lines count from 1; None where there are no lines."""

    file: Path
    line: int | None


@dataclass(frozen=True)
class PlacedProblem(ConfigProblem):
    """A problem and the file that it is in, for configs made of several files.

    Attributes:
        file: the file that `line` counts in; None for the file that was asked for.
    """

    file: Path | None = None

    def __str__(self) -> str:
        return f"{self.file}, {super().__str__()}" if self.file else super().__str__()


@dataclass
class Document:
    """One file as values.

    Attributes:
        file: the file that was read.
        values: the top-level mapping; None where the file is no readable mapping.
        places: value path -> where its key (or list item) stands.
        problems: everything wrong with it so far.
    """

    file: Path
    values: dict[str, Any] | None = None
    places: dict[ValuePath, Place] = field(default_factory=dict)
    problems: list[PlacedProblem] = field(default_factory=list)

    def place(self, path: ValuePath) -> Place | None:
        """Where a value, or the nearest mapping around it, was written."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path)

    def add(
        self,
        path: ValuePath,
        message: str,
        *,
        allowed: str | None = None,
        place: Place | None = None,
    ) -> None:
        """Note a problem with the value at `path`, at its own place unless told another."""
        where = place or self.place(path)
        line, file = (where.line, where.file) if where else (None, self.file)
        problem = PlacedProblem(".".join(path), message, line, allowed, file)
        if problem not in self.problems:
            self.problems.append(problem)

    def problems_in_order(self) -> list[PlacedProblem]:
        """The problems from top to bottom, this file's first; only others name their file."""
        own = [replace(p, file=None) for p in self.problems if p.file == self.file]
        others = [p for p in self.problems if p.file != self.file]
        by_line = sorted(own, key=lambda p: p.line or 0)
        return by_line + sorted(others, key=lambda p: (str(p.file), p.line or 0))


class _CoreLoader(yaml.SafeLoader):
    """PyYAML's parser with the YAML 1.2 core schema in place of 1.1's surprises."""


_CoreLoader.yaml_implicit_resolvers = {}
for _name, _pattern, _first in (
    ("null", r"^(?:~|null|)$", ["~", "n", ""]),
    ("bool", r"^(?:true|false|True|False)$", list("tfTF")),
    ("int", r"^[-+]?[0-9]+$", list("-+0123456789")),
    (
        "float",
        r"^[-+]?(?:\.[0-9]+|[0-9]+\.?[0-9]*)(?:[eE][-+]?[0-9]+)?$|^[-+]?\.(?i:inf|nan)$",
        list("-+.0123456789"),
    ),
):
    _CoreLoader.add_implicit_resolver(_TAG + _name, re.compile(_pattern), _first)


def read_document(file: Path) -> Document:
    """Read one lab-config file.

    Returns:
        The document; its `values` are None when nothing could be made of the file.
    """
    document = Document(file)
    text = _read_text(file, document)
    if text is not None:
        root = _parse(text, file, document)
        if root is not None:
            _Walker(file, document).walk_root(root)
    return document


def merge_documents(base: Document, top: Document) -> Document:
    """`top` laid over `base`: mappings merge key by key, anything else is replaced.

    The result has values only if both have.
    """
    merged = Document(top.file, {}, dict(base.places), [*base.problems, *top.problems])
    if base.values is None or top.values is None:
        merged.values = None
    else:
        merged.values = _merge(base.values, top.values, (), merged.places)
    merged.places.update(top.places)
    return merged


def _merge(
    base: dict[str, Any], top: dict[str, Any], path: ValuePath, places: dict[ValuePath, Place]
) -> dict[str, Any]:
    merged = dict(base)
    for key, value in top.items():
        below = (*path, key)
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            merged[key] = _merge(base[key], value, below, places)
        else:
            if isinstance(base.get(key), dict | list):
                for stale in [p for p in places if p[: len(below)] == below]:
                    del places[stale]
            merged[key] = value
    return merged


def _read_text(file: Path, document: Document) -> str | None:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        message = "no such file"
    except IsADirectoryError:
        message = "this is a folder; give the path of a lab config (*.yaml)"
    except UnicodeDecodeError as error:
        message = f"not UTF-8 text (byte {error.start}); save the file as UTF-8"
    except (OSError, ValueError) as error:
        message = f"cannot be read: {getattr(error, 'strerror', None) or error}"
    document.add((), message)
    return None


def _parse(text: str, file: Path, document: Document) -> yaml.Node | None:
    place: Place | None = None
    try:
        root = yaml.compose(text, Loader=_CoreLoader)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        place, message = Place(file, line), "a control character that YAML does not allow"
    except yaml.MarkedYAMLError as error:
        place, message = _syntax_problem(error, file)
    except RecursionError:
        message = f"nested deeper than {MAX_DEPTH} levels"
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        message = f"not YAML: {error}"
    else:
        if root is None:
            document.add((), "the file is empty; see lab_configs/small.yaml for a start")
        return root
    document.add((), message, place=place)
    return None


_SYNTAX = (
    ("character '\\t'", "a tab; indent with spaces"),
    ("mapping values are not allowed", "a second ':' in one value; quote the text or indent it"),
    ("could not find expected ':'", "expected 'key: value'"),
    ("expected <block end>", "the indentation does not match the lines above"),
    ("unexpected end of stream", "the quote from line {begin} is never closed"),
    ("expected ',' or '}'", "the '{{' from line {begin} needs a ',' or '}}' here"),
    ("expected ',' or ']'", "the '[' from line {begin} needs a ',' or ']' here"),
    ("found another document", "a second document ('---'); a lab config is one"),
    ("found undefined alias", "an alias (*name) without its anchor (&name)"),
)
"""What PyYAML says -> what to do; `begin` is the line on which the construct begins."""


def _syntax_problem(error: yaml.MarkedYAMLError, file: Path) -> tuple[Place | None, str]:
    mark = error.problem_mark or error.context_mark
    place = Place(file, mark.line + 1) if mark else None
    begin = error.context_mark.line + 1 if error.context_mark else "?"
    said = error.problem or str(error)
    for fragment, message in _SYNTAX:
        if fragment in said:
            return place, message.format(begin=begin)
    return place, f"not YAML: {said}"


class _Walker:
    """Turns YAML nodes into values, noting places and problems on the way."""

    def __init__(self, file: Path, document: Document) -> None:
        self._file = file
        self._document = document
        self._values = 0
        self._told_too_much = False

    def walk_root(self, root: yaml.Node) -> None:
        value = self._value(root, ())
        if isinstance(value, dict):
            self._document.values = value
        elif isinstance(root, yaml.ScalarNode | yaml.SequenceNode):
            self._problem(root, (), "a lab config is a mapping: lines of 'key: value'")

    def _problem(self, node: yaml.Node, path: ValuePath, message: str) -> None:
        self._document.add(path, message, place=self._place(node))

    def _place(self, node: yaml.Node) -> Place:
        return Place(self._file, node.start_mark.line + 1)

    def _value(self, node: yaml.Node, path: ValuePath) -> Any:
        self._values += 1
        if len(path) > MAX_DEPTH or self._values > MAX_VALUES:
            self._too_much(node, path)
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return self._sequence(node, path)
        return self._scalar(node, path)

    def _too_much(self, node: yaml.Node, path: ValuePath) -> None:
        if self._told_too_much:
            return
        self._told_too_much = True
        limits = f"{MAX_DEPTH} levels and {MAX_VALUES} values"
        self._problem(node, path[:3], f"nested too deeply, or too many values (at most {limits})")

    def _mapping(self, node: yaml.MappingNode, path: ValuePath) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, key_node, value_node in self._entries(node, path):
            below = (*path, key)
            if key in result:
                first = self._document.places[below].line
                self._problem(key_node, below, f"given twice; the first is on line {first}")
                continue
            self._document.places[below] = self._place(key_node)
            result[key] = self._value(value_node, below)
        return result

    def _entries(
        self, node: yaml.MappingNode, path: ValuePath
    ) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._problem(key_node, path, "a key must be plain text")
            elif not _encodable(key_node.value):
                self._problem(key_node, path, "a key that is not Unicode text")
            else:
                yield key_node.value, key_node, value_node

    def _sequence(self, node: yaml.SequenceNode, path: ValuePath) -> list[Any]:
        items = []
        for index, item in enumerate(node.value):
            below = (*path, str(index))
            self._document.places[below] = self._place(item)
            items.append(self._value(item, below))
        return items

    def _scalar(self, node: yaml.Node, path: ValuePath) -> Any:
        kind, text = node.tag.removeprefix(_TAG), str(node.value)
        if kind == "bool":
            return text.lower() == "true"
        if kind in ("int", "float"):
            return self._number(node, path, text)
        if kind not in ("str", "null"):
            self._problem(node, path, f"the tag {node.tag} has no meaning here")
        elif not _encodable(text):
            self._problem(node, path, "text that is not Unicode")
        elif kind == "str":
            return text
        return None

    def _number(self, node: yaml.Node, path: ValuePath, text: str) -> float | int | None:
        number: float | int = math.nan
        with suppress(ValueError):
            number = int(text) if re.fullmatch(r"[-+]?[0-9]{1,18}", text) else float(text)
        if not math.isfinite(number):
            self._problem(node, path, f"{text[:40]} is not a finite number")
            return None
        return number


def _encodable(text: str) -> bool:
    """False for lone surrogates, which YAML escapes can smuggle in."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
