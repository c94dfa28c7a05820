"""What is found of instruments: single quantities, each of one channel, each with its sigma."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from calibration.faults import ChannelFault, fault_columns, faults_in
from calibration.findings import READINGS, Findings
from lumina.errors import CalibrationError

__all__ = ["Measured", "Quantity"]

SCHEMA = 1
"""Version of `Measured.to_findings`; findings of another one are refused."""

FAULTS, RAW = "faults", "raw_"


class Quantity(NamedTuple):
    """One number.

    Attributes:
        instrument: whose it is, by the lab config.
        channel: from 0.
        name: what it is, its unit in the name.
        value: as measured.
        sigma: one standard error of it.
    """

    instrument: str
    channel: int
    name: str
    value: float
    sigma: float


@dataclass(frozen=True, eq=False)
class Measured:
    """What a procedure found.

    Attributes:
        quantities: by name, then as they were measured.
        faults: what is wrong with channels; nothing else is said of those.
        readings: readings that it took.
        notes: what it compared with, and what it could not tell.
        raw: what was read, for the record.
    """

    quantities: tuple[Quantity, ...]
    faults: tuple[ChannelFault, ...]
    readings: int
    notes: Mapping[str, str] = field(default_factory=dict)
    raw: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def of(self, name: str, instrument: str | None = None) -> dict[tuple[str, int], Quantity]:
        """All of one name, or those of one instrument, by instrument and channel."""
        return {
            (one.instrument, one.channel): one
            for one in self.quantities
            if one.name == name and instrument in (None, one.instrument)
        }

    def to_findings(self, routine: str) -> Findings:
        """Everything, as the store and run folders keep it: a table for every quantity."""
        ordered = sorted(self.quantities, key=lambda one: one.name)
        tables = {name: _columns(name, list(own)) for name, own in groupby(ordered, _name)}
        return Findings(
            routine=routine,
            schema=SCHEMA,
            values={READINGS: self.readings, **self.notes},
            tables={FAULTS: fault_columns(self.faults), **tables},
            arrays={RAW + name: np.asarray(array) for name, array in self.raw.items()},
        )

    @classmethod
    def from_findings(cls, findings: Findings) -> Self:
        """The inverse of `to_findings`.

        Raises:
            CalibrationError: another schema, or damaged.
        """
        findings.require(findings.routine, SCHEMA)
        try:
            own = {name: table for name, table in findings.tables.items() if name != FAULTS}
            return cls(
                tuple(one for name, table in own.items() for one in _quantities(name, table)),
                faults_in(findings.tables[FAULTS]),
                int(findings.values[READINGS]),  # type: ignore[arg-type]
                {k: str(v) for k, v in findings.values.items() if k != READINGS},
                {k.removeprefix(RAW): array for k, array in findings.arrays.items()},
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CalibrationError(f"{findings.routine}: not a calibration: {error!r}") from error

    def figures(self) -> dict[str, float | int | str]:
        """Each quantity's mean over the channels, and the typical sigma."""
        shown: dict[str, float | int | str] = {}
        for name, own in groupby(sorted(self.quantities, key=_name), _name):
            rows = list(own)
            shown[name] = float(np.mean([one.value for one in rows]))
            shown[f"{name}_sigma"] = float(np.median([one.sigma for one in rows]))
        return shown | dict(self.notes)


def _name(one: Quantity) -> str:
    return one.name


def _columns(name: str, rows: Sequence[Quantity]) -> dict[str, NDArray[Any]]:
    """Which, how much, and how well that is known."""
    return {
        f"{name}_at": np.array([f"{one.instrument} {one.channel}" for one in rows], str),
        name: np.array([one.value for one in rows]),
        f"{name}_sigma": np.array([one.sigma for one in rows]),
    }


def _quantities(name: str, table: Mapping[str, NDArray[Any]]) -> Iterator[Quantity]:
    columns = (table[column].tolist() for column in (f"{name}_at", name, f"{name}_sigma"))
    for at, value, sigma in zip(*columns, strict=True):
        instrument, channel = at.rsplit(" ", 1)
        yield Quantity(instrument, int(channel), name, value, sigma)
