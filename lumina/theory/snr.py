"""The published SNR table of three scenarios, by its own definition.

Identity input through identity weights on N = 32 channels. Crosstalk c keeps 1 - c of a
channel and leaks c/2 to each neighbour (what leaks beyond the outermost is lost); loss
scales all outputs by 10^(-dB/10). Then

    SNR = 10 log10(mean of squared diagonal / (mean of squared off-diagonal + 1e-10))

So the figure is crosstalk alone: loss leaves only the floor of 1e-10 behind, which makes
"ideal" 100 dB, and temperature does not occur. What a full physical model gives for the
same three scenarios is another figure, and the twin's to tell.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["CHANNELS", "SCENARIOS", "SnrScenario", "channel_matrix", "published_snr_db"]

CHANNELS = 32
"""Channels of the published table."""

FLOOR = 1e-10
"""Added to the mean squared off-diagonal, so that a perfect matrix has a finite SNR."""


@dataclass(frozen=True)
class SnrScenario:
    """One row of the published table.

    Attributes:
        name: the row's name.
        crosstalk: share c of a channel that leaves it, 0 .. 1.
        loss_db: loss of every output, in dB.
        temperature_c: temperature stated for the row, in C; not part of the definition.
        snr_db: the published figure, in dB.
    """

    name: str
    crosstalk: float
    loss_db: float
    temperature_c: float
    snr_db: float


SCENARIOS = (
    SnrScenario("ideal", crosstalk=0.0, loss_db=0.0, temperature_c=25.0, snr_db=100.0),
    SnrScenario("typical", crosstalk=0.02, loss_db=0.5, temperature_c=45.0, snr_db=51.87),
    SnrScenario("harsh", crosstalk=0.05, loss_db=1.0, temperature_c=85.0, snr_db=43.63),
)
"""The three published rows."""


def channel_matrix(
    crosstalk: float, loss_db: float, channels: int = CHANNELS
) -> NDArray[np.float64]:
    """Identity weights as the definition's crosstalk and loss leave them.

    Args:
        crosstalk: c, 0 .. 1.
        loss_db: 0 or more, in dB.
        channels: N, 2 or more.

    Returns:
        Shape (channels, channels): outputs over inputs.
    """
    leak = np.full(channels - 1, crosstalk / 2.0)
    kept = np.full(channels, 1.0 - crosstalk)
    matrix = np.diag(kept) + np.diag(leak, 1) + np.diag(leak, -1)
    return np.asarray(matrix * 10.0 ** (-loss_db / 10.0), np.float64)


def published_snr_db(outputs: NDArray[np.float64] | NDArray[np.complex128]) -> float:
    """SNR of the outputs for identity input and weights, by the published definition, in dB.

    Args:
        outputs: shape (N, N), N >= 2: column i is the output for input i.
    """
    power = np.abs(outputs) ** 2
    diagonal = np.eye(len(power), dtype=bool)
    return float(10.0 * np.log10(power[diagonal].mean() / (power[~diagonal].mean() + FLOOR)))
