"""Micro-ring weight banks: one ring per wavelength channel and row, weights of either sign.

Light of N wavelength channels runs along a row's bus and meets N add-drop rings. A ring
takes out of the bus what lies near its resonance and lets the rest pass::

    x_0 .. x_{N-1} ──(ring 0)──(ring 1)── ... ──(ring N-1)── through ──▷|─┐
                        │         │                 │                     ├─ y = dropped - through
                        └─────────┴──── dropped ────┴────────────────▷|───┘

A pair of photodiodes subtracts what passed from what was dropped, so a ring on resonance
weighs its channel by almost +1, one far off by -1, and one on its flank by anything between
(Tait et al., Sci. Rep. 7, 7430, 2017). A bank of N rows computes y = W x of N powers.

All is counted in a ring's round-trip phase, where one free spectral range is 2 pi::

    x_ij = (i - j) spacing - theta_j,  wrapped to -pi .. pi   channel i off ring j, in rad
    L_ij = 1 / (1 + (2 x_ij / width_j)^2)                     Lorentzian, width FWHM
    D_ij = peak_j L_ij,   T_ij = 1 - (1 - dip_j) L_ij         dropped, passed on: powers
    W_i  = sum_j D_ij prod_{k<j} T_ik - prod_k T_ik

theta_j = 0 puts ring j on its own channel, the channel of its number; more phase moves it to
longer wavelengths. That a ring also takes some of its neighbours' channels is the crosstalk
between channels. Light once dropped is not picked up again by the rings behind: each drop
port is thought to have a waveguide of its own to the photodiode.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lumina.compiled import compiled_tick
from lumina.errors import UsageError

__all__ = [
    "Rings",
    "RowSlopes",
    "WeightBank",
    "bank_weights",
    "dropped_slopes",
    "lorentzian",
    "phase_of_detuning",
    "slopes_of_row",
]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class WeightBank:
    """A square bank of rings, as its data sheet has it.

    Ring `row * ports + channel` serves a channel in a row.

    Attributes:
        ports: wavelength channels, and rows; 2 or more.
        spacing_rad: between neighbouring channels, in round-trip phase, rad.
        width_rad: FWHM of a resonance by design, in round-trip phase, rad.

    Raises:
        UsageError: fewer than 2 ports, or channels that do not fit into 2 pi.
    """

    ports: int
    spacing_rad: float
    width_rad: float

    def __post_init__(self) -> None:
        if self.ports < 2:
            raise UsageError(f"a weight bank has 2 channels or more, not {self.ports}")
        if not 0.0 < self.width_rad < self.spacing_rad <= 2.0 * np.pi / self.ports * (1 + 1e-9):
            raise UsageError(
                f"{self.ports} channels {self.spacing_rad:.3g} rad apart of {self.width_rad:.3g} "
                "rad width (allowed: width < spacing, and all within one free spectral range)"
            )

    @property
    def kind(self) -> Literal["rings"]:
        """Name of this kind of chip."""
        return "rings"

    @property
    def shifters(self) -> int:
        """Heaters, one per ring."""
        return self.ports**2

    @property
    def interferometers(self) -> int:
        """None."""
        return 0

    @property
    def splitters(self) -> int:
        """None."""
        return 0

    def shifter_sites(self) -> NDArray[np.float64]:
        """Where each ring lies, along the light and across it, in pitches; (shifters, 2)."""
        row, channel = np.divmod(np.arange(self.shifters), self.ports)
        return np.stack([channel, row], axis=1).astype(float)


class Rings(NamedTuple):
    """The rings of one bank as they were made; arrays have shape (rows x channels,)."""

    spacing_rad: float
    width_rad: FloatArray
    peak: FloatArray
    """Share of the power that is dropped on resonance."""
    dip: FloatArray
    """Share of the power that passes on resonance."""


def phase_of_detuning(detuning_m: float, free_spectral_range_m: float) -> float:
    """Round-trip phase, in rad, of a difference of wavelengths in m."""
    return float(2.0 * np.pi * detuning_m / free_spectral_range_m)


@compiled_tick
def lorentzian(distance_rad: float, width_rad: float) -> float:
    """Response at some round-trip phase from resonance, 1 at its peak."""
    off = distance_rad - 2.0 * np.pi * np.floor(distance_rad / (2.0 * np.pi) + 0.5)
    slope = 2.0 * off / width_rad
    response: float = 1.0 / (1.0 + slope * slope)
    return response


@compiled_tick
def bank_weights(
    rings: Rings, phase_rad: FloatArray, dropped: FloatArray, passed: FloatArray
) -> None:
    """Shares of every channel's power that a bank drops and lets pass; W is their difference.

    Args:
        rings: the bank.
        phase_rad: shape (rows x channels,), round-trip phases theta.
        dropped: shape (rows, channels), filled.
        passed: shape (rows, channels), filled.
    """
    rows, channels = dropped.shape
    for row in range(rows):
        for channel in range(channels):
            share, taken = 1.0, 0.0
            for other in range(channels):
                ring = row * channels + other
                distance_rad = (channel - other) * rings.spacing_rad - phase_rad[ring]
                response = lorentzian(distance_rad, rings.width_rad[ring])
                taken += share * rings.peak[ring] * response
                share *= 1.0 - (1.0 - rings.dip[ring]) * response
            dropped[row, channel] = taken
            passed[row, channel] = share


class RowSlopes(NamedTuple):
    """Weights of a row, and how they move with each of its rings.

    Shapes are (..., channels) and (..., channels, rings).
    """

    weight: FloatArray
    by_phase: FloatArray
    """Per rad of round-trip phase."""
    by_log_width: FloatArray
    by_peak: FloatArray
    by_dip: FloatArray


def slopes_of_row(rings: Rings, row: int, phase_rad: FloatArray) -> RowSlopes:
    """Weights of one row and how they move with its rings.

    Args:
        rings: the bank.
        row: which row.
        phase_rad: shape (..., channels), round-trip phases of this row, in rad.
    """
    off, response, (width, peak, dip) = _responses(rings, row, phase_rad)
    passing = 1.0 - (1.0 - dip) * response
    reach = np.cumprod(passing, axis=-1)
    before, through = reach / passing, reach[..., -1:]
    taken = before * peak * response
    # Past ring j comes what it let through: what is dropped there, less what passes all.
    behind = np.cumsum(taken[..., ::-1], axis=-1)[..., ::-1] - taken - through
    by_response = before * peak - behind * (1.0 - dip) / passing
    steepness = by_response * 8.0 * off / width**2 * response**2
    return RowSlopes(
        weight=taken.sum(axis=-1) - through[..., 0],
        by_phase=steepness,
        by_log_width=steepness * off,
        by_peak=before * response,
        by_dip=behind * response / passing,
    )


def dropped_slopes(rings: Rings, row: int, phase_rad: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Share of every channel that a row drops, and how it moves with each of its rings.

    Args:
        rings: the bank.
        row: which row.
        phase_rad: shape (channels,), round-trip phases of this row, in rad.

    Returns:
        Shape (channels,), and shape (channels, rings), per rad.
    """
    off, response, (width, _, dip) = _responses(rings, row, phase_rad)
    passing = 1.0 - (1.0 - dip) * response
    through = np.prod(passing, axis=-1)
    steepness = 8.0 * off / width**2 * response**2
    through_by_phase = -through[:, None] * (1.0 - dip) / passing * steepness
    at = slopes_of_row(rings, row, phase_rad)  # weight = dropped - through
    return at.weight + through, at.by_phase + through_by_phase


def _responses(
    rings: Rings, row: int, phase_rad: FloatArray
) -> tuple[FloatArray, FloatArray, tuple[FloatArray, FloatArray, FloatArray]]:
    """Phases of every channel off every ring of a row, responses, and the rings' makes."""
    count = phase_rad.shape[-1]
    own = slice(row * count, (row + 1) * count)
    number = np.arange(count)
    off = (number[:, None] - number) * rings.spacing_rad - phase_rad[..., None, :]
    off -= 2.0 * np.pi * np.floor(off / (2.0 * np.pi) + 0.5)
    response = 1.0 / (1.0 + (2.0 * off / rings.width_rad[own]) ** 2)
    return off, response, (rings.width_rad[own], rings.peak[own], rings.dip[own])
