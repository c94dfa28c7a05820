"""Records of the guard: its limits, and what it remembers."""

import numpy as np

from lumina.control.guard.reasons import Reason

__all__ = ["GUARD_LIMITS", "GUARD_STATE", "REASONS"]

REASONS = len(Reason)

GUARD_LIMITS = np.dtype(
    [
        ("warning_c", "f8"),
        ("critical_c", "f8"),
        ("emergency_c", "f8"),
        ("sink_warning_c", "f8"),
        ("sink_critical_c", "f8"),
        ("sink_emergency_c", "f8"),
        ("hysteresis_k", "f8"),
        ("horizon_s", "f8"),  # how far ahead a rise is followed
        ("disagreement_k", "f8"),
        ("unknown_heat_w", "f8"),
        ("reaction", "i8", (REASONS,)),  # Tier; 0 where the temperature decides
        ("patience", "i8", (REASONS,)),  # periods; 0 never believes
        ("gone_periods", "i8"),  # for which it has to be gone
    ]
)

GUARD_STATE = np.dtype(
    [
        ("active", "i8"),  # bits of the reasons that are believed
        ("suspected", "i8"),  # bits of those found in the last tick
        ("cause", "i8"),  # bits of those that were active when the emergency latched
        ("found_periods", "i8", (REASONS,)),  # in a row
        ("gone", "i8", (REASONS,)),  # in a row, of an active one
        ("judged_c", "f8"),  # the chip: its die, or the carrier where no die sensor is
        ("thermal", "i8"),  # tier by temperature
        ("allowed", "f8"),  # share of power by temperature
        ("die_tier", "i8"),
        ("carrier_tier", "i8"),
        ("sink_tier", "i8"),
        ("rise_k_per_s", "f8"),  # of the die, a mean
        ("moved_w", "f8"),  # heat that the TEC's current moves, a mean
        ("expected_rpm", "f8"),
        ("heartbeat", "i8"),  # last heard
        ("armed", "i8"),  # a heartbeat was heard
        ("silent_ticks", "i8"),
    ]
)
