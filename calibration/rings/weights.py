"""From weights to the own phases that make this bank compute them.

A ring is put on that flank of its channel where more heat lowers its weight, at the height
that its own Lorentzian asks for; then Newton's method takes in what the other rings of the
row do to its channel.
"""

import numpy as np
from numpy.typing import NDArray

from calibration.rings.result import BankCalibration
from lumina.errors import MatrixError
from lumina.theory.rings import slopes_of_row

__all__ = ["lowest_own_rad", "own_phases_for_weights", "weight_range"]

FloatArray = NDArray[np.float64]

MARGIN = 0.05
"""Weights this close to what the worst ring can do are left alone: there is no slope there."""

HEADROOM_K = 5.0
"""Drift of the die, either way, that compensation can follow within the heaters' range, in K."""

LEAST_HEADROOM_RAD = 0.05
NEWTON_STEPS = 12
LONGEST_STEP = 0.5
"""Of a resonance's width: Newton must not jump over a peak."""

ROUNDS = 8
"""Rounds of crosstalk compensation; each gains a factor of ten or more."""


def weight_range(bank: BankCalibration) -> tuple[float, float]:
    """Weights that every ring of the bank can be given, lowest and highest."""
    spacing, width = bank.architecture.spacing_rad, float(bank.width_rad.max())
    tail = 1.0 / (1.0 + (2.0 * (spacing - width) / width) ** 2)
    lost = 4.0 * tail  # neighbours on either side take some of the channel, dropped or passed
    return -1.0 + lost + MARGIN, float((bank.peak - bank.dip).min()) - lost - MARGIN


def own_phases_for_weights(weight: FloatArray, bank: BankCalibration) -> FloatArray:
    """Own phases, shape (shifters,), in rad, with which a bank weighs its channels.

    Args:
        weight: shape (rows, channels), within `weight_range`.
        bank: the bank.

    Raises:
        MatrixError: wrong shape, not finite, or out of range.
    """
    ports = bank.architecture.ports
    low, high = weight_range(bank)
    if weight.shape != (ports, ports):
        raise MatrixError(f"weights of shape {weight.shape} (allowed: {(ports, ports)})")
    if not np.all((weight >= low - 1e-9) & (weight <= high + 1e-9)):
        worst = float(weight.flat[np.argmax(np.abs(weight))])
        raise MatrixError(f"weight {worst:.3g} (allowed: {low:.3g} .. {high:.3g})")
    theta = [_row_phases(weight[row], row, bank) for row in range(ports)]
    return _compensated(np.concatenate(theta), bank)


def _row_phases(weight: FloatArray, row: int, bank: BankCalibration) -> FloatArray:
    """Round-trip phases of one row, shape (channels,), in rad."""
    own = slice(row * weight.size, (row + 1) * weight.size)
    width, peak, dip = bank.width_rad[own], bank.peak[own], bank.dip[own]
    channel = bank.channel[own]
    on_peak = (channel - np.arange(weight.size)) * bank.architecture.spacing_rad
    height = np.clip((weight[channel] + 1.0) / (1.0 + peak - dip), 1e-3, 0.999)
    off = 0.5 * width * np.sqrt(1.0 / height - 1.0)
    for _ in range(NEWTON_STEPS):
        at = slopes_of_row(bank.rings, row, on_peak + off)
        step = np.linalg.solve(at.by_phase, weight - at.weight)
        off = np.abs(off + np.clip(step, -LONGEST_STEP * width, LONGEST_STEP * width))
    return on_peak + off


def lowest_own_rad(bank: BankCalibration) -> FloatArray:
    """Least own phase of a program, shape (shifters,), in rad: room for compensation."""
    return np.asarray(LEAST_HEADROOM_RAD + HEADROOM_K * np.abs(bank.tempco_rad_per_k))


def _compensated(theta_rad: FloatArray, bank: BankCalibration) -> FloatArray:
    """Own phases that add up, with all crosstalk, to these phases.

    Each lies on the turn that starts at its headroom, or a turn below where the heater does
    not reach as far.
    """
    turn = 2.0 * np.pi
    wanted = theta_rad - bank.phi0_rad
    lowest, own = lowest_own_rad(bank), wanted
    for _ in range(ROUNDS):
        own = wanted - (bank.crosstalk @ own - own)
        own = (own - lowest) % turn + lowest
    return own
