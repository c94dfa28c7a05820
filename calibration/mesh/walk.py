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

Phases in front of the last mesh cannot be told from those behind the attenuators (they
commute): the walk puts them into the first mesh's output phases.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibration.mesh.fringes import Fringes
from lumina.errors import CalibrationError
from lumina.theory.mesh import MeshArchitecture

__all__ = ["Reconstruction", "attenuator_phases", "reconstruct"]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

_NEARLY_ALL = 0.9
"""Share of a pattern's power that must lie in the two rows that enter the interferometer."""


class Reconstruction(NamedTuple):
    """The chip as the walk found it, at the base setting of the sweeps."""

    phase_rad: FloatArray
    """Shape (shifters,), in rad."""
    splitter_error_rad: FloatArray
    """Shape (splitters,), in rad; those of attenuators are taken as zero."""
    gain: float
    """Transmission, in units of the receivers' full scale."""


class _Glimpse(NamedTuple):
    """Where a walk looks for an interferometer's second half."""

    shifter: int
    lower: bool = False
    """Whether the pattern continues the lower row that leaves, or the upper one."""
    least_share: float = _NEARLY_ALL
    """Share of the pattern's power that must come from the two rows that enter."""


class _Mesh(NamedTuple):
    """What a walk reads off one mesh: one entry per interferometer, in light order."""

    external_rad: FloatArray
    internal_rad: FloatArray
    splitter_error_rad: FloatArray
    """Shape (interferometers, 2): first coupler, second coupler, in rad."""
    rows: ComplexArray
    """Shape (ports, ports): the rows that leave, by the port at which they leave."""


def attenuator_phases(
    fringes: Fringes, base: ComplexArray, own_phase_rad: FloatArray
) -> FloatArray:
    """Phase of each attenuator with its heater off, shape (heaters,), in rad.

    Along the pattern of one attenuator the transfer is that attenuator alone, and its circle
    c c e^{j theta} - s s passes next to zero where theta is zero.

    Args:
        fringes: of the attenuators, in the order of their ports.
        base: shape (ports, ports), the transfer matrix at the sweeps' base.
        own_phase_rad: shape (heaters,), own phases at that base, in rad.
    """
    seen = np.einsum(
        "hn,nm,hm->h", fringes.output_pattern.conj(), base, fringes.input_pattern.conj()
    )
    centre = seen - fringes.phasor * np.exp(1j * own_phase_rad)
    off_rad: FloatArray = np.angle(-fringes.phasor / centre)
    return off_rad


def reconstruct(
    architecture: MeshArchitecture, fringes: Fringes, base: ComplexArray, attenuator_rad: FloatArray
) -> Reconstruction:
    """Find all phases and coupler errors at the sweeps' base setting.

    Args:
        architecture: the chip's arrangement.
        fringes: of every shifter, in the order of their numbers.
        base: shape (ports, ports), the transfer matrix at the base.
        attenuator_rad: shape (attenuators,), phases of the attenuators at the base, in rad.

    Raises:
        CalibrationError: patterns that fit nowhere, with the shifters concerned.
    """
    mode, ports = architecture.arrays().mode, architecture.ports
    last_start = architecture.shifters - ports**2
    last = _walk_back(mode, fringes.output_pattern[last_start:], last_start)
    if architecture.meshes == 1:
        middle = np.diag(last.rows.conj() @ base)
        phase = _external_phases_in_front(mode, last, np.angle(middle))
        return Reconstruction(phase, last.splitter_error_rad.ravel(), float(np.abs(middle).mean()))
    first = _walk_forward(mode, fringes.input_pattern[: ports**2])
    middle = np.diag(last.rows.conj() @ base @ first.rows.conj().T)
    attenuation = 0.5 * (np.exp(1j * attenuator_rad) - 1.0)
    inner = np.stack([first.external_rad, first.internal_rad], axis=1).ravel()
    tail = _external_phases_in_front(mode, last, np.zeros(ports))
    errors = [
        first.splitter_error_rad.ravel(),
        np.zeros(2 * ports),
        last.splitter_error_rad.ravel(),
    ]
    return Reconstruction(
        np.concatenate([inner, np.angle(middle / attenuation), attenuator_rad, tail]),
        np.concatenate(errors),
        float(np.mean(np.abs(middle)) / np.mean(np.abs(attenuation))),
    )


