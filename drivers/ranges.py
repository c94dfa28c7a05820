"""Refusing what an instrument does not take, before anything is sent."""

import math

from drivers.interfaces import Limits
from lumina.errors import DeviceRangeError

__all__ = ["check_channel", "check_range"]


def check_range(device: str, quantity: str, value: float, limits: Limits, unit: str) -> None:
    """Refuse a value outside the limits, or one that is not a number.

    Args:
        device: the instrument's name.
        quantity: what is set, for example "wavelength".
        value: the value asked for.
        limits: what the instrument takes.
        unit: unit of value and limits.

    Raises:
        DeviceRangeError: naming the device, the value and the allowed range.
    """
    if not math.isfinite(value) or value not in limits:
        allowed = f"{limits.low:g} .. {limits.high:g} {unit}"
        raise DeviceRangeError(device, f"{quantity} of {value:g} {unit}", allowed)


def check_channel(device: str, channel: int, channels: int) -> None:
    """Refuse a channel that the instrument does not have; channels count from 1.

    Raises:
        DeviceRangeError: naming the device, the channel and the allowed ones.
    """
    if not 1 <= channel <= channels:
        raise DeviceRangeError(device, f"no channel {channel}", f"1 .. {channels}")
