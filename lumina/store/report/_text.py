"""Values and names as people read them."""

import math
from datetime import datetime

__all__ = ["duration", "label", "percent", "quantity", "time_scale", "wall_time"]

_UNITS = {
    "us": "µs",
    "ms": "ms",
    "ns": "ns",
    "s": "s",
    "c": "°C",
    "k": "K",
    "w": "W",
    "a": "A",
    "v": "V",
    "v2": "V²",
    "rpm": "RPM",
    "hz": "Hz",
    "rad": "rad",
    "db": "dB",
    "nm": "nm",
    "m": "m",
    "j": "J",
    "ohm": "ohm",
    "fraction": "",
}


def _split(name: str) -> tuple[str, str]:
    """``lateness_p99_us`` -> (``lateness p99``, ``µs``); ``tempco_rad_per_k`` -> rad/K.

    A rate of something without a unit, ``curvature_per_v2``, is in 1/V².
    """
    words = name.split("_")
    if len(words) > 3 and words[-2] == "per" and words[-3] in _UNITS and words[-1] in _UNITS:
        return " ".join(words[:-3]), f"{_UNITS[words[-3]]}/{_UNITS[words[-1]]}"
    if len(words) > 2 and words[-2] == "per" and words[-1] in _UNITS:
        return " ".join(words[:-2]), f"1/{_UNITS[words[-1]]}"
    if len(words) > 1 and words[-1] in _UNITS:
        return " ".join(words[:-1]), _UNITS[words[-1]]
    return " ".join(words), ""


def label(name: str, *, with_unit: bool = False) -> str:
    """A column's or figure's name in words, its unit taken off or put in brackets."""
    words, unit = _split(name)
    words = words[:1].upper() + words[1:]
    return f"{words} ({unit})" if with_unit and unit else words


def quantity(name: str, value: object) -> str:
    """A value with the unit that its name ends in."""
    unit = _split(name)[1]
    if value is None:
        return "not measured"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return _with_unit(f"{value:,}", unit)
    if isinstance(value, float):
        return _with_unit(_figure(value), unit)
    return str(value)


def _figure(value: float) -> str:
    if not math.isfinite(value):
        return "not finite"
    if value and not 1e-3 <= abs(value) < 1e6:
        return f"{value:.3g}"
    return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def _with_unit(text: str, unit: str) -> str:
    return f"{text} {unit}" if unit else text


def percent(fraction: float) -> str:
    """A fraction as a percentage with one decimal."""
    return f"{100 * fraction:.1f} %"


def duration(seconds: float) -> str:
    """A length of time in the two largest units that matter."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def time_scale(end_s: float) -> tuple[float, str]:
    """What an axis that ends at `end_s` counts in: how many to a second, and its name."""
    if end_s < 600:
        return 1.0, "s"
    return (1 / 60, "min") if end_s < 3 * 3600 else (1 / 3600, "h")


def wall_time(moment: datetime) -> str:
    """A wall-clock time to the second, with its zone."""
    return f"{moment:%Y-%m-%d %H:%M:%S} {moment:%Z}".strip()
