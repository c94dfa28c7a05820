"""What changed from one calibration to another."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.store._version import StoredCalibration

__all__ = ["Change", "changes_between"]


@dataclass(frozen=True)
class Change:
    """One quantity that is not what it was.

    Attributes:
        routine: whose finding it is.
        quantity: its name, with the unit in it.
        of: what it is counted by: a table's name, ``value`` or ``array``.
        rms: root mean square of the change; None where it is no number or of another shape.
        largest: the largest change, with its sign.
        channel: where that is; the flat index in an array, None for a single value.
    """

    routine: str
    quantity: str
    of: str
    rms: float | None = None
    largest: float | None = None
    channel: int | None = None


def changes_between(old: StoredCalibration, new: StoredCalibration) -> list[Change]:
    """Every quantity that differs, of the routines that have been run for both."""
    return [
        change
        for routine in new.sections
        if routine in old.sections
        for of, quantity, value in _quantities(new, routine)
        if (change := _change(routine, of, quantity, _find(old, routine, quantity), value))
    ]


def _quantities(stored: StoredCalibration, routine: str) -> Iterator[tuple[str, str, NDArray[Any]]]:
    findings = stored.sections[routine].findings
    for name, value in findings.values.items():
        yield "value", name, np.asarray(value)
    for of, table in findings.tables.items():
        for name, column in table.items():
            yield of, name, column
    for name, array in findings.arrays.items():
        yield "array", name, array


def _find(stored: StoredCalibration, routine: str, quantity: str) -> NDArray[Any] | None:
    return stored.sections[routine].findings.flat().get(quantity)


def _change(
    routine: str, of: str, quantity: str, old: NDArray[Any] | None, new: NDArray[Any]
) -> Change | None:
    """The change of one quantity; None where there is none."""
    if old is None or old.shape != new.shape or not _numbers(old) or not _numbers(new):
        same = old is not None and old.shape == new.shape and bool(np.all(old == new))
        return None if same else Change(routine, quantity, of)
    by = np.ravel(np.abs(new - old) if np.iscomplexobj(new) else new.astype(float) - old)
    if not by.size or not np.any(np.nan_to_num(by, nan=1.0)):
        return None
    at = int(np.nanargmax(np.abs(by))) if np.isfinite(by).any() else 0
    rms = float(np.sqrt(np.nanmean(by**2))) if np.isfinite(by).any() else None
    return Change(routine, quantity, of, rms, float(by[at]), None if new.ndim == 0 else at)


def _numbers(values: NDArray[Any]) -> bool:
    return values.dtype.kind in "bifc"
