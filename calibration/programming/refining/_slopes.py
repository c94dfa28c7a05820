"""How the matrix answers to each heater: by the model, or seen; bettered by every step.

By the model it is the derivative at the own phases at hand. Seen, it needs no model: a
shifter's phase enters the matrix as A + B e^{j psi}, so that a turn by any delta tells

    dM/dpsi = j B e^{j psi} = j (M(psi + delta) - M(psi)) / (e^{j delta} - 1)

exactly. Each step that is taken then shows what the slopes foretold wrongly, and they are
changed by the least that explains it (Broyden, Math. Comp. 19, 577, 1965), in proportion to
how much of it may be noise.
"""

import numpy as np
from numpy.typing import NDArray

from calibration.heaters import HeaterModel, own_phases_rad
from calibration.programming.refining._looks import Look, Looker, as_reals
from calibration.programming.units import MatrixUnit

__all__ = ["Slopes", "measured_slopes", "model_slopes"]

FloatArray = NDArray[np.float64]

_MISTRUST = 0.1
"""Expected error of a slope's numbers, of the rms of all."""


class Slopes:
    """Slopes as they are believed.

    Attributes:
        by_own: shape (2 ports^2, shifters): the matrix as reals, per rad of own phase.
    """

    def __init__(self, by_own: FloatArray) -> None:
        self.by_own = by_own
        self._spread = _MISTRUST**2 * float(np.mean(by_own**2))

    def learn(self, step_rad: FloatArray, change: FloatArray, variance: float) -> None:
        """Take in what a step has shown.

        Args:
            step_rad: shape (shifters,), change of own phases.
            change: shape (2 ports^2,), change of the matrix that was seen.
            variance: of the noise in each of its numbers.
        """
        surprise = change - self.by_own @ step_rad
        gain = self._spread * step_rad / (self._spread * float(step_rad @ step_rad) + variance)
        self.by_own = self.by_own + np.outer(surprise, gain)


def model_slopes(unit: MatrixUnit, own_rad: FloatArray) -> Slopes:
    """Slopes as the calibration has them at these own phases, shape (shifters,), in rad."""
    return Slopes(as_reals(unit.slopes(own_rad)).T.copy())


async def measured_slopes(
    looker: Looker, heaters: HeaterModel, max_drive_v: float, start: Look, repeats: int
) -> Slopes:
    """Slopes as they are seen, every heater turned once by half a turn.

    Args:
        looker: looks at the chip.
        heaters: its heaters; of what its light does nothing is known.
        max_drive_v: highest drive, in V.
        start: where the chip stands.
        repeats: measurements averaged per heater.
    """
    limit = own_phases_rad(heaters, np.full(start.own_rad.size, max_drive_v))
    by_own = np.zeros((start.missing.size, start.own_rad.size))
    for channel in np.flatnonzero(heaters.good).tolist():
        up = start.own_rad[channel] + np.pi <= limit[channel]
        turned = start.own_rad.copy()
        turned[channel] = max(start.own_rad[channel] + (np.pi if up else -np.pi), 0.0)
        delta = turned[channel] - start.own_rad[channel]
        seen = await looker.look(turned, repeats)
        change = (start.missing - seen.missing).view(np.complex128)
        by_own[:, channel] = (1j * change / (np.exp(1j * delta) - 1.0)).view(np.float64)
    return Slopes(by_own)
