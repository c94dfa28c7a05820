"""A run folder while it is being written.

A folder such as ``runs/20260711-142530/`` holds

- ``run.json``: manifest: config, seeds, versions, status, results
- ``config.yaml``: the lab config as its author wrote it
- ``events.jsonl``: what happened
- ``frames.h5``: recorded rows
- ``calibration.npz`` and other named arrays
- ``report.html``: made from all of the above
"""

import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike

from lumina.errors import StoreError, UsageError
from lumina.store._events import Event, EventWriter
from lumina.store._files import plain, pretty_json, write_atomic
from lumina.store._manifest import (
    Manifest,
    Status,
    config_sha256,
    git_revision,
    machine,
    versions,
)
from lumina.store._trace import TraceHasher

if TYPE_CHECKING:
    from lumina.store.frames import FrameWriter

__all__ = [
    "CONFIG_FILE",
    "EVENTS_FILE",
    "FRAMES_FILE",
    "MANIFEST_FILE",
    "REPORT_FILE",
    "RunFolder",
]

MANIFEST_FILE = "run.json"
CONFIG_FILE = "config.yaml"
EVENTS_FILE = "events.jsonl"
FRAMES_FILE = "frames.h5"
REPORT_FILE = "report.html"

_MOST_RUNS_PER_SECOND = 999


class RunFolder:
    """The one writer of a run folder.

    Attributes:
        path: the folder.
        trace: the hash of all that is recorded.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        """Use `create`."""
        self.path = path
        self.trace = TraceHasher()
        self._manifest = manifest
        self._frames: FrameWriter | None = None
        self._events = EventWriter(path / EVENTS_FILE, self.trace)
        self._write_manifest()

    @classmethod
    def create(
        cls,
        root: Path,
        config: Mapping[str, Any],
        config_text: str,
        *,
        seed: int | None,
        chip_seed: int | None,
        command: Sequence[str],
        started: datetime,
    ) -> Self:
        """Make a new run folder, with its start record.

        Args:
            root: folder of all runs; made where it is missing.
            config: the lab config in force, plain values, defaults filled in.
            config_text: the lab config's file as it was read.
            seed: seed of all noise.
            chip_seed: identity of the chip and the plant.
            command: command line of the run.
            started: wall-clock start, with time zone. It names the folder; the store
                itself never looks at a clock.

        Raises:
            UsageError: `started` has no time zone.
            StoreError: the folder cannot be made or written.
        """
        if started.tzinfo is None:
            raise UsageError("a run's start needs a time zone")
        path = _new_folder(root, started.astimezone(UTC))
        settings = plain(config)
        manifest = Manifest(
            id=path.name,
            status="running",
            started=started,
            command=tuple(command),
            seed=seed,
            chip_seed=chip_seed,
            config=settings,
            config_sha256=config_sha256(settings),
            versions=versions(),
            machine=machine(),
            git=git_revision(),
        )
        write_atomic(path / CONFIG_FILE, config_text.encode("utf-8", "surrogateescape"))
        return cls(path, manifest)

    @property
    def id(self) -> str:
        """The run's name, under which `open_run` finds it."""
        return self._manifest.id

    @property
    def manifest(self) -> Manifest:
        """What is on record of the run so far."""
        return self._manifest

    def write_event(self, event: Event) -> None:
        """Log an event; it is on its way to the disk when this returns.

        Raises:
            StoreError: the log cannot be written.
        """
        self._events.write(event)

    def open_frames(
        self, tables: "Mapping[str, np.dtype[Any]]", *, interval_s: float = 0.5
    ) -> "FrameWriter":
        """Start recording rows; `finish` closes the writer.

        Args:
            tables: the columns of every table; each has a ``t_s``.
            interval_s: bench time between flushes, in s.

        Raises:
            StoreError: the file cannot be created, or exists.
        """
        from lumina.store.frames import FrameWriter

        self._frames = FrameWriter(
            self.path / FRAMES_FILE, tables, trace=self.trace, interval_s=interval_s
        )
        return self._frames

    def save_arrays(self, name: str, arrays: Mapping[str, ArrayLike]) -> Path:
        """Store named arrays as ``<name>.npz``, whole or not at all.

        Raises:
            StoreError: the file cannot be written.
        """
        content = io.BytesIO()
        # The type of savez's keywords would have an array named allow_pickle be a bool.
        np.savez_compressed(content, **{key: np.asarray(array) for key, array in arrays.items()})  # type: ignore[arg-type]
        path = self.path / f"{name}.npz"
        write_atomic(path, content.getvalue())
        return path

    def finish(
        self,
        status: Status,
        *,
        ended: datetime,
        results: Mapping[str, Any] | None = None,
        error: str | None = None,
    ) -> None:
        """Close everything and write the end record.

        Args:
            status: how the run ended.
            ended: wall-clock end, with time zone.
            results: figures to add to the record.
            error: why it failed, in words.

        Raises:
            StoreError: the last rows or the end record could not be written; all else is.
        """
        try:
            self.close()
        finally:
            self._manifest = self._manifest.model_copy(
                update={
                    "status": status,
                    "ended": ended,
                    "results": plain({**self._manifest.results, **(results or {})}),
                    "error": error,
                    "trace_hash": self.trace.hexdigest(),
                }
            )
            self._write_manifest()

    def close(self) -> None:
        """Close everything without an end record: the run will look interrupted.

        Raises:
            StoreError: the last rows could not be written; all else is.
        """
        try:
            if self._frames is not None:
                self._frames.close()
        finally:
            self._events.close()

    def _write_manifest(self) -> None:
        content = pretty_json(self._manifest.model_dump(mode="json"))
        write_atomic(self.path / MANIFEST_FILE, content.encode("ascii") + b"\n")


def _new_folder(root: Path, started: datetime) -> Path:
    """A folder of that second's name, or with a number behind it: names sort by time."""
    stamp = started.strftime("%Y%m%d-%H%M%S")
    try:
        root.mkdir(parents=True, exist_ok=True)
        for number in range(1, _MOST_RUNS_PER_SECOND + 1):
            path = root / (stamp if number == 1 else f"{stamp}-{number:03d}")
            try:
                path.mkdir()
            except FileExistsError:
                continue
            return path
    except OSError as error:
        raise StoreError(root, f"no run folder can be made here: {error.strerror}") from error
    raise StoreError(root, f"holds {_MOST_RUNS_PER_SECOND} runs that started at {stamp}")
