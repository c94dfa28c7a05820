"""Units of instruments' screens."""

from math import log10

__all__ = ["dbm"]

DARKEST_W = 1e-20


def dbm(power_w: float) -> float:
    """Power in dBm; darkness is -170 dBm."""
    return 10.0 * log10(max(power_w, DARKEST_W) / 1e-3)
