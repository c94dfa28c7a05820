"""Recorded rows in HDF5, readable while they are written and after a kill.

A table is one chunked data set of records. Records rather than one data set per column:
a reader sees whole rows only, and a flush costs one write where columns cost one each
(0.3 ms against 1.6 ms for 17 columns). The file is in HDF5's single-writer
multiple-reader mode from the moment it has its name, so whoever finds it can read it.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from lumina.errors import StoreError, UsageError
from lumina.store._trace import TraceHasher

__all__ = ["FrameReader", "FrameWriter", "TableWriter"]

_CHUNK_BYTES = 32 * 1024
_FORMAT = ("v110", "v110")  # the oldest file format that has the mode, so old tools read it
_HDF5_ERRORS = (OSError, RuntimeError)
_CAUSE = re.compile(r"error message = '([^']+)'")


class TableWriter:
    """Appends rows to one table, through a buffer. Made by `FrameWriter`."""

    def __init__(self, owner: "FrameWriter", name: str, dataset: Any, capacity: int) -> None:
        self._owner = owner
        self._name = name
        self._dataset = dataset
        self._buffer = np.zeros(capacity, dataset.dtype)
        self._columns = [column for column in dataset.dtype.names if column != "t_s"]
        self._order = dataset.dtype.names
        self._pending = 0
        self._stored = 0
        self._flushed_s = -np.inf

    @property
    def rows(self) -> int:
        """Rows appended so far, buffered ones included."""
        return self._stored + self._pending

    def append(self, t_s: float, values: "Mapping[str, Any] | np.void") -> None:
        """Add one row at bench time t_s.

        Args:
            t_s: bench time, in s.
            values: every column but ``t_s`` by name, or a record of the table's dtype,
                whose own ``t_s`` is replaced.

        Raises:
            UsageError: a column is missing or unknown.
            StoreError: the file cannot be written; rows flushed before stay readable.
        """
        self._owner.check()
        if isinstance(values, np.void):
            self._check_columns(values.dtype)
            self._buffer[self._pending] = values
            self._buffer["t_s"][self._pending] = t_s
        else:
            self._buffer[self._pending] = self._record(t_s, values)
        self._pending += 1
        self._flush_when_due(t_s)

    def extend(self, rows: NDArray[Any]) -> None:
        """Add many rows at once. Shape (rows,), of the table's dtype.

        Raises:
            UsageError: the rows have other columns than the table.
            StoreError: the file cannot be written; rows flushed before stay readable.
        """
        self._owner.check()
        self._check_columns(rows.dtype)
        while rows.size:
            part = rows[: self._buffer.size - self._pending]
            self._buffer[self._pending : self._pending + part.size] = part
            self._pending += part.size
            self._flush_when_due(float(part["t_s"][-1]))
            rows = rows[part.size :]

    def flush(self) -> None:
        """Write the buffer to the file, where every reader sees it."""
        if not self._pending:
            return
        rows = self._buffer[: self._pending]
        self._owner.store(self._name, self._dataset, self._stored, rows)
        self._stored += self._pending
        self._pending = 0

    def _check_columns(self, columns: "np.dtype[Any]") -> None:
        if columns != self._buffer.dtype:
            raise UsageError(f"table {self._name} has columns {self._order}, not {columns.names}")

    def _record(self, t_s: float, values: Mapping[str, Any]) -> tuple[Any, ...]:
        if len(values) == len(self._columns):
            try:
                return tuple([t_s if name == "t_s" else values[name] for name in self._order])
            except KeyError:
                pass
        wrong = sorted(set(self._columns) ^ set(values))
        raise UsageError(f"table {self._name}: columns missing or unknown: {', '.join(wrong)}")

    def _flush_when_due(self, t_s: float) -> None:
        if self._pending == self._buffer.size or t_s - self._flushed_s >= self._owner.interval_s:
            self._flushed_s = t_s
            self.flush()


class FrameWriter:
    """Writes tables of rows to an HDF5 file that can be read at any moment.

    Attributes:
        interval_s: bench time between flushes, in s.
    """

    def __init__(
        self,
        path: Path,
        tables: "Mapping[str, np.dtype[Any]]",
        *,
        trace: TraceHasher | None = None,
        interval_s: float = 0.5,
    ) -> None:
        """Create the file.

        Args:
            path: the file, which must not exist.
            tables: the columns of every table; each has a ``t_s``. Fixed from here on,
                because HDF5 adds no tables while others read.
            trace: counts every row in.
            interval_s: bench time between flushes, in s: what a kill can cost.

        Raises:
            UsageError: a table has no column ``t_s``.
            StoreError: the file exists or cannot be created.
        """
        self._path = path
        self._trace = trace
        self._failure: str | None = None
        self.interval_s = interval_s
        for name, columns in tables.items():
            if columns.names is None or "t_s" not in columns.names:
                raise UsageError(f"table {name} needs a column t_s")
        if path.exists():
            raise StoreError(path, "exists; a run is recorded once")
        try:
            self._file, self._tables = self._create(tables)
        except _HDF5_ERRORS as error:
            raise StoreError(path, f"cannot be created: {_cause(error)}") from error

    def _create(
        self, tables: "Mapping[str, np.dtype[Any]]"
    ) -> tuple[h5py.File, dict[str, TableWriter]]:
        # The file gets its name once it is in multiple-reader mode: before that, readers
        # are refused, and a kill would leave it unreadable.
        draft = self._path.with_name(f".{self._path.name}.draft")
        file = h5py.File(draft, "w", libver=_FORMAT, locking=False)
        writers = {}
        for name, columns in tables.items():
            rows = max(1, min(1024, _CHUNK_BYTES // columns.itemsize))
            dataset = file.create_dataset(
                name, shape=(0,), maxshape=(None,), chunks=(rows,), dtype=columns
            )
            writers[name] = TableWriter(self, name, dataset, rows)
        file.swmr_mode = True
        draft.rename(self._path)
        return file, writers

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def table(self, name: str) -> TableWriter:
        """The writer of one table.

        Raises:
            UsageError: the file was created without it.
        """
        if name not in self._tables:
            raise UsageError(f"no table {name}; there are: {', '.join(self._tables)}")
        return self._tables[name]

    def flush(self) -> None:
        """Write every buffer to the file.

        Raises:
            StoreError: the file cannot be written; rows flushed before stay readable.
        """
        self.check()
        for table in self._tables.values():
            table.flush()

    def close(self) -> None:
        """Flush and close the file; idempotent.

        Raises:
            StoreError: the last rows could not be written. The file is closed all the same.
        """
        if not self._file:
            return
        if self._failure is None:
            self.flush()
        try:
            self._file.close()
        except _HDF5_ERRORS as error:
            self._abandon(error)

    def check(self) -> None:
        """Raise StoreError where the file is closed or has failed before."""
        if self._failure is not None:
            raise StoreError(self._path, self._failure)
        if not self._file:
            raise StoreError(self._path, "is closed")

    def store(self, table: str, dataset: Any, start: int, rows: NDArray[Any]) -> None:
        """Put rows behind the first `start` ones of a table and make them visible."""
        if self._trace is not None:
            self._trace.add_rows(table, rows)
        try:
            dataset.resize((start + rows.size,))
            dataset[start:] = rows
            dataset.flush()
        except _HDF5_ERRORS as error:
            self._abandon(error)

    def _abandon(self, error: Exception) -> None:
        """Give the file up as it is on the disk, and say why.

        HDF5 cannot close a file that it cannot write (h5py issue 914): it tries again when
        the process ends, and crashes. So its descriptor is turned to memory, where the
        close succeeds; the file keeps every row that was flushed before.
        """
        self._failure = f"cannot be written: {_cause(error)}; rows flushed before are safe"
        memory = os.memfd_create("abandoned")
        os.dup2(memory, self._file.id.get_vfd_handle())
        os.close(memory)
        self._file.close()
        raise StoreError(self._path, self._failure) from error


class FrameReader:
    """Reads a file of `FrameWriter`: finished, being written, or left by a killed process."""

    def __init__(self, path: Path) -> None:
        """Raises StoreError where there is no such file or it cannot be read."""
        self._path = path
        if not path.is_file():
            raise StoreError(path, "missing: nothing was recorded")
        try:
            # Without locks: a reader must never be in a writer's way.
            self._file = h5py.File(path, "r", swmr=True, locking=False)
        except _HDF5_ERRORS as error:
            raise StoreError(path, f"cannot be read: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables."""
        return tuple(self._file)

    def count(self, table: str) -> int:
        """Rows of a table that are flushed by now.

        Raises:
            StoreError: no such table, or the file is damaged.
        """
        return int(self._dataset(table).shape[0])

    def rows(self, table: str, start: int = 0) -> NDArray[Any]:
        """All rows of a table from `start` on, as far as they are flushed by now.

        Returns:
            Shape (rows,), structured; a per-channel column has shape (rows, channels).

        Raises:
            StoreError: no such table, or the file is damaged.
        """
        try:
            rows: NDArray[Any] = self._dataset(table)[start:]
        except _HDF5_ERRORS as error:
            raise StoreError(self._path, f"table {table} is damaged: {error}") from error
        return rows

    def _dataset(self, table: str) -> Any:
        """A table as it stands on the disk now."""
        if table not in self._file:
            raise StoreError(self._path, f"no table {table}; there are: {', '.join(self.tables)}")
        try:
            dataset = self._file[table]
            dataset.refresh()
        except (*_HDF5_ERRORS, KeyError) as error:
            raise StoreError(self._path, f"table {table} is damaged: {error}") from error
        return dataset


def _cause(error: Exception) -> str:
    """The system's own words, out of an HDF5 message of several lines."""
    found = _CAUSE.search(str(error))
    return found.group(1) if found else str(error)
