"""Light through a bank of micro-rings: the part of the light path that a mesh does not have."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lumina.compiled import compiled_tick
from lumina.theory.rings import Rings, bank_weights
from twin.chip import Chip

__all__ = ["Bank", "bank_transfer", "build_bank", "illuminate_bank"]

FloatArray = NDArray[np.float64]


class Bank(NamedTuple):
    """A chip's rings, and what they do to the light of the last tick; a mesh has none."""

    rings: Rings
    dropped: FloatArray
    """Shape (rows, channels): share of each channel's power that a row drops."""
    passed: FloatArray
    """Shape (rows, channels): share that it lets pass."""


def build_bank(chip: Chip) -> Bank:
    """The bank of a chip, of 0 rows where it is a mesh."""
    rows = chip.architecture.ports if chip.rings.peak.size else 0
    return Bank(chip.rings, np.zeros((rows, rows)), np.zeros((rows, rows)))


@compiled_tick
def illuminate_bank(bank: Bank, phase_rad: Any, channel_w: float, output_power_w: Any) -> None:
    """All channels bright in all rows: each row's monitor sees what is dropped there."""
    bank_weights(bank.rings, phase_rad, bank.dropped, bank.passed)
    for row in range(output_power_w.size):
        output_power_w[row] = 0.0
        for channel in range(output_power_w.size):
            output_power_w[row] += channel_w * bank.dropped[row, channel]


def bank_transfer(bank: Bank, phase_rad: FloatArray) -> NDArray[np.complex128]:
    """What the photodiode pairs see of each channel's power, shape (rows, channels).

    Returns:
        The real part is their difference, the weight; the imaginary part is the light on
        both together, whose shot noise the difference carries.
    """
    dropped, passed = np.empty_like(bank.dropped), np.empty_like(bank.passed)
    bank_weights(bank.rings, phase_rad, dropped, passed)
    return dropped - passed + 1j * (dropped + passed)
