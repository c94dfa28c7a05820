"""What the guard watches for, and what each finding does: one table."""

from enum import IntEnum
from typing import NamedTuple

__all__ = ["REACTIONS", "Reaction", "Reason", "Tier", "bit", "reasons_in"]


class Tier(IntEnum):
    """Tier of the thermal guard."""

    NORMAL = 0
    WARNING = 1
    CRITICAL = 2
    EMERGENCY = 3


class Reason(IntEnum):
    """A finding of the guard; `bit` of it is what telemetry shows."""

    DIE_HOT = 0
    CARRIER_HOT = 1
    SINK_HOT = 2
    RISING = 3
    DIE_SENSOR_LOST = 4
    DIE_SENSOR_COLD = 5
    DIE_HEAT_UNKNOWN = 6
    CARRIER_SENSOR_DOUBTED = 7
    CARRIER_SENSORS_LOST = 8
    SINK_SENSOR_LOST = 9
    FRAME_STALE = 10
    FRAME_WRONG = 11
    TEC_OVER_CURRENT = 12
    TEC_NOT_FOLLOWING = 13
    TEC_VOLTAGE = 14
    TEC_REVERSED = 15
    FAN_STALLED = 16
    HOST_SILENT = 17
    RAIL_TRIPPED = 18


class Reaction(NamedTuple):
    """What a finding does.

    Attributes:
        tier: it leads to; None where the temperature decides, by the tiers of the config.
        patience_s: for which it has to last before it is believed; None where the config says.
        words: what to tell people.
    """

    tier: Tier | None
    patience_s: float | None
    words: str


REACTIONS: dict[Reason, Reaction] = {
    Reason.DIE_HOT: Reaction(None, 0.001, "the die is too warm"),
    Reason.CARRIER_HOT: Reaction(None, 0.001, "the carrier is too warm"),
    Reason.SINK_HOT: Reaction(None, 0.001, "the heat sink is too warm"),
    Reason.RISING: Reaction(
        Tier.EMERGENCY, 0.02, "the die warms so fast that it will be too hot in a moment"
    ),
    Reason.DIE_SENSOR_LOST: Reaction(Tier.EMERGENCY, None, "the die's sensor is lost"),
    Reason.DIE_SENSOR_COLD: Reaction(
        Tier.EMERGENCY, 0.2, "the die's sensor shows less than the metered heat must make"
    ),
    Reason.DIE_HEAT_UNKNOWN: Reaction(Tier.WARNING, 0.5, "the die gets heat that no meter shows"),
    Reason.CARRIER_SENSOR_DOUBTED: Reaction(
        Tier.WARNING, 0.005, "one of the carrier's two sensors is not believed"
    ),
    Reason.CARRIER_SENSORS_LOST: Reaction(
        Tier.EMERGENCY, 0.005, "neither of the carrier's sensors can be believed"
    ),
    Reason.SINK_SENSOR_LOST: Reaction(
        Tier.WARNING, 0.005, "the sink's sensor is lost: fan at full speed"
    ),
    Reason.FRAME_STALE: Reaction(Tier.EMERGENCY, 0.005, "the board sends the same sample again"),
    Reason.FRAME_WRONG: Reaction(Tier.EMERGENCY, 0.02, "the board sends impossible numbers"),
    Reason.TEC_OVER_CURRENT: Reaction(Tier.EMERGENCY, 0.003, "the TEC draws more than its limit"),
    Reason.TEC_NOT_FOLLOWING: Reaction(
        Tier.CRITICAL, 0.05, "the TEC's current does not follow its command: open, or no power"
    ),
    Reason.TEC_VOLTAGE: Reaction(
        Tier.CRITICAL,
        0.05,
        "the TEC's voltage does not go with current and temperatures: short or wiring",
    ),
    Reason.TEC_REVERSED: Reaction(
        Tier.EMERGENCY, 0.5, "the TEC heats where it should cool, or the other way round"
    ),
    Reason.FAN_STALLED: Reaction(Tier.WARNING, 0.5, "the fan turns far slower than commanded"),
    Reason.HOST_SILENT: Reaction(Tier.EMERGENCY, None, "the host has stopped posting heartbeats"),
    Reason.RAIL_TRIPPED: Reaction(Tier.CRITICAL, 0.001, "a power rail has tripped: rails are down"),
}


def bit(reason: Reason) -> int:
    """The bit of a reason."""
    return 1 << int(reason)


def reasons_in(bits: int) -> list[Reason]:
    """The reasons whose bits are set."""
    return [reason for reason in Reason if bits & bit(reason)]
