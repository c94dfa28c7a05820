"""The whole chip from the fringes of its shifters: the walks along its meshes put together.

Phases in front of the last mesh cannot be told from those behind the attenuators (they
commute): they are put into the first mesh's output phases.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibration.mesh.fringes import Fringes
from calibration.mesh.walk import Patterns, external_phases_in_front, walk_back, walk_forward
from lumina.theory.mesh import MeshArchitecture

__all__ = ["Reconstruction", "attenuator_phases", "attenuator_places", "reconstruct"]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
BoolArray = NDArray[np.bool_]


class Reconstruction(NamedTuple):
    """The chip as the walk found it, at the base setting of the sweeps."""

    phase_rad: FloatArray
    """Shape (shifters,), by place, in rad."""
    splitter_error_rad: FloatArray
    """Shape (splitters,), in rad; those of attenuators are taken as zero."""
    gain: float
    """Transmission, in units of the receivers' full scale."""


def attenuator_places(architecture: MeshArchitecture) -> NDArray[np.int64]:
    """Numbers of the attenuators' shifters."""
    count = architecture.attenuators
    first = (architecture.shifters - count) // 2
    return np.arange(first, first + count)


def attenuator_phases(
    fringes: Fringes, base: ComplexArray, own_phase_rad: FloatArray
) -> FloatArray:
    """Phase of each attenuator with its heater off, shape (heaters,), in rad.

    Along the pattern of one attenuator the transfer is that attenuator alone, and its circle
    c c e^{j theta} - s s passes next to zero where theta is zero.

    Args:
        fringes: of the attenuators, in the order of their ports.
        base: shape (ports, ports), the transfer matrix at some base.
        own_phase_rad: shape (heaters,), own phases at that base, in rad.
    """
    seen = np.einsum(
        "hn,nm,hm->h", fringes.output_pattern.conj(), base, fringes.input_pattern.conj()
    )
    centre = seen - fringes.phasor * np.exp(1j * own_phase_rad)
    off_rad: FloatArray = np.angle(-fringes.phasor / centre)
    return off_rad


def reconstruct(
    architecture: MeshArchitecture,
    fringes: Fringes,
    seen: BoolArray,
    base: ComplexArray,
    attenuator_rad: FloatArray,
) -> Reconstruction:
    """Find all phases and coupler errors at the sweeps' base setting.

    Args:
        architecture: the chip's arrangement.
        fringes: of every shifter, by place, between the ports.
        seen: shape (shifters,), by place: which of them there are. Those that the walks find
            to fit nowhere are taken back.
        base: shape (ports, ports), the transfer matrix at the base, between the ports.
        attenuator_rad: shape (attenuators,), phases of the attenuators at the base, in rad;
            what is not seen is read off the base.
    """
    if architecture.meshes == 1:
        return _one_mesh(architecture, fringes, seen, base)
    return _two_meshes(architecture, fringes, seen, base, attenuator_rad)


def _one_mesh(
    architecture: MeshArchitecture, fringes: Fringes, seen: BoolArray, base: ComplexArray
) -> Reconstruction:
    mode = architecture.arrays().mode
    columns = base.T / np.linalg.norm(base, axis=0)[:, None]
    mesh = walk_back(mode, Patterns(fringes.output_pattern, seen, columns))
    middle = np.diag(mesh.rows.conj() @ base)
    phase = external_phases_in_front(mode, mesh, np.angle(middle))
    return Reconstruction(phase, mesh.splitter_error_rad.ravel(), float(np.abs(middle).mean()))


def _two_meshes(
    architecture: MeshArchitecture,
    fringes: Fringes,
    seen: BoolArray,
    base: ComplexArray,
    attenuator_rad: FloatArray,
) -> Reconstruction:
    mode, ports = architecture.arrays().mode, architecture.ports
    between = attenuator_places(architecture)
    last, tail = slice(between[-1] + 1, None), slice(between[0] - ports, between[0])
    dimmed = _where(seen[between], fringes.output_pattern[between])
    back = walk_back(mode, Patterns(fringes.output_pattern[last], seen[last], dimmed))
    lit = _where(seen[between], fringes.input_pattern[between])
    ahead = np.where(seen[tail, None], fringes.input_pattern[tail], lit)
    forward = walk_forward(
        mode, Patterns(fringes.input_pattern[: between[0]], seen[: between[0]], ahead)
    )
    middle = np.diag(back.rows.conj() @ base @ forward.rows.conj().T)
    passed = np.abs(np.sin(0.5 * attenuator_rad))
    gain = float(np.abs(middle[seen[between]]).mean() / passed[seen[between]].mean())
    read_rad = 2.0 * np.arcsin(np.minimum(np.abs(middle) / gain, 1.0))
    theta = np.where(seen[between], attenuator_rad, read_rad)
    attenuation = 0.5 * (np.exp(1j * theta) - 1.0)
    inner = np.stack([forward.external_rad, forward.internal_rad], axis=1).ravel()
    errors = [forward.splitter_error_rad.ravel(), np.zeros(2 * ports)]
    return Reconstruction(
        np.concatenate(
            [
                inner,
                np.angle(middle * attenuation.conj()),
                theta,
                external_phases_in_front(mode, back, np.zeros(ports)),
            ]
        ),
        np.concatenate([*errors, back.splitter_error_rad.ravel()]),
        gain,
    )


def _where(seen: BoolArray, pattern: ComplexArray) -> ComplexArray:
    """The patterns that there are, and zeros."""
    return np.where(seen[:, None], pattern, 0.0)
