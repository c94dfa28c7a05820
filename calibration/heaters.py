"""Heaters as a calibration describes them: drives to phases, and back to drives.

Interferometer meshes and banks of rings have the same heaters; what their phases do to the
light differs.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lumina.theory.drive import self_heated, without_self_heating

__all__ = [
    "HeaterModel",
    "compensation_rad_per_k",
    "drive_for_own_phases_v",
    "own_changes_rad",
    "own_phases_rad",
    "phases_rad",
]

FloatArray = NDArray[np.float64]


class HeaterModel(Protocol):
    """What is known of a chip's heaters.

        own phase    psi = phase_gain h,   V^2 = h + curvature h^2
        phase        phi0 + crosstalk psi + tempco (T_die - reference_die)

    Shapes are (shifters,), and (shifters, shifters) for the crosstalk.
    """

    @property
    def phase_gain_rad_per_v2(self) -> FloatArray:
        """Small-signal phase per V^2, in rad/V^2."""

    @property
    def curvature_per_v2(self) -> FloatArray:
        """Self-heating of the heater, in 1/V^2."""

    @property
    def phi0_rad(self) -> FloatArray:
        """Phase with all heaters off at the reference, in rad."""

    @property
    def crosstalk(self) -> FloatArray:
        """Phase of the row's shifter per own phase of the column's; 1 on the diagonal."""

    @property
    def tempco_rad_per_k(self) -> FloatArray:
        """Phase per kelvin of the die, in rad/K."""

    @property
    def reference_die_c(self) -> float:
        """Die temperature that phi0 holds for, in C."""

    @property
    def good(self) -> NDArray[np.bool_]:
        """Whether each shifter may be driven."""


def own_phases_rad(heaters: HeaterModel, drive_v: FloatArray) -> FloatArray:
    """Own phase of every shifter, shape (shifters,), in rad, at these drives in V."""
    heated = self_heated(drive_v * drive_v, heaters.curvature_per_v2)
    return heaters.phase_gain_rad_per_v2 * heated


def drive_for_own_phases_v(heaters: HeaterModel, own_phase_rad: FloatArray) -> FloatArray:
    """The drives, shape (shifters,), in V, that give these own phases of 0 rad or more."""
    heated = own_phase_rad / heaters.phase_gain_rad_per_v2
    return np.sqrt(without_self_heating(heated, heaters.curvature_per_v2))


def phases_rad(
    heaters: HeaterModel, own_phase_rad: FloatArray, die_delta_k: float = 0.0
) -> FloatArray:
    """Phase of every shifter, shape (shifters,), in rad.

    Args:
        heaters: the chip's heaters.
        own_phase_rad: shape (shifters,), what each heater gives its own shifter, in rad.
        die_delta_k: die temperature above the calibration's reference, in K.
    """
    warmth = heaters.tempco_rad_per_k * die_delta_k
    return heaters.phi0_rad + heaters.crosstalk @ own_phase_rad + warmth


def own_changes_rad(heaters: HeaterModel, phase_change_rad: FloatArray) -> FloatArray:
    """Changes of own phases that change all phases so, shape (shifters,), in rad.

    What one heater takes on also warms its neighbours: these are the changes seen through the
    inverse of the crosstalk. Faulty heaters stay as they are.
    """
    good = np.flatnonzero(heaters.good)
    own = np.zeros(len(phase_change_rad))
    own[good] = np.linalg.solve(heaters.crosstalk[np.ix_(good, good)], phase_change_rad[good])
    return own


def compensation_rad_per_k(heaters: HeaterModel) -> FloatArray:
    """Own phase per kelvin that holds all phases, shape (shifters,), in rad/K.

    Own phases less this times the die's warming make the same light.
    """
    return own_changes_rad(heaters, heaters.tempco_rad_per_k)
