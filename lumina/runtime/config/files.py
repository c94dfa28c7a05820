"""The files behind a lab config: the one asked for, those it extends, and overrides."""

from collections.abc import Mapping
from os.path import realpath
from pathlib import Path
from typing import Any

from drivers.registry import Backend
from lumina.runtime.config.yaml_lines import Document, Place, merge_documents, read_document

__all__ = ["DEFAULT_CONTROL", "read_config_files"]

DEFAULT_CONTROL = "default"
"""Key under `control` whose values hold for every processor that does not say otherwise."""

OVERRIDES = Path("overrides")
"""Stands for the file in problems with a value that came from the caller."""


def read_config_files(
    path: Path, overrides: Mapping[str, Any], backend: Backend | None
) -> Document:
    """The merged values of a lab config, with what is wrong with the files.

    Args:
        path: the file asked for.
        overrides: dotted path -> value, laid over the file.
        backend: put in place of every instrument's own, unless None.
    """
    document = _read_with_parents(path, ())
    for dotted, value in overrides.items():
        document = merge_documents(document, _override(dotted.split("."), value))
    document.file = path
    if backend is not None:
        _set_backends(document, backend)
    _spread_default_control(document)
    return document


def _read_with_parents(file: Path, children: tuple[str, ...]) -> Document:
    """The file, laid over the one that it extends, and so on."""
    document = read_document(file)
    if document.values is None or "extends" not in document.values:
        return document
    name, here = document.values.pop("extends"), realpath(file)
    if not isinstance(name, str) or not name or "\0" in name:
        return _without_parent(document, "must be the path of another lab config, as text")
    parent = file.parent / name
    if realpath(parent) in (*children, here):
        return _without_parent(document, f"{name} leads back to this file")
    if not parent.exists():
        return _without_parent(document, f"no such file: {parent}")
    return merge_documents(_read_with_parents(parent, (*children, here)), document)


def _without_parent(document: Document, message: str) -> Document:
    """Only what is wrong with `extends` can be told: the values are half a config."""
    document.add(("extends",), message)
    document.values = None
    return document


def _override(path: list[str], value: Any) -> Document:
    """One override as a document of its own."""
    nested = value
    for key in reversed(path):
        nested = {key: nested}
    return Document(OVERRIDES, nested, {tuple(path): Place(OVERRIDES, None)})


def _set_backends(document: Document, backend: Backend) -> None:
    instruments = (document.values or {}).get("instruments")
    for instrument in instruments.values() if isinstance(instruments, dict) else ():
        if isinstance(instrument, dict):
            instrument["backend"] = backend.value


def _spread_default_control(document: Document) -> None:
    """Lay what `control` says of one processor over what it says of all."""
    control = (document.values or {}).get("control")
    base = control.get(DEFAULT_CONTROL) if isinstance(control, dict) else None
    if isinstance(control, dict) and isinstance(base, dict):
        for name, own in control.items():
            control[name] = _overlay(base, own) if isinstance(own, dict) else own


def _overlay(base: dict[str, Any], top: dict[str, Any]) -> dict[str, Any]:
    """`top` over `base`, mapping by mapping."""
    return base | {
        key: _overlay(base[key], value)
        if isinstance(value, dict) and isinstance(base.get(key), dict)
        else value
        for key, value in top.items()
    }
