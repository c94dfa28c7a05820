"""What an identification looks at: the loop's telemetry, sample by sample."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lumina.control.records import TICK_S

__all__ = ["CLOSE_TO_SIGMA", "SAMPLE", "Samples", "noise_of", "samples_of", "times_s"]

SAMPLE = np.dtype(
    [
        ("tick", "i8"),
        ("carrier_c", "f8"),
        ("die_c", "f8"),
        ("sink_c", "f8"),
        ("tec_voltage_v", "f8"),
        ("tec_current_a", "f8"),
        ("fan_rpm", "f8"),  # by the tachometer
        ("fan_set_rpm", "f8"),
        ("heater_w", "f8"),  # as counted by the loop, in force from the next tick on
        ("compute_w", "f8"),  # as metered
        ("inlet_c", "f8"),
    ]
)

Samples = NDArray[Any]
"""Shape (samples,), dtype SAMPLE, in the order of their ticks."""

CLOSE_TO_SIGMA = 1.4826
"""Standard deviation over median absolute deviation, for normal numbers."""

COPIED = {"heater_w": "heater_power_w", "compute_w": "compute_power_w"}
"""Names that differ in telemetry."""


def samples_of(rows: NDArray[Any]) -> Samples:
    """The samples in telemetry rows (dtype lumina.control.records.TELEMETRY)."""
    samples = np.empty(rows.size, SAMPLE)
    for name in SAMPLE.names or ():
        samples[name] = rows[COPIED.get(name, name)]
    return samples


def noise_of(values: NDArray[np.float64]) -> float:
    """Rms noise of single samples, whatever slow signal they ride on.

    Second differences take out a signal that is straight over three samples; the median
    leaves the few alone at which it is not.
    """
    bends = np.abs(values[2:] - 2.0 * values[1:-1] + values[:-2])
    return float(CLOSE_TO_SIGMA * np.median(bends) / np.sqrt(6.0))


def times_s(samples: Samples) -> NDArray[np.float64]:
    """Time of each sample since the first, s."""
    return np.asarray((samples["tick"] - samples["tick"][0]) * TICK_S, np.float64)
