"""Random unitaries: the fair sample on which meshes are judged."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["haar_unitary"]


def haar_unitary(ports: int, rng: np.random.Generator) -> NDArray[np.complex128]:
    """A unitary drawn evenly from all of them (the Haar measure).

    QR of a complex Gaussian matrix with the phases of R's diagonal given back to Q
    (Mezzadri, Notices of the AMS 54, 592, 2007).

    Args:
        ports: N, 1 or more.
        rng: seeded generator.

    Returns:
        Shape (N, N).
    """
    gaussian = rng.normal(size=(ports, ports)) + 1j * rng.normal(size=(ports, ports))
    q, r = np.linalg.qr(gaussian)
    diagonal = np.diag(r)
    return np.asarray(q * (diagonal / np.abs(diagonal)), np.complex128)
