"""What the guard found, in words, with the sensor that it is about."""

from typing import Any

from lumina.control.guard.reasons import REACTIONS, Reason, Tier, reasons_in
from lumina.control.sensing.fusion import FIRST, SECOND, UNDECIDED
from lumina.control.sensing.records import SENSORS, Trouble

__all__ = ["severity", "words_for", "words_in"]

TROUBLES = {
    Trouble.UNREADABLE: "open or shorted",
    Trouble.STUCK: "stuck",
    Trouble.NOISY: "noisy",
}
QUARREL = {
    FIRST: "carrier_a does not go with the model",
    SECOND: "carrier_b does not go with the model",
    UNDECIDED: "carrier_a and carrier_b disagree, the warmer one counts",
}
ABOUT = {
    Reason.DIE_SENSOR_LOST: ("die",),
    Reason.CARRIER_SENSOR_DOUBTED: ("carrier_a", "carrier_b"),
    Reason.CARRIER_SENSORS_LOST: ("carrier_a", "carrier_b"),
    Reason.SINK_SENSOR_LOST: ("sink",),
}
"""The sensors that a reason is about."""


def words_for(reason: Reason, row: Any) -> str:
    """A reason in words, by a telemetry row in which it is active."""
    found = [
        f"{name} is {TROUBLES[trouble]}"
        for name, trouble in zip(SENSORS, map(Trouble, row["sensor_trouble"]), strict=True)
        if name in ABOUT.get(reason, ()) and trouble in TROUBLES
    ]
    if reason is Reason.CARRIER_SENSOR_DOUBTED and int(row["fusion"]) in QUARREL:
        found.append(QUARREL[int(row["fusion"])])
    return ", ".join([REACTIONS[reason].words, *found])


def severity(reason: Reason, row: Any) -> Tier:
    """The tier that a reason leads to."""
    return REACTIONS[reason].tier or Tier(int(row["tier"]))


def words_in(row: Any) -> list[str]:
    """All that a telemetry row says about why the guard acts, the latched cause included."""
    return [words_for(reason, row) for reason in reasons_in(int(row["reasons"] | row["cause"]))]
