"""Two sensors on the carrier: their mean, and which of them lies when they part.

A sensor that jumps is betrayed by the model, which did not jump with it: the one that is
where the carrier's sensor should be is honest. One that creeps away takes the model along,
so another witness is heard: the die's sensor, less what the load's heat puts between die
and carrier. What that witness is off by is learned while both sensors agree. As long as
nobody can tell, the warmer one counts: a carrier that is too cold harms nothing.
"""

import math
from typing import Any

from lumina.compiled import compiled_tick

__all__ = ["FIRST", "NOBODY", "SECOND", "UNDECIDED", "fuse"]

NOBODY, FIRST, SECOND, UNDECIDED = 0, 1, 2, 3

SUSPECT_S = 0.02
FORGIVEN_S = 1.0
"""How long sensors have to be apart, and agree again."""

NEAR_SHARE = 0.4
"""An honest sensor is this much nearer to the witness than the liar."""

WITNESS_S = 1.0
"""Time constant with which the witness is heard; after twice that it has been."""

BIAS_S = 30.0


@compiled_tick
def hear_witness(
    fusion: Any, model: Any, first_c: float, second_c: float, die_c: float, load_w: float,
    limit_k: float, dt_s: float,
) -> None:  # fmt: skip
    """Follow how far each sensor is from what the die's sensor says of the carrier."""
    delay_s = model.die_lag_s + model.die_resistance_k_per_w * model.die_capacity_j_per_k
    fusion.load_w += min(dt_s / delay_s, 1.0) * (load_w - fusion.load_w)
    if math.isnan(die_c):
        return
    says_c = die_c - model.die_resistance_k_per_w * fusion.load_w
    if abs(first_c - second_c) < 0.5 * limit_k:
        mean_c = 0.5 * (first_c + second_c)
        fusion.bias_k += min(dt_s / BIAS_S, 1.0) * (says_c - mean_c - fusion.bias_k)
    share = min(dt_s / WITNESS_S, 1.0)
    fusion.astray_k[0] += share * (first_c - says_c + fusion.bias_k - fusion.astray_k[0])
    fusion.astray_k[1] += share * (second_c - says_c + fusion.bias_k - fusion.astray_k[1])


@compiled_tick
def further(first_k: float, second_k: float) -> int:
    """Who is clearly further from the truth."""
    if abs(second_k) < NEAR_SHARE * abs(first_k):
        return FIRST
    if abs(first_k) < NEAR_SHARE * abs(second_k):
        return SECOND
    return UNDECIDED


@compiled_tick
def accuse(fusion: Any, first_c: float, second_c: float, expected_c: float, die_c: float) -> int:
    """Who lies: by the model when the quarrel begins, later and else by the witness.

    Later the model tells nothing: it has followed whoever was believed meanwhile.
    """
    liar = UNDECIDED
    if fusion.liar == NOBODY:
        liar = further(first_c - expected_c, second_c - expected_c)
    elif fusion.apart_s >= 2.0 * WITNESS_S and not math.isnan(die_c):
        liar = further(fusion.astray_k[0], fusion.astray_k[1])
    return liar


@compiled_tick
def follow_quarrel(fusion: Any, apart_k: float, limit_k: float, dt_s: float) -> None:
    """Count how long the two have been apart, or agree again."""
    if apart_k > limit_k:
        fusion.apart_s += dt_s
        fusion.agreeing_s = 0.0
    elif apart_k < 0.5 * limit_k:
        fusion.apart_s = 0.0
        fusion.agreeing_s += dt_s
        if fusion.agreeing_s >= FORGIVEN_S:
            fusion.liar = NOBODY


@compiled_tick
def fuse(
    fusion: Any,
    model: Any,
    first_c: float,
    second_c: float,
    expected_c: float,
    die_c: float,
    load_w: float,
    limit_k: float,
    dt_s: float,
) -> float:
    """The carrier's temperature as its sensors show it, C; NaN when neither can be read.

    Args:
        fusion: record FUSION.
        model: record THERMAL_MODEL.
        first_c: reading of the first sensor, C; NaN where there is none.
        second_c: reading of the second.
        expected_c: where the model expects the carrier's sensors.
        die_c: reading of the die's sensor, C.
        load_w: heat into the die, W.
        limit_k: disagreement that is believed to be a lie, K.
        dt_s: period, s.
    """
    if math.isnan(first_c):
        return second_c
    if math.isnan(second_c):
        return first_c
    hear_witness(fusion, model, first_c, second_c, die_c, load_w, limit_k, dt_s)
    follow_quarrel(fusion, abs(first_c - second_c), limit_k, dt_s)
    if fusion.apart_s >= SUSPECT_S and (fusion.liar in (NOBODY, UNDECIDED)):
        fusion.liar = accuse(fusion, first_c, second_c, expected_c, die_c)
    if fusion.liar == FIRST:
        return second_c
    if fusion.liar == SECOND:
        return first_c
    if fusion.liar == UNDECIDED:
        return max(first_c, second_c)
    return 0.5 * (first_c + second_c)
