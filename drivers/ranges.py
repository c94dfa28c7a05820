"""Refusing what an instrument does not take, before anything is sent."""

import math

import numpy as np

from drivers.interfaces import (
    ComplexArray,
    Detection,
    FloatArray,
    Limits,
    ProcessorCapabilities,
    Taps,
)
from lumina.errors import DeviceRangeError, MatrixError, UsageError

__all__ = ["check_channel", "check_drive", "check_fields", "check_range", "check_taps"]

CLIPPING_SLACK = 1e-9
"""Modulus beyond full scale that rounding may cause, and that is let through."""


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


def check_drive(device: str, drive_v: FloatArray, channels: int, limits: Limits) -> FloatArray:
    """The drive as a bank of heaters takes it, shape (channels,), in V.

    Raises:
        DeviceRangeError: another shape, a value outside the limits, or not a number.
    """
    wanted_v = np.array(drive_v, dtype=float)
    if wanted_v.shape != (channels,):
        raise DeviceRangeError(device, f"drive of shape {wanted_v.shape}", f"shape ({channels},)")
    for value_v in (wanted_v.min(), wanted_v.max()):  # of a NaN, both are NaN
        check_range(device, "drive", float(value_v), limits, "V")
    return wanted_v


def check_fields(
    device: str, fields: ComplexArray, capabilities: ProcessorCapabilities
) -> ComplexArray:
    """The batch as a processor's modulators take it, shape (ports, batch).

    Raises:
        MatrixError: wrong shape or type, not finite, or beyond full scale.
    """
    values = np.asarray(fields)
    ports = capabilities.architecture.ports
    if values.dtype.kind not in "iufc":
        raise MatrixError(f"{device}: fields are numbers, not {values.dtype}")
    if values.ndim != 2 or values.shape[0] != ports or values.shape[1] == 0:
        raise MatrixError(
            f"{device}: fields have shape {values.shape}; it takes ({ports}, batch), "
            "a batch of 1 or more"
        )
    if not np.isfinite(values).all():
        raise MatrixError(f"{device}: fields are not finite")
    peak = float(np.abs(values).max())
    if peak > 1.0 + CLIPPING_SLACK:
        raise MatrixError(f"{device}: modulus {peak:g} is beyond full scale, 1")
    detection = capabilities.detection
    if np.iscomplexobj(values) and detection is Detection.DIRECT:
        raise MatrixError(f"{device}: complex fields need coherent detection")
    if detection is Detection.BALANCED and (np.any(values.imag != 0) or np.any(values.real < 0)):
        raise MatrixError(f"{device}: a weight bank takes powers: real numbers of 0 .. 1")
    return values.astype(np.complex128)


def check_taps(device: str, capabilities: ProcessorCapabilities) -> Taps:
    """The taps of a processor that is to read them.

    Raises:
        UsageError: it has none.
    """
    if not capabilities.taps.count:
        raise UsageError(f"{device}: it has no taps inside its mesh")
    return capabilities.taps
