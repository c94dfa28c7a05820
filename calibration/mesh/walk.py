"""From fringes to phases: walk the mesh and read every interferometer off its patterns.

The pattern of a shifter on the upper arm inside an interferometer is a mix of the two rows
that enter it,

    u0 = cos(pi/4 + a1) e^{j phi} p0 + j sin(pi/4 + a1) p1,

so with p0, p1 known (orthogonal, for a mesh turns but does not lose), the ratio of the two
shares is phi, a1. The pattern of a shifter behind it gives theta, a2 in the same way, and
with them the rows that enter the next interferometer. No search, hence no wrong minimum.

The first mesh of an "svd" chip is walked with the light, on input patterns. The last mesh is
walked against the light, on output patterns: read backwards, each of its interferometers is
again one of the same form, provided that the external phase is thought to lie behind it; the
phases are moved to where they are at the end.

A heater that turns nothing leaves no pattern, and that of a heater at the wrong wires fits
nowhere. Such a place is read by what lies further on: the half behind it by any pattern that
holds one of the two rows that leave, and the half in front by the half behind it, with
perfect couplers,

    upper row   1/2 (e^{j phi} (e^{j theta} - 1) p0 + j (e^{j theta} + 1) p1)
    lower row   1/2 (j e^{j phi} (e^{j theta} + 1) p0 + (1 - e^{j theta}) p1)

which leaves a choice of two, (phi, theta) or (phi + pi, -theta): alike, as nothing will ever
turn that theta.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["MeshWalk", "Patterns", "external_phases_in_front", "walk_back", "walk_forward"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
ComplexArray = NDArray[np.complex128]

_NEARLY_ALL = 0.9
"""Share of a pattern's power that lies in the two rows that enter, if it is in its place."""

_A_PART = 0.2
"""The same where a coupler mixes the pattern with another row."""

_WORST_COUPLER_RAD = 0.25
"""Deviation of a coupler from pi/4 beyond which the pattern must be another shifter's."""

_UNREAD = 0.0, np.pi / 4
"""Phase and coupler angle of a half that nothing tells of."""


class Patterns(NamedTuple):
    """One side of the fringes of one mesh, by place."""

    pattern: ComplexArray
    """Shape (places, ports), unit norm."""
    seen: NDArray[np.bool_]
    """Shape (places,): whether there is one. Walks take back what fits nowhere."""
    ends: ComplexArray
    """Shape (ports, ports): patterns beyond the last interferometer, by port; zeros if none."""


class MeshWalk(NamedTuple):
    """What a walk reads off one mesh: one entry per interferometer, in light order."""

    external_rad: FloatArray
    internal_rad: FloatArray
    splitter_error_rad: FloatArray
    """Shape (interferometers, 2): first coupler, second coupler, in rad."""
    rows: ComplexArray
    """Shape (ports, ports): the rows that leave, by the port at which they leave."""


class _Glimpse(NamedTuple):
    """Where a walk looks for an interferometer's second half."""

    place: int
    """Of a shifter, or -1 - port: the pattern beyond the last interferometer."""
    lower: bool
    """Whether the pattern continues the lower row that leaves, or the upper one."""
    least_share: float
    """Share of the pattern's power that must come from the two rows that enter."""


def walk_forward(mode: IntArray, patterns: Patterns) -> MeshWalk:
    """Walk a rectangular mesh with the light, on input patterns."""
    order = list(range(mode.size))
    return _walk(mode, patterns, order, [_ahead(mode, cell) for cell in order])


def walk_back(mode: IntArray, patterns: Patterns) -> MeshWalk:
    """Walk any mesh against the light, on output patterns; couplers change their roles."""
    order = list(range(mode.size))[::-1]
    mesh = _walk(mode, patterns, order, [_behind(mode, cell) for cell in range(mode.size)])
    return mesh._replace(splitter_error_rad=mesh.splitter_error_rad[:, ::-1])


def _ahead(mode: IntArray, cell: int) -> list[_Glimpse]:
    """Where the rows that leave an interferometer with the light are seen next."""
    return [*_met(mode, range(cell + 1, mode.size), mode[cell], forward=True)]


def _behind(mode: IntArray, cell: int) -> list[_Glimpse]:
    """The same against the light: by its own external shifter, then by those in front of it."""
    further = _met(mode, range(cell - 1, -1, -1), mode[cell], forward=False)
    return [_Glimpse(2 * cell, False, _NEARLY_ALL), *further]


def _met(mode: IntArray, cells: Sequence[int], upper: int, *, forward: bool) -> Iterator[_Glimpse]:
    """Shifters that see the upper or the lower row but not both, the nearest first.

    Args:
        mode: upper mode of each interferometer.
        cells: interferometers further on, in the order of the walk.
        upper: mode of the upper row.
        forward: whether an interferometer's external shifter is met before it.
    """
    carried: dict[int, set[bool]] = {upper: {False}, upper + 1: {True}}
    mixed: set[int] = set()
    for cell in cells:
        ports = int(mode[cell]), int(mode[cell]) + 1
        if carried.keys().isdisjoint(ports):
            continue
        alone = carried.get(ports[0], set())
        if forward and len(alone) == 1:
            least = _A_PART if ports[0] in mixed else _NEARLY_ALL
            yield _Glimpse(2 * cell, next(iter(alone)), least)
        both = set.union(*(carried.get(port, set()) for port in ports))
        if len(both) == 1:
            row = next(iter(both))
            yield _Glimpse(2 * cell + 1, row, _A_PART)
            if not forward:
                yield _Glimpse(2 * cell, row, _A_PART)
        carried |= dict.fromkeys(ports, both)
        mixed.update(ports)
    for port, rows in carried.items():
        if len(rows) == 1:
            least = _A_PART if port in mixed else _NEARLY_ALL
            yield _Glimpse(-1 - port, next(iter(rows)), least)


