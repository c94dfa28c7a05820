"""The tape on disk: appended to record by record, read up to the first that is torn."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from calibration.tape._records import LENGTH, Exchange, decode_exchange, encode_exchange
from lumina.errors import StoreError

__all__ = ["TapeWriter", "read_tape", "settings_on"]

MAGIC = b"lumina tape 1\n"

SYNC_EVERY = 64
"""Records between two flushes to the disk itself: what a power cut may cost."""

LONGEST = 1 << 28
"""Bytes of a record that is believed: a 4096 x 4096 matrix."""


class TapeWriter:
    """Appends to a tape. A record is the system's as soon as `write` returns.

    A killed process loses nothing, a power cut the last few records.

    Attributes:
        path: the file.
        exchanges: on the tape so far.
    """

    def __init__(self, path: Path) -> None:
        """Make a new tape.

        Raises:
            StoreError: it exists already, or cannot be made.
        """
        self.path, self.exchanges = path, 0
        self._unsynced = 0
        try:
            self._file = path.open("xb", buffering=0)
            self._file.write(MAGIC)
        except OSError as error:
            raise StoreError(path, f"cannot be made: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._file.close()

    def write(self, exchange: Exchange) -> None:
        """Append one exchange.

        Raises:
            StoreError: the disk is full or gone; what was written before can be read.
        """
        content = encode_exchange(exchange)
        try:
            written = self._file.write(content)
        except (OSError, ValueError) as error:
            raise StoreError(self.path, f"cannot be written: {error}") from error
        if written != len(content):
            raise StoreError(self.path, "cannot be written: the disk is full")
        self.exchanges += 1
        self._unsynced += 1
        if self._unsynced >= SYNC_EVERY:
            self.sync()

    def sync(self) -> None:
        """Have all of it outlast a power cut.

        Raises:
            StoreError: the disk is full or gone.
        """
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise StoreError(self.path, f"cannot be written: {error.strerror}") from error
        self._unsynced = 0


def read_tape(path: Path) -> Iterator[Exchange]:
    """The whole exchanges of a tape, in order; a torn end is left out.

    Raises:
        StoreError: there is no such file, or it is no tape.
    """
    try:
        with path.open("rb") as file:
            start = file.read(len(MAGIC))
            if start != MAGIC[: len(start)]:
                raise StoreError(path, "not a tape of measurements")
            while (exchange := decode_exchange(_record(file.read))) is not None:
                yield exchange
    except OSError as error:
        raise StoreError(path, f"cannot be read: {error.strerror}") from error


def settings_on(path: Path) -> int:
    """Exchanges of a tape up to its last setting: from there on a chip can be asked anew.

    What follows a setting belongs to it, and means nothing if the chip is left in between.

    Raises:
        StoreError: there is no such file, or it is no tape.
    """
    places = [n for n, e in enumerate(read_tape(path)) if e.question.startswith("set_")]
    return max(places, default=0)


def _record(read: Callable[[int], bytes]) -> bytes:
    """The bytes of the next record, fewer where it is torn."""
    length = read(LENGTH.size)
    if len(length) < LENGTH.size:
        return length
    rest = LENGTH.unpack(length)[0] + LENGTH.size
    return length + (read(rest) if rest < LONGEST else b"")
