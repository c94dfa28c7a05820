"""Units, as the names of fields end in them."""

__all__ = ["unit_of"]

_UNITS = {
    "a": "A",
    "bits": "bit",
    "c": "C",
    "db": "dB",
    "hz": "Hz",
    "j": "J",
    "k": "K",
    "m": "m",
    "m2": "m2",
    "ms": "ms",
    "nm": "nm",
    "ohm": "ohm",
    "rad": "rad",
    "rpm": "RPM",
    "s": "s",
    "um": "um",
    "v": "V",
    "v2": "V2",
    "w": "W",
}
"""Last words of field names -> the unit they stand for."""


def unit_of(name: str) -> str:
    """The unit that a field name ends in: ``ramp_k_per_s`` -> ``K/s``; "" without one."""
    top, per, bottom = name.rpartition("_per_")
    if not per:
        return _UNITS.get(name.rpartition("_")[2], "") if "_" in name else ""
    below = "/".join(_UNITS.get(word, word) for word in bottom.split("_"))
    return f"{_UNITS.get(top.rpartition('_')[2], '1')}/{below}"
