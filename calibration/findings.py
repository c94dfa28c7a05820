"""What a routine found: values, tables by channel, and large arrays, all by name.

The form between a routine, which knows what its numbers mean, and the store, which keeps
them. A routine gives its findings a schema number and raises it when their meaning changes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lumina.errors import CalibrationError

__all__ = ["READINGS", "Findings", "Table", "Value"]

READINGS = "readings"
"""Value under which a routine tells how many readings of instruments it took."""

Value = bool | int | float | complex | str | None
Table = Mapping[str, NDArray[Any]]
"""Columns of equal length: numbers, truth values or texts, one entry per channel."""


@dataclass(frozen=True, eq=False)
class Findings:
    """What one routine found on one device.

    Attributes:
        routine: the routine's name.
        schema: version of the layout below, the routine's own.
        values: single values.
        tables: per channel; the key says of what (``shifters``, ``outputs``).
        arrays: numbers that are too many to read, such as a crosstalk matrix.
    """

    routine: str
    schema: int
    values: Mapping[str, Value] = field(default_factory=dict)
    tables: Mapping[str, Table] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def everything(self) -> dict[str, Any]:
        """Values, columns and arrays by name, each at its own type."""
        columns = {name: column for table in self.tables.values() for name, column in table.items()}
        return {**self.values, **columns, **self.arrays}

    def flat(self) -> dict[str, NDArray[Any]]:
        """The same as arrays, for a run folder; single values have no dimension."""
        return {name: np.asarray(value) for name, value in self.everything().items()}

    def require(self, routine: str, schema: int) -> None:
        """Refuse what another routine or another version of it has found.

        Raises:
            CalibrationError: another routine, or another schema.
        """
        if (self.routine, self.schema) != (routine, schema):
            raise CalibrationError(
                f"{self.routine} findings of schema {self.schema} "
                f"(allowed: {routine} findings of schema {schema}); calibrate again"
            )

    def same_as(self, other: "Findings") -> bool:
        """Whether the other has the same content, bit for bit."""
        mine, theirs = self.flat(), other.flat()
        return (
            (self.routine, self.schema) == (other.routine, other.schema)
            and mine.keys() == theirs.keys()
            and all(_same(mine[name], theirs[name]) for name in mine)
        )


def _same(one: NDArray[Any], other: NDArray[Any]) -> bool:
    same_form = one.dtype.kind == other.dtype.kind and one.shape == other.shape
    numbers = one.dtype.kind in "fc"
    return same_form and bool(np.array_equal(one, other, equal_nan=numbers))
