"""One thermometer: its temperature, and whether its readings can be believed.

A sound sensor trembles. Its code goes up and down by its noise; how often it turns back is
learned while it lives, and a code that stands still although twenty turns were due is that
of a stuck sensor: thirty samples at full noise, more where the noise seldom moves the last
bit, never where it hardly does. A sensor whose readings go to and fro by more than heat can move
them is noisy.
"""

import math
from typing import Any

from lumina.compiled import compiled_tick
from lumina.control.sensing.records import SensorLaw, Trouble
from lumina.theory.rtd import rtd_c, rtd_ohm
from lumina.theory.thermistor import (
    ThermistorLaw,
    code_from_resistance,
    resistance_from_code,
    thermistor_c,
    thermistor_ohm,
)

__all__ = ["channel_code", "read_channel"]

RTD = int(SensorLaw.RTD)
NONE, UNREADABLE, STUCK, NOISY, ABSENT = (int(trouble) for trouble in Trouble)

DUE_TURNS = 20.0
LIVELINESS_S, LIVELINESS_SHARE = 1.0, 0.01
"""The liveliness is a mean over about a second, and over a hundred samples at least: it must
outlive the turns that are due."""

NOISE_S, NOISE_SHARE = 0.1, 0.05
"""The noise is a mean over about 0.1 s, and over twenty samples at least."""


@compiled_tick
def temperature_c(channel: Any, code: int) -> float:
    """Temperature of a code by the channel's law, C; NaN where there is none."""
    resistance_ohm = resistance_from_code(code, channel.reference_ohm)
    coefficient = channel.coefficient
    if channel.law == RTD:
        return rtd_c(coefficient[0], resistance_ohm)
    return thermistor_c(
        ThermistorLaw(coefficient[0], coefficient[1], coefficient[2]), resistance_ohm
    )


@compiled_tick
def channel_code(channel: Any, temperature_c: float) -> int:
    """Code of a sound sensor at a temperature in C, by the channel's law."""
    coefficient = channel.coefficient
    law = ThermistorLaw(coefficient[0], coefficient[1], coefficient[2])
    rtd = channel.law == RTD
    ohm = rtd_ohm(coefficient[0], temperature_c) if rtd else thermistor_ohm(law, temperature_c)
    return code_from_resistance(ohm, channel.reference_ohm)


@compiled_tick
def watch_stillness(channel: Any, code: int, dt_s: float) -> None:
    """Learn how lively the code is, and count the turns that it has missed since it moved."""
    step = code - channel.code
    channel.code = code
    turned = 1.0 if step * channel.step < 0 else 0.0
    share = min(dt_s / LIVELINESS_S, LIVELINESS_SHARE)
    channel.liveliness += share * (turned - channel.liveliness)
    if step == 0:
        channel.missed_turns += channel.liveliness
    else:
        channel.step, channel.missed_turns = step, 0.0


@compiled_tick
def watch_noise(channel: Any, now_c: float, dt_s: float) -> None:
    """Learn how far the reading goes to and fro: a jump or a ramp goes one way only."""
    moved_k, before_k = now_c - channel.raw_c, channel.moved_k
    channel.raw_c = now_c
    if math.isnan(moved_k):
        return
    channel.moved_k = moved_k
    wavered_k = min(abs(moved_k), abs(before_k)) if moved_k * before_k < 0.0 else 0.0
    channel.noise_k += min(dt_s / NOISE_S, NOISE_SHARE) * (wavered_k - channel.noise_k)


@compiled_tick
def trouble_of(channel: Any) -> int:
    """What is wrong with the channel now."""
    if math.isnan(channel.raw_c):
        return UNREADABLE
    if channel.missed_turns >= DUE_TURNS:
        return STUCK
    if channel.noise_k > channel.noise_limit_k:
        return NOISY
    return NONE


@compiled_tick
def read_channel(channel: Any, code: int, dt_s: float) -> None:
    """Take in one sample, `dt_s` after the one before; nothing where there is no sensor."""
    if channel.trouble == ABSENT:
        return
    watch_stillness(channel, code, dt_s)
    watch_noise(channel, temperature_c(channel, code), dt_s)
    channel.trouble = trouble_of(channel)
    channel.reading_c = channel.raw_c if channel.trouble == NONE else math.nan
