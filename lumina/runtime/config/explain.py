"""Turns pydantic's findings into words for whoever wrote the lab config."""

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any

from pydantic_core import ErrorDetails

from lumina.runtime.config.cross_checks import NAME_RULE, VALUE_RULE
from lumina.runtime.config.schema import Schema, allowed_range, field_schema
from lumina.runtime.config.yaml_lines import Document
from lumina.theory.units import unit_of

__all__ = ["explain"]

_KINDS = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


def explain(details: Iterable[ErrorDetails], document: Document, schema: Schema) -> None:
    """Add every finding to the document's problems, each at its own place.

    A field that has a problem already gets no second one: it would only follow from it.
    """
    known = {problem.field for problem in document.problems}
    for detail in details:
        path = tuple(str(part) for part in detail["loc"] if part != "[key]")
        if ".".join(path) not in known:
            _Finding(detail, path, document, schema).add()


class _Finding:
    """One finding of pydantic, and the field it is about."""

    def __init__(
        self, detail: ErrorDetails, path: tuple[str, ...], document: Document, root: Schema
    ) -> None:
        self._detail = detail
        self._path = path
        self._document = document
        self._root = root

    def add(self) -> None:
        """Say it, with the allowed values where there are any."""
        kind = self._detail["type"]
        message, allowed = self._in_words(kind)
        self._document.add(self._path, message, allowed=allowed)

    def _in_words(self, kind: str) -> tuple[str, str | None]:
        if kind in _KINDS:
            found = "is empty" if self._detail["input"] is None else f"is {self._shown()}"
            return f"{found}, must be {_KINDS[kind]}", self._allowed()
        return _WORDS.get(kind, _Finding._other)(self)

    def _schema(self, path: tuple[str, ...]) -> Schema:
        return field_schema(self._root, path, self._document.values)

    def _allowed(self) -> str | None:
        name = next((part for part in reversed(self._path) if not part.isdecimal()), "")
        return allowed_range(self._schema(self._path), unit_of(name))

    def _shown(self) -> str:
        value = self._detail["input"]
        if isinstance(value, dict | list | tuple):
            return "a mapping" if isinstance(value, dict) else "a list"
        text = str(value).lower() if isinstance(value, bool) else repr(value)
        return text if len(text) <= 40 else text[:37] + "..."

    def _unknown_key(self) -> tuple[str, str | None]:
        known = list(self._schema(self._path[:-1]).get("properties", {}))
        near = get_close_matches(self._path[-1], known, 1)
        if near:
            return f"unknown key; did you mean '{near[0]}'?", None
        return "unknown key", ", ".join(known) or "none"

    def _missing(self) -> tuple[str, str | None]:
        says = self._schema(self._path).get("description")
        return f"missing{f' ({says})' if says else ''}", self._allowed()

    def _out_of_range(self) -> tuple[str, str | None]:
        return f"{self._shown()} is out of range", self._allowed()

    def _no_choice(self) -> tuple[str, str | None]:
        choices = [str(value) for value in self._schema(self._path).get("enum", [])]
        near = get_close_matches(str(self._detail["input"]), choices, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        return f"unknown value {self._shown()}{hint}", ", ".join(choices) or None

    def _name(self) -> tuple[str, str | None]:
        return (
            f"{self._shown()} cannot be a name",
            "lower-case letters, digits and _, beginning with a letter",
        )

    def _length(self) -> tuple[str, str | None]:
        schema, what = self._schema(self._path), "characters"
        bounds = schema.get("minLength"), schema.get("maxLength")
        if isinstance(self._detail["input"], list | tuple | dict):
            what = "entries"
            bounds = schema.get("minItems"), schema.get("maxItems")
        low, high = bounds
        return "too long" if "long" in self._detail["type"] else "too short", (
            f"{low or 0} .. {high} {what}" if high is not None else f"at least {low} {what}"
        )

    def _said_by_a_check(self) -> tuple[str, str | None]:
        context: dict[str, Any] = self._detail.get("ctx", {})
        return str(context.get("error", self._detail["msg"])), None

    def _cross_check(self) -> tuple[str, str | None]:
        allowed = self._detail.get("ctx", {}).get("allowed")
        return self._detail["msg"], str(allowed) if allowed else None

    def _other(self) -> tuple[str, str | None]:
        return self._detail["msg"], self._allowed()


_WORDS: dict[str, Callable[[_Finding], tuple[str, str | None]]] = {
    "extra_forbidden": _Finding._unknown_key,
    "missing": _Finding._missing,
    "greater_than": _Finding._out_of_range,
    "greater_than_equal": _Finding._out_of_range,
    "less_than": _Finding._out_of_range,
    "less_than_equal": _Finding._out_of_range,
    "finite_number": _Finding._out_of_range,
    "enum": _Finding._no_choice,
    "literal_error": _Finding._no_choice,
    "string_pattern_mismatch": _Finding._name,
    "string_too_long": _Finding._length,
    "string_too_short": _Finding._length,
    "too_long": _Finding._length,
    "too_short": _Finding._length,
    "value_error": _Finding._said_by_a_check,
    NAME_RULE: _Finding._cross_check,
    VALUE_RULE: _Finding._cross_check,
}
