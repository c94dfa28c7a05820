"""How far a computed matrix lies from the wanted one: three figures, each with its meaning."""

import numpy as np
from numpy.typing import NDArray

from lumina.errors import MatrixError

__all__ = ["equivalent_phase_error_rad", "fidelity", "matrix_error"]

ComplexArray = NDArray[np.complex128]


def fidelity(target: ComplexArray, actual: ComplexArray) -> float:
    """Amplitude fidelity F = |tr(target^H actual)| / (||target||_F ||actual||_F), 0 .. 1.

    The cosine between the two matrices: blind to a common phase and a common loss, which a
    receiver cannot tell from its own. Between unitaries F = |tr(U^H V)| / N and, for a
    small difference without common phase, 1 - F = ||V - U||_F^2 / (2 N). (The process
    fidelity of quantum optics is F^2.)

    Args:
        target: shape (N, M).
        actual: shape (N, M).

    Raises:
        MatrixError: one of them is zero, or the shapes differ.
    """
    if target.shape != actual.shape:
        raise MatrixError(f"shapes {target.shape} and {actual.shape} differ")
    norms = float(np.linalg.norm(target) * np.linalg.norm(actual))
    if norms == 0.0:
        raise MatrixError("the fidelity of a zero matrix is not defined")
    return float(abs(np.vdot(target, actual))) / norms


def matrix_error(target: ComplexArray, actual: ComplexArray) -> float:
    """Rms error of a layer, ||actual - target||_F / sqrt(N): absolute, phase and loss included.

    sigma rad of error on all N^2 shifters of a mesh give sigma sqrt(N), sigma rad on its
    N(N-1) couplers sigma sqrt(2 (N-1)): a shifter's derivative has norm 1, a coupler's
    sqrt 2, and independent errors add in squares.

    Args:
        target: shape (N, N).
        actual: shape (N, N).
    """
    return float(np.linalg.norm(actual - target)) / float(np.sqrt(len(target)))


def equivalent_phase_error_rad(amplitude_fidelity: float, ports: int) -> float:
    """The rms phase error on all shifters of a mesh that costs as much fidelity, in rad.

    sqrt(2 (1 - F) / N), from 1 - F = N sigma^2 / 2. (One part in N of that is a common
    phase, which F does not see; the usual formula leaves it in.)

    Args:
        amplitude_fidelity: 0 .. 1.
        ports: N.
    """
    return float(np.sqrt(2.0 * (1.0 - amplitude_fidelity) / ports))
