"""Heat in a network of nodes: any graph, advanced exactly by a fixed step.

    C_i dT_i/dt = sum_j G_ij (T_j - T_i) + G_i,amb (T_amb - T_i) + q_i

While the heat inputs q and the ambient stand still, the solution over a step is a matrix
exponential, whatever the ratio of the step to the time constants. A node of zero capacity
follows its neighbours at once: it is eliminated from the equation and written back after.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from lumina.compiled import compiled_tick
from lumina.errors import UsageError

__all__ = ["AMBIENT", "HeatNetwork", "HeatStep", "heat_step"]

FloatArray = NDArray[np.float64]

AMBIENT = "ambient"
"""Name of the boundary, whose temperature is given."""


class HeatStep(NamedTuple):
    """One step of a network: T' = advance T + heat_gain q + ambient_gain T_amb."""

    advance: FloatArray
    """Shape (n, n), from the temperatures before."""
    heat_gain_k_per_w: FloatArray
    """Shape (n, n), from the heat inputs, in K/W."""
    ambient_gain: FloatArray
    """Shape (n,), from the ambient temperature."""


@dataclass(frozen=True)
class HeatNetwork:
    """Nodes with a heat capacity, joined by thermal conductances.

    Attributes:
        capacity_j_per_k: shape (n,), 0 or more, in J/K.
        conductance_w_per_k: shape (n, n), symmetric, zero diagonal, in W/K.
        to_ambient_w_per_k: shape (n,), in W/K.
    """

    capacity_j_per_k: FloatArray
    conductance_w_per_k: FloatArray
    to_ambient_w_per_k: FloatArray

    @classmethod
    def build(
        cls, capacity_j_per_k: Mapping[str, float], links: Iterable[tuple[str, str, float]]
    ) -> "HeatNetwork":
        """A network from names.

        Args:
            capacity_j_per_k: capacity of each node, in J/K; the order is the nodes' order.
            links: (node, node or "ambient", conductance in W/K); parallel links add up.

        Raises:
            UsageError: a link to a node that does not exist.
        """
        index = {name: i for i, name in enumerate([*capacity_j_per_k, AMBIENT])}
        full = np.zeros((len(index), len(index)))
        for one, other, conductance in links:
            if one not in index or other not in index:
                raise UsageError(f"heat link {one} - {other}: no such node among {list(index)}")
            full[index[one], index[other]] += conductance
            full[index[other], index[one]] += conductance
        capacity = np.array(list(capacity_j_per_k.values()), np.float64)
        return cls(capacity, full[:-1, :-1].copy(), full[:-1, -1].copy())

    def loss_matrix_w_per_k(self) -> FloatArray:
        """G of C dT/dt = -G T + q + G_amb T_amb, shape (n, n), in W/K."""
        outflow = self.conductance_w_per_k.sum(axis=1) + self.to_ambient_w_per_k
        matrix: FloatArray = np.diag(outflow) - self.conductance_w_per_k
        return matrix

    def reaches_ambient(self) -> NDArray[np.bool_]:
        """Which nodes have a way to the ambient, shape (n,)."""
        joined = self.conductance_w_per_k > 0.0
        reached = self.to_ambient_w_per_k > 0.0
        for _ in range(reached.size):
            reached = reached | (joined @ reached)
        return reached

    def steady_state_c(self, heat_w: FloatArray, ambient_c: float) -> FloatArray:
        """Temperatures after all has settled, G^-1 (q + G_amb T_amb), shape (n,), in C."""
        inflow = heat_w + self.to_ambient_w_per_k * ambient_c
        return _solve(self.loss_matrix_w_per_k(), inflow)

    def discretise(self, step_s: float) -> HeatStep:
        """The exact step of `step_s` seconds under constant heat and ambient.

        Raises:
            UsageError: a node without capacity that hangs on nothing.
        """
        n = self.capacity_j_per_k.size
        loss = self.loss_matrix_w_per_k()
        inputs = np.hstack([np.eye(n), self.to_ambient_w_per_k[:, None]])
        slow, quick = self.capacity_j_per_k > 0.0, self.capacity_j_per_k <= 0.0
        if np.any(np.diag(loss)[quick] <= 0.0):
            raise UsageError("a heat node without capacity needs a link")
        # 0 = -G_qq T_q - G_qs T_s + inputs_q, solved for T_q and put into the slow rows.
        follow = -_solve(loss[np.ix_(quick, quick)], loss[np.ix_(quick, slow)])
        direct = _solve(loss[np.ix_(quick, quick)], inputs[quick])
        reduced = loss[np.ix_(slow, slow)] + loss[np.ix_(slow, quick)] @ follow
        drive = inputs[slow] - loss[np.ix_(slow, quick)] @ direct
        rate = np.vstack([np.hstack([-reduced, drive]), np.zeros((n + 1, slow.sum() + n + 1))])
        rate[: slow.sum()] /= self.capacity_j_per_k[slow, None]
        power = scipy.linalg.expm(rate * step_s)[: slow.sum()]
        return _assemble(slow, power, follow, direct)


def _solve(matrix: FloatArray, right: FloatArray) -> FloatArray:
    return np.asarray(np.linalg.solve(matrix, right), np.float64)


def _assemble(
    slow: NDArray[np.bool_], power: FloatArray, follow: FloatArray, direct: FloatArray
) -> HeatStep:
    """Rows of the slow nodes from the exponential, rows of the quick ones from what they follow."""
    n, count = slow.size, int(slow.sum())
    advance, gain = np.zeros((n, n)), np.zeros((n, n + 1))
    advance[np.ix_(slow, slow)] = power[:, :count]
    gain[slow] = power[:, count:]
    advance[np.ix_(~slow, slow)] = follow @ power[:, :count]
    gain[~slow] = follow @ power[:, count:] + direct
    return HeatStep(advance, np.ascontiguousarray(gain[:, :n]), gain[:, n].copy())


@compiled_tick
def heat_step(
    step: HeatStep,
    temperature_c: FloatArray,
    heat_w: FloatArray,
    ambient_c: float,
    scratch: FloatArray,
) -> None:
    """Advance `temperature_c` (n,) in place by one step under `heat_w` (n,)."""
    n = temperature_c.size
    for i in range(n):
        total = step.ambient_gain[i] * ambient_c
        for j in range(n):
            total += step.advance[i, j] * temperature_c[j]
            total += step.heat_gain_k_per_w[i, j] * heat_w[j]
        scratch[i] = total
    for i in range(n):
        temperature_c[i] = scratch[i]
