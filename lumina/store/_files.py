"""Plain JSON values, and files that are either whole or not there."""

import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from lumina.errors import StoreError

__all__ = ["canonical_json", "plain", "pretty_json", "write_atomic", "write_once"]


def plain(value: object) -> Any:
    """The value as JSON knows it: dict, list, str, int, float, bool or None.

    Arrays become lists, enums their values, and NaN and infinities None, because JSON has
    no word for them. Anything unknown becomes its text: a record that says something is
    better than a run that dies while writing it.
    """
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Enum):
        value = value.value
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return str(value)


def canonical_json(value: object) -> bytes:
    """One spelling for one value: sorted keys, no spaces, ASCII. What hashes are taken of."""
    text = json.dumps(plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("ascii")


def pretty_json(value: object) -> str:
    """The value as indented JSON, for files and terminals that people read."""
    return json.dumps(plain(value), indent=2, allow_nan=False)


def write_atomic(path: Path, content: bytes) -> None:
    """Replace a file in one step: after a kill it holds the old content or the new.

    Raises:
        StoreError: the folder is gone, read-only or full; the old file is untouched.
    """
    with _draft_of(path, content) as draft:
        draft.replace(path)


def write_once(path: Path, content: bytes) -> bool:
    """Make a file in one step, unless there is one of that name; returns whether it did.

    Raises:
        StoreError: the folder is gone, read-only or full; nothing was made.
    """
    with _draft_of(path, content) as draft:
        try:
            os.link(draft, path)
        except FileExistsError:
            return False
    return True


@contextmanager
def _draft_of(path: Path, content: bytes) -> Iterator[Path]:
    """The content, safe on the disk under another name; what the block renames is safe too."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        with draft.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        yield draft
        _sync_folder(path.parent)
    except OSError as error:
        raise StoreError(path, f"cannot be written: {error.strerror or error}") from error
    finally:
        draft.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Make a rename in the folder outlast a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
