"""The routines of a calibration, in the order in which they are run.

To add one, write a class after `Routine` and put it into `ROUTINES`: the command, the
store, bring-up, resuming and the report take it from there.
"""

from collections.abc import Sequence

from calibration.routines._drift import DriftRoutine
from calibration.routines._fidelity import FidelityRoutine
from calibration.routines._instruments import (
    ConvertersRoutine,
    HeatersRoutine,
    InstrumentRoutine,
    LaserRoutine,
    PhotodiodesRoutine,
)
from calibration.routines._mesh import MeshRoutine, moves_in
from calibration.routines._refine import RefineRoutine
from calibration.routines._rings import RingsRoutine
from calibration.routines._routine import Device, Move, Routine, Verdict, Workplace
from calibration.routines._thermal import ThermalRoutine
from lumina.errors import UsageError

__all__ = [
    "ROUTINES",
    "Device",
    "InstrumentRoutine",
    "Move",
    "Routine",
    "Verdict",
    "Workplace",
    "chosen",
    "moves_in",
    "named",
    "routine",
]

ROUTINES: tuple[Routine, ...] = (
    ThermalRoutine(),
    PhotodiodesRoutine(),
    LaserRoutine(),
    ConvertersRoutine(),
    HeatersRoutine(),
    MeshRoutine(),
    DriftRoutine(),
    RingsRoutine(),
    FidelityRoutine(),
    RefineRoutine(),
)


def routine(name: str) -> Routine | None:
    """The routine of that name; None where this version has none."""
    return next((one for one in ROUTINES if one.name == name), None)


def named(names: Sequence[str]) -> tuple[Routine, ...]:
    """The routines of these names, in the order of `ROUTINES`; without names the usual ones.

    Raises:
        UsageError: there is none of that name.
    """
    unknown = sorted(set(names) - {one.name for one in ROUTINES})
    if unknown:
        allowed = ", ".join(one.name for one in ROUTINES)
        raise UsageError(f"no routine {', '.join(unknown)} (allowed: {allowed})")
    return tuple(one for one in ROUTINES if (one.name in names if names else one.usual))


def chosen(names: Sequence[str], place: Workplace) -> list[Routine]:
    """Those of `named` that apply to a place."""
    with_board = place.board is not None
    return [
        one for one in named(names) if (with_board or not one.needs_board) and one.applies(place)
    ]
