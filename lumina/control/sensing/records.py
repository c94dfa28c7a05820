"""Records of the sensors: the law of each, its health, and how the carrier's two agree."""

from enum import IntEnum

import numpy as np

__all__ = ["CHANNEL", "FUSION", "SENSORS", "SensorLaw", "Trouble"]

SENSORS = ("carrier_a", "carrier_b", "die", "sink")
"""The sensor frame's thermometers, in its order."""


class SensorLaw(IntEnum):
    """How resistance tells temperature."""

    THERMISTOR = 0  # Steinhart-Hart a, b, c in 1/K; the beta law is the case c = 0
    RTD = 1  # ohm at 0 C, by Callendar and Van Dusen


class Trouble(IntEnum):
    """What is wrong with a sensor, as far as its own readings tell."""

    NONE = 0
    UNREADABLE = 1  # open, shorted, or no resistance that its law knows
    STUCK = 2  # its noise has stopped
    NOISY = 3
    ABSENT = 4  # there is none


CHANNEL = np.dtype(
    [
        ("law", "i8"),
        ("coefficient", "f8", (3,)),  # a, b, c of a thermistor; ohm at 0 C, -, - of an RTD
        ("reference_ohm", "f8"),
        ("noise_limit_k", "f8"),
        ("reading_c", "f8"),  # NaN while it is in trouble
        ("raw_c", "f8"),  # whatever the trouble; NaN when unreadable
        ("code", "i8"),
        ("step", "i8"),  # last change of the code that was not 0
        ("liveliness", "f8"),  # how often the code turns back, per tick
        ("missed_turns", "f8"),  # turns expected since the code last changed
        ("moved_k", "f8"),  # in the last tick
        ("noise_k", "f8"),  # mean of what it goes to and fro
        ("trouble", "i8"),
    ]
)
"""One thermometer: its law, and what its readings tell of it."""

FUSION = np.dtype(
    [
        ("liar", "i8"),  # 0 none, 1 the first sensor, 2 the second, 3 one of them
        ("apart_s", "f8"),  # for which they have disagreed
        ("agreeing_s", "f8"),
        ("astray_k", "f8", (2,)),  # distance of each from the die's side of the story
        ("bias_k", "f8"),  # of that story, learned while they agree
        ("load_w", "f8"),  # heat through the die, as the carrier's sensors feel it
    ]
)
"""The two carrier sensors together."""
