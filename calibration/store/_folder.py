"""The folder of one device's calibrations."""

import hashlib
import io
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.store._codec import decode, encode
from calibration.store._version import Chip, Section, StoredCalibration
from lumina.errors import CalibrationError, StoreError, UsageError
from lumina.store import write_atomic, write_once

__all__ = ["CalibrationStore"]

_ARRAYS = "arrays"
_MOST_TRIES = 100
"""Others that may store a version at the same moment before we give up."""


class CalibrationStore:
    """Every calibration of one device, oldest first.

    Attributes:
        folder: where they are; made when the first one is stored.
    """

    def __init__(self, root: Path, bench: str, device: str) -> None:
        """Look at ``<root>/<bench>/<device>``; nothing is read or made yet."""
        self.folder = root / bench / device
        self._bench, self._device = bench, device

    def versions(self) -> list[int]:
        """The numbers of all versions, rising."""
        names = [path.stem for path in self.folder.glob("*.json")]
        return sorted(int(name) for name in names if name.isdecimal())

    def read(self, version: int) -> StoredCalibration:
        """Read one version.

        Raises:
            StoreError: it is missing or damaged.
            CalibrationError: it is of another schema.
        """
        path = self._path(version)
        return decode(_content(path), path, self._array)

    def newest(self, chip: Chip) -> tuple[StoredCalibration | None, list[str]]:
        """The newest version of a chip, and what could not be read on the way to it.

        Versions of other chips are passed over: a board may come back.
        """
        problems: list[str] = []
        for version in reversed(self.versions()):
            try:
                stored = self.read(version)
            except (StoreError, CalibrationError) as error:
                problems.append(str(error))
                continue
            if stored.chip.serial == chip.serial and stored.chip.model == chip.model:
                return stored, problems
        return None, problems

    def add(
        self, chip: Chip, sections: Mapping[str, Section], created: datetime
    ) -> StoredCalibration:
        """Store a new version: these sections, and what was known of the chip besides.

        Returns:
            The version, once it is on the disk; history is left as it is.

        Raises:
            StoreError: it cannot be written; nothing was changed.
            UsageError: `created` has no time zone.
        """
        if created.tzinfo is None:
            raise UsageError("a calibration's time needs a time zone")
        known, _ = self.newest(chip)
        merged = {**(known.sections if known else {}), **sections}
        self._make_folders()
        first = max(self.versions(), default=0) + 1
        for version in range(first, first + _MOST_TRIES):
            path = self._path(version)
            stored = StoredCalibration(
                path, version, self._bench, self._device, chip, created, merged
            )
            if write_once(path, encode(stored, self._keep)):
                return stored
        raise StoreError(self.folder, "too many are storing calibrations here at once")

    def _path(self, version: int) -> Path:
        return self.folder / f"{version:04d}.json"

    def _make_folders(self) -> None:
        try:
            (self.folder / _ARRAYS).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(self.folder, f"cannot be made: {error.strerror}") from error

    def _keep(self, array: NDArray[Any]) -> str:
        """Store an array under its content's name, if it is not there yet."""
        content = io.BytesIO()
        np.save(content, np.ascontiguousarray(array), allow_pickle=False)
        name = f"{_ARRAYS}/{hashlib.sha256(content.getvalue()).hexdigest()[:32]}.npy"
        path = self.folder / name
        if not path.exists():
            write_atomic(path, content.getvalue())
        return name

    def _array(self, name: str) -> NDArray[Any]:
        """Read an array, which must be what its name says."""
        path = self.folder / name
        content = _content(path)
        if hashlib.sha256(content).hexdigest()[:32] != Path(name).stem:
            raise StoreError(path, "damaged: its content is not what was stored")
        array: NDArray[Any] = np.load(io.BytesIO(content), allow_pickle=False)
        return array


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise StoreError(path, f"cannot be read: {reason}") from error