def _walk_forward(mode: NDArray[np.int64], pattern: ComplexArray) -> _Mesh:
    """Walk a rectangular mesh with the light, on input patterns."""
    ports = pattern.shape[1]
    order = range(mode.size)
    second = [_next_glimpse(mode, cell, ports) for cell in order]
    return _walk(mode, pattern, list(order), [2 * cell + 1 for cell in order], second, 0)


def _walk_back(mode: NDArray[np.int64], pattern: ComplexArray, offset: int) -> _Mesh:
    """Walk any mesh against the light, on output patterns; couplers change their roles."""
    order = list(range(mode.size))[::-1]
    second = [_Glimpse(2 * cell) for cell in range(mode.size)]
    first = [2 * cell + 1 for cell in range(mode.size)]
    mesh = _walk(mode, pattern, order, first, second, offset)
    return mesh._replace(splitter_error_rad=mesh.splitter_error_rad[:, ::-1])


def _next_glimpse(mode: NDArray[np.int64], cell: int, ports: int) -> _Glimpse:
    """The next shifter that tells the rows leaving this interferometer apart."""
    upper, lower = mode[cell], mode[cell] + 1
    for later in range(cell + 1, mode.size):
        if mode[later] == lower:
            return _Glimpse(2 * later, lower=True)
        if mode[later] == upper - 1 and lower == ports - 1:
            # The lower edge: no shifter ahead on that arm. The next one on the other arm is
            # behind a coupler, so half of its pattern comes from elsewhere.
            return _Glimpse(2 * later + 1, least_share=0.3)
    return _Glimpse(2 * mode.size + int(lower), lower=True)


def _walk(
    mode: NDArray[np.int64],
    pattern: ComplexArray,
    order: list[int],
    first: list[int],
    second: list[_Glimpse],
    offset: int,
) -> _Mesh:
    """Visit the interferometers in `order`, reading two patterns for each."""
    ports, cells = pattern.shape[1], mode.size
    rows = np.eye(ports, dtype=complex)
    mesh = _Mesh(np.empty(cells), np.empty(cells), np.empty((cells, 2)), rows)
    for cell in order:
        pair = slice(mode[cell], mode[cell] + 2)
        for half, glimpse in enumerate([_Glimpse(first[cell]), second[cell]]):
            upper_share, lower_share = rows[pair].conj() @ pattern[glimpse.shifter]
            if abs(upper_share) ** 2 + abs(lower_share) ** 2 < glimpse.least_share:
                # Behind a misplaced shifter every row is wrong: name the first one only.
                raise misplaced([offset + glimpse.shifter])
            turn, angle = _read(upper_share, lower_share, glimpse.lower)
            (mesh.internal_rad if half else mesh.external_rad)[cell] = turn
            mesh.splitter_error_rad[cell, half] = angle - np.pi / 4
            rows[pair] = _through(turn, angle) @ rows[pair]
    return mesh


def misplaced(channels: Sequence[int]) -> CalibrationError:
    """The error that names shifters which turn another part of the matrix than theirs."""
    names = ", ".join(map(str, channels))
    return CalibrationError(
        f"not where the layout has them: shifters {names}; swapped wires?", channels
    )


def _read(upper_share: complex, lower_share: complex, lower: bool) -> tuple[float, float]:
    """Phase on the upper arm and angle of the coupler behind it, both in rad.

    The upper row that leaves is cos e^{j phase} and j sin of the two that enter; the lower
    one is j sin e^{j phase} and cos.
    """
    ratio = upper_share * np.conj(lower_share)
    if lower:
        return float(np.angle(-1j * ratio)), float(np.arctan2(abs(upper_share), abs(lower_share)))
    return float(np.angle(1j * ratio)), float(np.arctan2(abs(lower_share), abs(upper_share)))


def _through(phase_rad: float, angle_rad: float) -> ComplexArray:
    """Phase on the upper arm, then coupler: a 2x2 matrix."""
    bar, cross, turn = np.cos(angle_rad), 1j * np.sin(angle_rad), np.exp(1j * phase_rad)
    return np.array([[bar * turn, cross], [cross * turn, bar]])


def _external_phases_in_front(
    mode: NDArray[np.int64], mesh: _Mesh, arriving_rad: FloatArray
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
