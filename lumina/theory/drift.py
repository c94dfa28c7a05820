"""How far a phase moves when resonances drift: from nm/K to rad/K."""

import numpy as np

__all__ = ["phase_drift_rad_per_k"]

GROUP_INDEX = 4.2
"""Of a silicon strip waveguide near 1550 nm."""

WAVELENGTH_M = 1.55e-6


def phase_drift_rad_per_k(imbalance_m: float, resonance_drift_nm_per_k: float) -> float:
    """Phase per kelvin between two arms of unequal length.

    An interferometer's fringes drift as a ring's resonances do, and one free spectral
    range, lambda^2 / (n_g dL), is 2 pi: dphi/dT = 2 pi n_g dL / lambda^2 x dlambda/dT.

    Args:
        imbalance_m: difference of the arms' lengths, m, of either sign.
        resonance_drift_nm_per_k: drift of resonances, nm/K; 0.07 .. 0.1 in silicon.
    """
    fringes_per_m = GROUP_INDEX * imbalance_m / WAVELENGTH_M**2
    return float(2.0 * np.pi * fringes_per_m * resonance_drift_nm_per_k * 1e-9)
