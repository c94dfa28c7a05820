"""The relay experiment of Astrom and Hagglund: a loop's critical point from its own swing.

A relay with hysteresis switches the actuator whenever the measurement leaves a band. The
loop settles into a swing, and the swing is one point of the plant's frequency response: at
its frequency, G = Y / U of the fundamentals. With the relay's describing function
4 d / (pi a) (swing a, relay's half step d, half band e) the gain at which a proportional
controller would swing by itself is about

    K_u = 4 d / (pi sqrt(a^2 - e^2))

Source: Astrom and Hagglund, Automatica 20, 645 (1984).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lumina.errors import CalibrationError

__all__ = ["RelaySwing", "analyse_swing", "switchings"]

FloatArray = NDArray[np.float64]

LEAST_PERIODS = 3

MOST_JITTER = 0.25
"""Relative scatter of the periods above which there is no settled swing."""


@dataclass(frozen=True)
class RelaySwing:
    """What one relay experiment showed.

    Attributes:
        period_s: mean period of the swing, s.
        period_sigma_s: scatter of single periods, s.
        periods: whole periods looked at.
        mean_drive: mean of the actuator over the swing, in its unit.
        drive: amplitude of the actuator's fundamental, in its unit.
        swing_k: amplitude of the temperature's fundamental, K.
        phase_deg: phase of the cooling (the temperature's negative) against the actuator, in
            degrees, -360 to 0. With a band the swing stands before -180 degrees.
        ultimate_gain: K_u by the describing function, actuator's unit per K; what the band
            keeps from -180 degrees makes it too low.
    """

    period_s: float
    period_sigma_s: float
    periods: int
    mean_drive: float
    drive: float
    swing_k: float
    phase_deg: float
    ultimate_gain: float

    @property
    def omega_rad_s(self) -> float:
        """Frequency of the swing, rad/s."""
        return float(2.0 * np.pi / self.period_s)

    @property
    def response(self) -> complex:
        """The plant's frequency response at the swing, K of temperature per actuator's unit."""
        return -complex(self.swing_k / self.drive * np.exp(1j * np.radians(self.phase_deg)))


def analyse_swing(
    time_s: FloatArray, drive: FloatArray, temperature_c: FloatArray, half_band_k: float
) -> RelaySwing:
    """The swing of a relay experiment; its first period is left out as not yet settled.

    Args:
        time_s: shape (samples,), evenly spaced, s.
        drive: shape (samples,), what the actuator did, in its unit.
        temperature_c: shape (samples,), what the relay measured, C.
        half_band_k: half the relay's band, K.

    Raises:
        CalibrationError: too few switchings, or a swing that has not settled.
    """
    rising = switchings(drive)[1:]
    if len(rising) <= LEAST_PERIODS:
        raise CalibrationError(f"the relay switched on {len(rising)} times: no swing to speak of")
    lengths = np.diff(time_s[rising])
    if lengths.std() > MOST_JITTER * lengths.mean():
        raise CalibrationError(
            f"the relay's swing does not settle: periods of {lengths.min():.3g} to "
            f"{lengths.max():.3g} s"
        )
    whole = slice(rising[0], rising[-1])
    omega = 2.0 * np.pi * len(lengths) / (time_s[rising[-1]] - time_s[rising[0]])
    U = _fundamental(omega, time_s[whole], drive[whole])
    Y = _fundamental(omega, time_s[whole], temperature_c[whole])
    crest_k = abs(Y)
    inside = max(crest_k**2 - half_band_k**2, (0.1 * crest_k) ** 2)
    return RelaySwing(
        period_s=float(lengths.mean()),
        period_sigma_s=float(lengths.std(ddof=1)),
        periods=len(lengths),
        mean_drive=float(drive[whole].mean()),
        drive=abs(U),
        swing_k=crest_k,
        phase_deg=float(np.degrees(np.angle(-Y / U)) % 360.0 - 360.0),
        ultimate_gain=float(abs(U) / np.sqrt(inside)),
    )


def switchings(drive: FloatArray) -> NDArray[np.int64]:
    """Samples at which an actuator that has two outputs goes from the lower to the higher."""
    above = drive > 0.5 * (drive.max() + drive.min())
    return np.flatnonzero(above[1:] & ~above[:-1]) + 1


def _fundamental(omega_rad_s: float, time_s: FloatArray, values: FloatArray) -> complex:
    """Complex amplitude at a frequency, beside an offset and a steady drift."""
    turn = omega_rad_s * time_s
    columns = np.stack([np.cos(turn), np.sin(turn), np.ones_like(turn), time_s - time_s.mean()])
    cosine, sine, _, _ = np.linalg.lstsq(columns.T, values, rcond=None)[0]
    return complex(cosine, -sine)