def _walk(
    mode: IntArray, patterns: Patterns, order: list[int], second: list[list[_Glimpse]]
) -> MeshWalk:
    """Visit the interferometers in `order`, reading both halves of each."""
    cells, rows = mode.size, np.eye(patterns.pattern.shape[1], dtype=complex)
    mesh = MeshWalk(np.empty(cells), np.empty(cells), np.empty((cells, 2)), rows)
    for cell in order:
        pair = slice(mode[cell], mode[cell] + 2)
        first = _first_half(patterns, rows[pair], 2 * cell + 1)
        if first is None:
            first, behind = _both_halves(patterns, rows[pair], second[cell])
        else:
            behind = _second_half(patterns, _through(*first) @ rows[pair], second[cell])
        for half, (turn, angle) in enumerate((first, behind)):
            (mesh.internal_rad if half else mesh.external_rad)[cell] = turn
            mesh.splitter_error_rad[cell, half] = angle - np.pi / 4
            rows[pair] = _through(turn, angle) @ rows[pair]
    return mesh


def _first_half(patterns: Patterns, rows: ComplexArray, place: int) -> tuple[float, float] | None:
    """Phase and coupler angle in front of a shifter, in rad; None if its pattern fits not."""
    if not patterns.seen[place]:
        return None
    shares = rows.conj() @ patterns.pattern[place]
    found = _read(shares, lower=False)
    if _power(shares) >= _NEARLY_ALL and abs(found[1] - np.pi / 4) <= _WORST_COUPLER_RAD:
        return found
    patterns.seen[place] = False
    return None


def _second_half(
    patterns: Patterns, rows: ComplexArray, glimpses: list[_Glimpse]
) -> tuple[float, float]:
    """Phase and coupler angle behind the first half, by the first glimpse that fits."""
    for glimpse, shares in _glimpsed(patterns, rows, glimpses):
        found = _read(shares, lower=glimpse.lower)
        if abs(found[1] - np.pi / 4) <= _WORST_COUPLER_RAD:
            return found
        _take_back(patterns, glimpse)
    return _UNREAD


def _both_halves(
    patterns: Patterns, rows: ComplexArray, glimpses: list[_Glimpse]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Both halves from what is seen behind them, with perfect couplers."""
    for glimpse, (p0, p1) in _glimpsed(patterns, rows, glimpses):
        sizes = (abs(p1), abs(p0)) if glimpse.lower else (abs(p0), abs(p1))
        internal = 2.0 * float(np.arctan2(*sizes))
        ratio = p0 * np.conj(p1)
        external = float(np.angle(-ratio if glimpse.lower else ratio))
        return (external, np.pi / 4), (internal, np.pi / 4)
    return _UNREAD, _UNREAD


def _glimpsed(
    patterns: Patterns, rows: ComplexArray, glimpses: list[_Glimpse]
) -> Iterator[tuple[_Glimpse, ComplexArray]]:
    """The glimpses that are there and fit, with their shares of the two rows."""
    for glimpse in glimpses:
        if glimpse.place < 0:
            pattern = patterns.ends[-1 - glimpse.place]
        elif patterns.seen[glimpse.place]:
            pattern = patterns.pattern[glimpse.place]
        else:
            continue
        shares = rows.conj() @ pattern
        if _power(shares) >= glimpse.least_share:
            yield glimpse, shares
        else:
            _take_back(patterns, glimpse)


def _take_back(patterns: Patterns, glimpse: _Glimpse) -> None:
    """Forget a pattern that should have fitted; one that is mixed may fit yet."""
    if glimpse.place >= 0 and glimpse.least_share == _NEARLY_ALL:
        patterns.seen[glimpse.place] = False


def _power(shares: ComplexArray) -> float:
    return float(np.sum(np.abs(shares) ** 2))


def _read(shares: ComplexArray, *, lower: bool) -> tuple[float, float]:
    """Phase on the upper arm and angle of the coupler behind it, both in rad.

    The upper row that leaves is cos e^{j phase} and j sin of the two that enter; the lower
    one is j sin e^{j phase} and cos.
    """
    ratio, sizes = shares[0] * np.conj(shares[1]), np.abs(shares)
    if lower:
        return float(np.angle(-1j * ratio)), float(np.arctan2(sizes[0], sizes[1]))
    return float(np.angle(1j * ratio)), float(np.arctan2(sizes[1], sizes[0]))


def _through(phase_rad: float, angle_rad: float) -> ComplexArray:
    """Phase on the upper arm, then coupler: a 2x2 matrix."""
    bar, cross, turn = np.cos(angle_rad), 1j * np.sin(angle_rad), np.exp(1j * phase_rad)
    return np.array([[bar * turn, cross], [cross * turn, bar]])


def external_phases_in_front(
    mode: IntArray, mesh: MeshWalk, arriving_rad: FloatArray
) -> FloatArray:
    """Move the phases behind each interferometer to the front of the next ones.

    What is common to both arms passes through an interferometer; the difference is its
    external phase.

    Args:
        mode: upper mode of each interferometer.
        mesh: with its external phases behind the interferometers.
        arriving_rad: shape (ports,), phases in front of the mesh, in rad.

    Returns:
        Shape (ports^2,): the mesh's phases in its own numbering, in rad.
    """
    pending = arriving_rad.copy()
    phase = np.empty(mode.size * 2 + pending.size)
    for cell, m in enumerate(mode):
        phase[2 * cell] = pending[m] - pending[m + 1]
        phase[2 * cell + 1] = mesh.internal_rad[cell]
        pending[m] = pending[m + 1] + mesh.external_rad[cell]
    phase[2 * mode.size :] = pending
    return phase
