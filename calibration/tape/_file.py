"""The tape on disk: appended to record by record, read up to the first that is torn."""

import os
from pathlib import Path

from calibration.tape._records import Exchange, decode_exchange, encode_exchange
from lumina.errors import StoreError

__all__ = ["TapeWriter", "read_tape"]

MAGIC = b"lumina tape 1\n"

SYNC_EVERY = 64
"""Records between two flushes to the disk itself: what a power cut may cost."""


class TapeWriter:
    """Appends to a tape. A record is the system's as soon as `write` returns.

    A killed process loses nothing, a power cut the last few records.
    """

    def __init__(self, path: Path) -> None:
        """Make a new tape.

        Raises:
            StoreError: it exists already, or cannot be made.
        """
        self.path = path
        self._unsynced = 0
        try:
            self._file = path.open("xb", buffering=0)
            self._file.write(MAGIC)
        except OSError as error:
            raise StoreError(path, f"cannot be made: {error.strerror}") from error

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

    def close(self) -> None:
        """Close the file; idempotent."""
        self._file.close()


def read_tape(path: Path) -> list[Exchange]:
    """All whole exchanges of a tape, in order; a torn end is left out.

    Raises:
        StoreError: there is no such file, or it is no tape.
    """
    try:
        content = memoryview(path.read_bytes())
    except OSError as error:
        raise StoreError(path, f"cannot be read: {error.strerror}") from error
    if bytes(content[: len(MAGIC)]) != MAGIC[: len(content)]:
        raise StoreError(path, "not a tape of measurements")
    exchanges, content = [], content[len(MAGIC) :]
    while (found := decode_exchange(content)) is not None:
        exchanges.append(found[0])
        content = content[found[1] :]
    return exchanges
