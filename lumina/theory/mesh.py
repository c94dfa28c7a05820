"""The arrangement of a photonic mesh: which interferometer lies where, and its number.

One Mach-Zehnder interferometer (MZI) on the modes (m, m + 1), light from left to right::

    m     ──[phi]──╮ ╭──[theta]──╮ ╭──      [x]  phase shifter, multiplies by e^{j x}
                   B(a1)         B(a2)      B(a) directional coupler, angle pi/4 + a
    m + 1 ─────────╯ ╰───────────╯ ╰──

    T = B(a2) diag(e^{j theta}, 1) B(a1) diag(e^{j phi}, 1)
    B(a) = [[cos, j sin], [j sin, cos]] of the angle pi/4 + a

A mesh of N ports sets N(N-1)/2 of them one after the other ("light order": column by
column, top to bottom) and ends in one phase shifter per port::

    M = diag(e^{j delta}) T_K ... T_1          (fields out) = M (fields in)

Phases are in rad, coupler errors `a` in rad, fields are complex amplitudes. Both
arrangements are exact for any unitary: rectangular (Clements et al., Optica 3, 1460,
2016) and triangular (Reck et al., PRL 73, 58, 1994). The external shifter is met first,
so M is not symmetric even where the mesh is: the order of the factors matters.

Numbers within one mesh:

- shifters: 2k is phi_k, 2k + 1 is theta_k, N(N-1) + p is delta_p: N^2 in all;
- splitters: 2k is the first coupler of MZI k, 2k + 1 its second.

An "svd" chip is M = U diag(t) V: the mesh V (met first), N attenuators, the mesh U, with
shifters, splitters and interferometers numbered in that order. An attenuator is an MZI
without phi, used bar to bar: t = [B(a2) diag(e^{j theta}, 1) B(a1)]_00.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lumina.errors import UsageError

__all__ = ["MeshArchitecture", "MeshArrays", "MeshKind"]

MeshKind = Literal["svd", "unitary", "triangular"]
"""svd: two rectangular meshes about attenuators; unitary: one rectangular; triangular: one."""


class MeshArrays(NamedTuple):
    """An architecture as the compiled kernels read it."""

    ports: int
    """Number of ports N."""
    meshes: int
    """1, or 2 about a column of attenuators."""
    mode: NDArray[np.int64]
    """Shape (N(N-1)/2,): upper mode of each MZI of one mesh, in light order."""


@dataclass(frozen=True)
class MeshArchitecture:
    """Ports of a chip and the arrangement of its interferometers.

    Attributes:
        ports: inputs and outputs, 2 or more.
        kind: "svd" (any matrix), "unitary" (rectangular) or "triangular".

    Raises:
        UsageError: fewer than 2 ports, or an unknown kind.
    """

    ports: int
    kind: MeshKind

    def __post_init__(self) -> None:
        if self.ports < 2:
            raise UsageError(f"a mesh has 2 ports or more, not {self.ports}")
        if self.kind not in ("svd", "unitary", "triangular"):
            raise UsageError(f"unknown mesh kind {self.kind!r} (allowed: svd, unitary, triangular)")

    @property
    def meshes(self) -> int:
        """Meshes that the light meets: 2 for "svd", else 1."""
        return 2 if self.kind == "svd" else 1

    @property
    def attenuators(self) -> int:
        """Attenuators between the two meshes: one per port for "svd", else 0."""
        return self.ports if self.kind == "svd" else 0

    @property
    def interferometers(self) -> int:
        """MZIs of all meshes, and the attenuators."""
        return self.meshes * self.ports * (self.ports - 1) // 2 + self.attenuators

    @property
    def shifters(self) -> int:
        """Phase shifters: N^2 per mesh and one per attenuator."""
        return self.meshes * self.ports**2 + self.attenuators

    @property
    def splitters(self) -> int:
        """Directional couplers, two per interferometer."""
        return 2 * self.interferometers

    def arrays(self) -> MeshArrays:
        """The arrangement for the compiled kernels."""
        mode = [m for _, m in self._cells()]
        return MeshArrays(self.ports, self.meshes, np.array(mode, np.int64))

    def shifter_sites(self) -> NDArray[np.float64]:
        """Where each shifter lies on the chip, for thermal crosstalk between them.

        Returns:
            Shape (shifters, 2): position along the light and across it, in units of the
            pitch between neighbours. phi and theta of an MZI lie one behind the other on
            its upper arm; output phases and attenuators are columns of their own.
        """
        cells = np.array(self._cells(), float)
        inner = np.repeat(cells * [2.0, 1.0], 2, axis=0)
        inner[1::2, 0] += 1.0
        end = 2.0 * (cells[:, 0].max() + 1.0)
        mesh = np.vstack([inner, self._column(end)])
        if self.kind != "svd":
            return mesh
        second = mesh + np.array([end + 2.0, 0.0])
        return np.vstack([mesh, self._column(end + 1.0), second])

    def _column(self, along: float) -> NDArray[np.float64]:
        """One site per port at the same place along the light."""
        return np.stack([np.full(self.ports, along), np.arange(self.ports)], axis=1)

    def _cells(self) -> list[tuple[int, int]]:
        """(column, upper mode) of each MZI of one mesh, in light order."""
        n = self.ports
        if self.kind == "triangular":
            return sorted((m + 2 * row, m) for row in range(n - 1) for m in range(n - 1 - row))
        return [(column, m) for column in range(n) for m in range(column % 2, n - 1, 2)]
