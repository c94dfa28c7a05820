"""Finding and reading run folders, whatever state they were left in."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lumina.errors import StoreError, UsageError
from lumina.store._events import EventLog, is_being_written, read_events
from lumina.store._manifest import Manifest, parse_manifest
from lumina.store._run_folder import (
    CONFIG_FILE,
    EVENTS_FILE,
    FRAMES_FILE,
    MANIFEST_FILE,
)

if TYPE_CHECKING:
    from lumina.store.frames import FrameReader

__all__ = ["RunRecord", "list_runs", "open_run"]


@dataclass(frozen=True)
class RunRecord:
    """A run folder as found.

    Attributes:
        path: the folder.
        manifest: its ``run.json``; None where that is missing or corrupt.
        problem: why there is no manifest.
        live: whether the process that writes it is alive.
    """

    path: Path
    manifest: Manifest | None
    problem: str | None
    live: bool

    @property
    def id(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def state(self) -> str:
        """How the run stands, in words."""
        if self.manifest is None:
            return "corrupt"
        if self.manifest.status == "running" and not self.live:
            return "interrupted (no end record)"
        return self.manifest.status

    def require_manifest(self) -> Manifest:
        """The manifest.

        Raises:
            StoreError: it is missing or corrupt.
        """
        if self.manifest is None:
            raise StoreError(self.path / MANIFEST_FILE, f"corrupt: {self.problem}")
        return self.manifest

    def config_text(self) -> str:
        """The lab config as its author wrote it; empty where it is missing."""
        try:
            return (self.path / CONFIG_FILE).read_text("utf-8", errors="replace")
        except OSError:
            return ""

    def events(self) -> EventLog:
        """All events that can be read, and what could not be."""
        return read_events(self.path / EVENTS_FILE)

    def frames(self) -> "FrameReader":
        """The recorded rows; close the reader, or use it in a ``with``.

        Raises:
            StoreError: nothing was recorded, or the file is damaged.
        """
        from lumina.store.frames import FrameReader

        return FrameReader(self.path / FRAMES_FILE)

    def arrays(self, name: str) -> dict[str, NDArray[Any]]:
        """Arrays stored as ``<name>.npz``; empty where there are none.

        Raises:
            StoreError: the file is damaged.
        """
        path = self.path / f"{name}.npz"
        try:
            # Read first: numpy leaves a damaged file open.
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as stored:
                return {key: stored[key] for key in stored.files}
        except FileNotFoundError:
            return {}
        except Exception as error:  # zipfile, zlib and numpy raise a dozen kinds
            raise StoreError(path, f"damaged: {error}") from error


def read_run(path: Path) -> RunRecord:
    """Read one run folder. Never raises for what the folder holds."""
    file = path / MANIFEST_FILE
    live = is_being_written(path / EVENTS_FILE)
    try:
        return RunRecord(path, parse_manifest(file.read_bytes(), file), None, live)
    except FileNotFoundError:
        return RunRecord(path, None, "missing: the run was stopped while it began", live)
    except OSError as error:
        return RunRecord(path, None, f"cannot be read: {error.strerror}", live)
    except StoreError as error:
        return RunRecord(path, None, str(error).removeprefix(f"{file}: corrupt: "), live)


def list_runs(root: Path) -> list[RunRecord]:
    """All runs below a folder, oldest first; corrupt ones too. Empty where it is missing."""
    if not root.is_dir():
        return []
    return [read_run(path) for path in sorted(root.iterdir()) if _is_run(path)]


def open_run(root: Path, name: str) -> RunRecord:
    """Find one run.

    Args:
        root: folder of all runs.
        name: a run's id, the beginning of one, ``last``, or the path of its folder.

    Raises:
        UsageError: no run has that name, or several do.
    """
    if _is_run(Path(name)):
        return read_run(Path(name))
    names = sorted(path.name for path in root.iterdir() if _is_run(path)) if root.is_dir() else []
    if not names:
        raise UsageError(f"no runs in {root}; `lumina run CONFIG` makes one")
    return read_run(root / _choose(names, name))


def _choose(names: list[str], name: str) -> str:
    """The one of the sorted run names that is meant."""
    if name == "last":
        return names[-1]
    if name in names:
        return name
    found = [candidate for candidate in names if candidate.startswith(name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"run {name} could be any of: {', '.join(found[-10:])}")
    raise UsageError(f"no run {name}; the latest are: {', '.join(names[-3:])}, or say `last`")


def _is_run(path: Path) -> bool:
    """Whether a folder is a run's: it has a manifest, or at least the event log."""
    return (path / MANIFEST_FILE).is_file() or (path / EVENTS_FILE).is_file()
