"""What an interrupted calibration run left behind, and a new run that goes on with it.

A run folder of a calibration holds, beside what every run folder holds,

- ``calibration.json``: what was asked for; runs with the same can go on with one another
- ``DEVICE_ROUTINE.tape``: all that was asked of the chip, and its answers
- ``calibrations/``: a store of its own, with what finished routines have found
- ``checkpoint.npz``: the twin, now and then, in virtual time

None of them is ever changed in place. A run that goes on has a folder of its own, takes these
files over as they are, and leaves the interrupted run as it was. A tape that is taken over is
called ``.tape.earlier`` until the new run has played it to its end.
"""

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError

from calibration.store import CalibrationStore, Chip, Section
from calibration.tape import Exchange, read_tape, settings_on
from lumina.errors import StoreError, UsageError
from lumina.runtime.calibrating._checkpoint import Checkpoint, read_checkpoint
from lumina.runtime.calibrating._plan import CalibrationPlan
from lumina.store import Manifest, RunFolder, RunRecord, list_runs, write_atomic

__all__ = ["Progress"]

_ASKED = "calibration.json"
_FOUND = "calibrations"
_CHECKPOINT = "checkpoint.npz"


class _Asked(BaseModel):
    """What a run was asked for, and the runs whose work it took over, oldest first."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    routines: tuple[str, ...]
    virtual: bool
    config_sha256: str
    seed: int | None
    chip_seed: int | None
    earlier: tuple[str, ...] = ()

    @classmethod
    def of(cls, plan: CalibrationPlan, manifest: Manifest) -> Self:
        """What a new run is asked for."""
        return cls(
            routines=plan.routines,
            virtual=plan.virtual,
            config_sha256=manifest.config_sha256,
            seed=plan.seed,
            chip_seed=plan.chip_seed,
        )

    def same_as(self, other: Self) -> bool:
        """Whether the same was asked for."""
        return self.model_copy(update={"earlier": other.earlier}) == other


@dataclass(frozen=True)
class Progress:
    """How far a calibration run has come, on disk.

    Attributes:
        folder: its run folder.
        earlier: folders of the runs that it goes on with, oldest first.
        checkpoint: of the last of them, where there is one.
    """

    folder: Path
    earlier: tuple[Path, ...] = ()
    checkpoint: Checkpoint | None = None

    @classmethod
    def begin(cls, plan: CalibrationPlan, folder: RunFolder) -> Self:
        """Begin a run, where that is asked for with the work of an interrupted one.

        In virtual time a run goes on from a checkpoint, or else from the beginning: then its
        result is the same bit for bit.

        Raises:
            UsageError: the run to go on with is still going on itself.
            StoreError: its files are damaged, or the new ones cannot be written.
        """
        asked = _Asked.of(plan, folder.manifest)
        progress = cls(folder.path)
        last = _interrupted(plan.root, folder.path, asked) if plan.resume else None
        if last is not None:
            path, before = last
            checkpoint = _checkpoint_in(path)
            if checkpoint is not None or not plan.virtual:
                progress = cls(folder.path, (*map(Path, before.earlier), path), checkpoint)
                _take_over(path, folder.path)
        # Written last: a run without it took nothing over yet, and is passed by.
        asked = asked.model_copy(update={"earlier": tuple(map(str, progress.earlier))})
        write_atomic(folder.path / _ASKED, asked.model_dump_json(indent=2).encode())
        return progress

    @property
    def checkpoint_path(self) -> Path:
        """Where the newest checkpoint belongs."""
        return self.folder / _CHECKPOINT

    def tape_path(self, device: str, routine: str) -> Path:
        """Where one routine's tape belongs."""
        return self.folder / f"{device}_{routine}.tape"

    def taped(self, device: str, routine: str) -> Iterable[Exchange]:
        """What the earlier run has on that tape; with a checkpoint, up to that."""
        path = _earlier(self.tape_path(device, routine))
        if self.checkpoint is not None:
            checkpoint = self.checkpoint_in(device, routine)
            count = 0 if checkpoint is None else checkpoint.exchanges
            return islice(read_tape(path), count) if count else ()
        return islice(read_tape(path), settings_on(path)) if path.exists() else ()

    def checkpoint_in(self, device: str, routine: str) -> Checkpoint | None:
        """The checkpoint, if it is of this routine."""
        tape = self.tape_path(device, routine).name
        there = self.checkpoint
        return there if there is not None and there.tape == tape else None

    def pass_by(self, device: str, routine: str) -> None:
        """Take the tape of a routine that is done over as it is."""
        path = self.tape_path(device, routine)
        if _earlier(path).exists():
            _earlier(path).rename(path)

    def caught_up(self, device: str, routine: str) -> None:
        """Let go of a tape that was played to its end."""
        _earlier(self.tape_path(device, routine)).unlink(missing_ok=True)

    def found(self, bench: str, device: str) -> dict[str, Section]:
        """What routines that are done have found, by the routine."""
        store = self._store(bench, device)
        stored = [store.read(version) for version in store.versions()]
        return {s.provenance.routine: s for one in stored for s in one.sections.values()}

    def keep(self, bench: str, device: str, chip: Chip, section: Section) -> None:
        """Keep what a routine has found.

        Raises:
            StoreError: it cannot be written.
        """
        name, when = section.findings.routine, section.provenance.measured
        self._store(bench, device).add(chip, {name: section}, when)

    def _store(self, bench: str, device: str) -> CalibrationStore:
        return CalibrationStore(self.folder / _FOUND, bench, device)


def _interrupted(root: Path, new: Path, asked: _Asked) -> tuple[Path, _Asked] | None:
    """The newest run that was asked for the same, unless it is done.

    Raises:
        UsageError: it is still going on.
    """
    for record in reversed(list_runs(root)):
        its = _asked_of(record)
        if record.path == new or its is None or not its.same_as(asked):
            continue
        if record.live:
            raise UsageError(f"{record.path} is still going on")
        done = record.manifest is not None and record.manifest.status == "done"
        return None if done else (record.path, its)
    return None


def _asked_of(record: RunRecord) -> _Asked | None:
    """What a run was asked for; None if it is no calibration, or did not get that far."""
    try:
        return _Asked.model_validate_json((record.path / _ASKED).read_bytes())
    except (OSError, ValidationError):
        return None


def _checkpoint_in(folder: Path) -> Checkpoint | None:
    path = folder / _CHECKPOINT
    return read_checkpoint(path) if path.exists() else None


def _earlier(tape: Path) -> Path:
    """The name of a tape that was taken over and not yet played."""
    return tape.with_name(tape.name + ".earlier")


def _take_over(last: Path, new: Path) -> None:
    """Have the files of an interrupted run in the new one's folder."""
    try:
        for name in {path.name.removesuffix(".earlier") for path in last.glob("*.tape*")}:
            whole = _earlier(last / name)
            _link(whole if whole.exists() else last / name, _earlier(new / name))
        if (last / _CHECKPOINT).exists():
            _link(last / _CHECKPOINT, new / _CHECKPOINT)
        if (last / _FOUND).exists():
            shutil.copytree(last / _FOUND, new / _FOUND, copy_function=_link)
    except OSError as error:
        raise StoreError(new, f"cannot take over {last}: {error}") from error


def _link(source: str | Path, to: str | Path) -> None:
    """The same file under another name; a copy where the file system has no links."""
    try:
        os.link(source, to)
    except OSError:
        shutil.copyfile(source, to)
