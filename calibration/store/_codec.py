"""The text of a version: JSON with one line per channel, and a digest over all of it."""

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.findings import Findings, Table, Value
from calibration.store._version import Chip, Provenance, Section, StoredCalibration
from lumina.errors import CalibrationError, StoreError
from lumina.store import canonical_json

__all__ = ["SCHEMA", "decode", "encode"]

SCHEMA = 1
"""Version of the file's layout; another one is refused."""

ArrayKeeper = Callable[[NDArray[Any]], str]
"""Stores an array and returns the name that finds it."""

ArrayFinder = Callable[[str], NDArray[Any]]


# To text


def encode(stored: StoredCalibration, keep: ArrayKeeper) -> bytes:
    """The file of a version; arrays go to `keep`."""
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "version": stored.version,
        "bench": stored.bench,
        "device": stored.device,
        "chip": stored.chip.model_dump(),
        "created": stored.created.isoformat(),
        "sections": {name: _section(section, keep) for name, section in stored.sections.items()},
    }
    document["sha256"] = _digest(document)
    return (_pretty(document) + "\n").encode("ascii")


def _digest(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json(document)).hexdigest()


def _section(section: Section, keep: ArrayKeeper) -> dict[str, Any]:
    findings = section.findings
    return {
        "schema": findings.schema,
        "provenance": section.provenance.model_dump(mode="json"),
        "values": {name: _to_json(value) for name, value in findings.values.items()},
        "tables": {name: _table(table) for name, table in findings.tables.items()},
        "arrays": {name: keep(array) for name, array in findings.arrays.items()},
    }


def _table(table: Table) -> dict[str, Any]:
    """Columns as rows, each behind the number of its channel."""
    columns = [[_to_json(value) for value in column.tolist()] for column in table.values()]
    return {
        "columns": {"#": "channel"} | {name: col.dtype.str for name, col in table.items()},
        "rows": [[number, *row] for number, row in enumerate(zip(*columns, strict=True))],
    }


def _to_json(value: Any) -> Any:
    """A single value; what JSON has no word for becomes a list with its name in front."""
    if isinstance(value, complex):
        return ["complex", _to_json(value.real), _to_json(value.imag)]
    if isinstance(value, np.generic):
        return _to_json(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return ["float", str(value)]
    return value


def _pretty(value: Any, indent: str = "") -> str:
    """Objects over several lines; a list of lists with a line for each; other lists in one."""
    deeper = indent + "  "
    if isinstance(value, dict) and value:
        lines = [f"{json.dumps(key)}: {_pretty(item, deeper)}" for key, item in value.items()]
    elif isinstance(value, list) and value and isinstance(value[0], list):
        lines = [json.dumps(item, allow_nan=False) for item in value]
    else:
        return json.dumps(value, allow_nan=False)
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return f"{opening}\n{deeper}" + f",\n{deeper}".join(lines) + f"\n{indent}{closing}"


# From text


def decode(content: bytes, path: Path, find: ArrayFinder) -> StoredCalibration:
    """Read the file of a version.

    Raises:
        StoreError: it is damaged, or was edited.
        CalibrationError: it is whole, but of another schema.
    """
    try:
        document = json.loads(content)
        digest, schema = document.pop("sha256"), document["schema"]
        if digest != _digest(document):
            raise StoreError(path, "damaged or edited: its content is not what was stored")
        if schema != SCHEMA:
            raise CalibrationError(f"{path}: layout {schema} (allowed: {SCHEMA})")
        return StoredCalibration(
            path=path,
            version=int(document["version"]),
            bench=document["bench"],
            device=document["device"],
            chip=Chip.model_validate(document["chip"]),
            created=datetime.fromisoformat(document["created"]),
            sections={
                name: _to_section(name, section, find)
                for name, section in document["sections"].items()
            },
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise StoreError(path, f"damaged: {error!r}") from error


def _to_section(name: str, section: Mapping[str, Any], find: ArrayFinder) -> Section:
    findings = Findings(
        routine=name,
        schema=int(section["schema"]),
        values={key: _from_json(value) for key, value in section["values"].items()},
        tables={key: _to_table(table) for key, table in section["tables"].items()},
        arrays={key: find(file) for key, file in section["arrays"].items()},
    )
    return Section(findings, Provenance.model_validate(section["provenance"]))


def _to_table(table: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    types = {name: dtype for name, dtype in table["columns"].items() if name != "#"}
    rows = [[_from_json(value) for value in row[1:]] for row in table["rows"]]
    columns = zip(*rows, strict=True) if rows else ([] for _ in types)
    return {
        name: np.array(list(column), dtype)
        for (name, dtype), column in zip(types.items(), columns, strict=True)
    }


def _from_json(value: Any) -> Value:
    match value:
        case ["complex", [_, _] | float() as real, [_, _] | float() as imaginary]:
            return complex(_from_json(real), _from_json(imaginary))  # type: ignore[arg-type]
        case ["float", text]:
            return float(text)
        case bool() | int() | float() | str() | None:
            return value
        case _:
            raise ValueError(f"not a value: {value!r}")
