"""Where every ring is: the comb of channels that a sweep of its heater runs through.

While one ring of a row is swept over a turn it takes each channel out in turn, at phases that
lie a known spacing apart. The whole pattern has three unknowns, the phase with the heater off
and the drive law's two, and is looked for as a whole: one faint or hidden channel does no
harm. For a given drive law all phases are tried at once, by a circular correlation.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lumina.theory.drive import self_heated
from lumina.theory.rings import WeightBank

__all__ = ["Comb", "CombFinder"]

FloatArray = NDArray[np.float64]

BINS = 1024
"""Bins of the round-trip phase."""

REACHES = np.linspace(0.85, 1.15, 31)
"""Phases at the sweep's end that are tried first, relative to the data sheet's."""

BENDS = np.array([0.0, 0.02, 0.05, 0.08, 0.11, 0.14, 0.17, 0.2, 0.25])
"""Shares of the drive's square that self-heating may cost at 2 pi."""

NEARBY = np.linspace(-0.03, 0.03, 13)
"""Changes of the reach that are tried with every bend."""


class Comb(NamedTuple):
    """What one sweep shows of one ring."""

    phi0_rad: float
    gain_rad_per_v2: float
    curvature_per_v2: float
    depth: float
    """Swing of the reading across a resonance, of full scale."""
    power: float
    """Sum of squares that the comb explains, of full scale squared."""
    contrast: float = 0.0
    """Depth over the scatter of what is left beside the resonances."""


class CombFinder:
    """Finds combs in sweeps that all have the same drives."""

    def __init__(
        self, bank: WeightBank, square_v2: FloatArray, nominal_rad_per_v2: float, bend: float
    ) -> None:
        """Prepare for a bank.

        Args:
            bank: spacing and width by design.
            square_v2: shape (points,), squared drives of a sweep, in V^2.
            nominal_rad_per_v2: the data sheet's phase per V^2.
            bend: share of the drive's square that self-heating usually costs at 2 pi.
        """
        self._bank, self._square_v2 = bank, square_v2
        self._nominal, self._bend = nominal_rad_per_v2, bend
        self._top_rad = nominal_rad_per_v2 * self._heated(bend)[-1]
        response = _resonance(bank.width_rad)
        self._template = np.fft.rfft(response).conj()
        self._weight = np.fft.rfft(response**2).conj()

    def find(self, channel: int, seen: FloatArray) -> Comb:
        """The comb of the ring of a row that was swept.

        Args:
            channel: which ring of the row.
            seen: shape (points, channels), the row's readings meanwhile, of full scale.
        """
        swing = seen - np.median(seen, axis=0)
        best = Comb(0.0, self._nominal, 0.0, 0.0, 0.0)
        for reach in REACHES:
            best = max(best, self._try(channel, swing, reach, self._bend), key=_power)
        middle = best.gain_rad_per_v2 * self._heated(self._bend)[-1] / self._top_rad
        for bend in BENDS:
            for change in NEARBY:
                found = self._try(channel, swing, middle + change, bend)
                best = max(best, found, key=_power)
        rest = float(np.sum(swing**2)) - best.power
        return best._replace(contrast=best.depth / np.sqrt(max(rest, 1e-30) / swing.size))

    def _heated(self, bend: float) -> FloatArray:
        """Self-heated squares of the sweep, in V^2."""
        curvature = bend * self._nominal / (2.0 * np.pi)
        return self_heated(self._square_v2, np.full(self._square_v2.size, curvature))

    def _try(self, channel: int, swing: FloatArray, reach: float, bend: float) -> Comb:
        """The best phase for one drive law."""
        heated = self._heated(bend)
        gain = reach * self._top_rad / heated[-1]
        ahead = (np.arange(self._bank.ports) - channel) * self._bank.spacing_rad
        off = ahead - gain * heated[:, None]
        bins = np.floor(off / (2.0 * np.pi) * BINS).astype(int).ravel() % BINS
        total = np.fft.rfft(np.bincount(bins, swing.ravel(), BINS))
        count = np.fft.rfft(np.bincount(bins, minlength=BINS))
        match = np.maximum(np.fft.irfft(total * self._template, BINS), 0.0)
        weight = np.maximum(np.fft.irfft(count * self._weight, BINS), 1.0)
        at = int(np.argmax(match**2 / weight))
        return Comb(
            phi0_rad=(at + 0.5) / BINS * 2.0 * np.pi,
            gain_rad_per_v2=gain,
            curvature_per_v2=bend * self._nominal / (2.0 * np.pi),
            depth=float(match[at] / weight[at]),
            power=float(match[at] ** 2 / weight[at]),
        )


def _power(comb: Comb) -> float:
    return comb.power


def _resonance(width_rad: float) -> FloatArray:
    """A resonance at bin 0, shape (BINS,)."""
    off = (np.arange(BINS) / BINS * 2.0 * np.pi + np.pi) % (2.0 * np.pi) - np.pi
    return 1.0 / (1.0 + (2.0 * off / width_rad) ** 2)
