"""The lab config's JSON Schema: for editors, and to tell what a field takes.

`python -m lumina.runtime.config.schema > lab_configs/lab_config.schema.json` writes the file
that editors complete from; a test keeps it current.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from drivers.registry import registry
from lumina.errors import UsageError

__all__ = ["allowed_range", "bench_schema", "field_schema"]

Schema = dict[str, Any]


def field_schema(root: Schema, path: Sequence[str], values: Any) -> Schema:
    """The schema of the field at `path`; empty where the path leads nowhere.

    Args:
        root: the schema of the whole config, as pydantic makes it.
        path: keys and indices, as text.
        values: the config as read: an instrument's driver decides about its options.
    """
    node, defs = root, root.get("$defs", {})
    for depth, key in enumerate(path):
        if key == "options" and _is_instrument(node):
            node = _options_schema(_at(values, [*path[:depth], "driver"]))
            defs = node.get("$defs", {})
        else:
            node = _child(node, key, defs)
    return _resolved(node, defs)


def allowed_range(schema: Schema, unit: str) -> str | None:
    """The values that a field takes, in words; None where it takes any of its type."""
    if "enum" in schema:
        return ", ".join(str(value) for value in schema["enum"])
    low, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    high, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    tail = f" {unit}" if unit else ""
    if low is not None and high is not None:
        return f"{low:g} .. {high:g}{tail}"
    parts = [
        f"{word} {bound:g}"
        for word, bound in (
            ("at least", low),
            ("above", above),
            ("at most", high),
            ("below", below),
        )
        if bound is not None
    ]
    return ", ".join(parts) + tail if parts else None


def bench_schema() -> Schema:
    """The JSON Schema of a lab config file, with each driver's own options.

    A file may leave to the one it extends whatever it does not change, so nothing is
    required by the schema; `lumina check` reports what is missing in the end.
    """
    from lumina.runtime.config.models import BenchConfig

    schema = BenchConfig.model_json_schema()
    _drop_required(schema)
    _add_drivers(schema)
    schema["properties"]["extends"] = {
        "type": "string",
        "description": "another lab config, relative to this one, that this one changes",
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "Lumina lab config",
    }


def _add_drivers(schema: Schema) -> None:
    """Let the driver's name decide what its options take."""
    instrument = schema["$defs"]["InstrumentConfig"]
    names = registry().built_in()
    instrument["properties"]["driver"]["examples"] = names
    instrument["properties"]["options"] = {"type": "object", "description": "driver settings"}
    instrument["allOf"] = [
        {
            "if": {"properties": {"driver": {"const": name}}, "required": ["driver"]},
            "then": {"properties": {"options": _options_schema(name)}},
        }
        for name in names
    ]


def _drop_required(node: Any) -> None:
    if isinstance(node, dict):
        if isinstance(node.get("required"), list):
            del node["required"]
        for value in node.values():
            _drop_required(value)
    elif isinstance(node, list):
        for value in node:
            _drop_required(value)


def _options_schema(driver: object) -> Schema:
    """What a driver's options take; anything where the driver is unknown."""
    try:
        options: type[BaseModel] = registry().entry(str(driver)).options
    except UsageError:
        return {}
    return options.model_json_schema()


def _is_instrument(node: Schema) -> bool:
    return str(node.get("$ref", "")).endswith("/InstrumentConfig")


def _child(node: Schema, key: str, defs: Mapping[str, Schema]) -> Schema:
    for option in _alternatives(node, defs):
        if key in option.get("properties", {}):
            return dict(option["properties"][key])
        if key.isdecimal() and option.get("type") == "array":
            places = option.get("prefixItems", [])
            return dict(places[int(key)] if int(key) < len(places) else option.get("items", {}))
        values = [*option.get("patternProperties", {}).values(), option.get("additionalProperties")]
        if isinstance(values[0], dict):
            return dict(values[0])
    return {}


def _resolved(node: Schema, defs: Mapping[str, Schema]) -> Schema:
    """A field's schema with its reference followed and null left out."""
    options = [o for o in _alternatives(node, defs) if o.get("type") != "null"]
    return options[0] if options else {}


def _alternatives(node: Schema, defs: Mapping[str, Schema]) -> Iterator[Schema]:
    if "$ref" in node:
        yield from _alternatives(defs[node["$ref"].rpartition("/")[2]], defs)
    elif "anyOf" in node or "oneOf" in node:
        for option in node.get("anyOf") or node["oneOf"]:
            yield from _alternatives(option, defs)
    else:
        yield node


def _at(values: Any, path: Sequence[str]) -> Any:
    for key in path:
        values = values.get(key) if isinstance(values, dict) else None
    return values


if __name__ == "__main__":
    json.dump(bench_schema(), sys.stdout, indent=2)
    sys.stdout.write("\n")
