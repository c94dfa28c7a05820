"""Whether stored findings may still be trusted without looking at the chip."""

from dataclasses import dataclass
from datetime import datetime

from calibration.store._version import Provenance

__all__ = ["FreshnessRules", "Surroundings", "why_stale"]


@dataclass(frozen=True)
class FreshnessRules:
    """Within what findings hold.

    Attributes:
        max_age_h: age in hours.
        max_carrier_k: distance between the carrier's set points of then and now, in K.
    """

    max_age_h: float
    max_carrier_k: float


@dataclass(frozen=True)
class Surroundings:
    """What findings are to be used in.

    Attributes:
        now: wall-clock time, with time zone.
        carrier_c: the carrier's set point, in C; None where no loop holds one.
    """

    now: datetime
    carrier_c: float | None


def why_stale(
    provenance: Provenance, rules: FreshnessRules, surroundings: Surroundings
) -> list[str]:
    """Why these findings are stale, in words; empty while they are fresh."""
    age_h = (surroundings.now - provenance.measured).total_seconds() / 3600.0
    then_c, now_c = provenance.carrier_c, surroundings.carrier_c
    reasons = []
    if age_h > rules.max_age_h:
        when = f"{provenance.measured:%Y-%m-%d %H:%M %Z}"
        reasons.append(f"measured on {when} (allowed: in the last {rules.max_age_h:g} h)")
    if then_c is not None and now_c is not None and abs(now_c - then_c) > rules.max_carrier_k:
        reasons.append(
            f"measured at a carrier of {then_c:g} C, "
            f"now {now_c:g} C (allowed: {rules.max_carrier_k:g} K apart)"
        )
    return reasons
