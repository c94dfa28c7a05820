"""Every fault that can be planted on a simulated bench, by name.

A *plant fault* is physics: words of the plant's inputs (`twin.records.PLANT_INPUTS`) that
are 0 in a healthy plant. A *wire fault* is a simulated instrument that misbehaves on its
wire (`firmware_sim.faults`). A *host fault* is ours. docs/reference/faults.md tells how each
is noticed, and what is done about it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from firmware_sim.faults import FaultKind as WireFault
from twin.config import PlantConfig
from twin.records import (
    SENSOR_OPEN,
    SENSOR_SHORTED,
    SENSOR_STUCK,
    TEC_OPEN,
    TEC_REVERSED,
    TEC_SHORTED,
)

__all__ = ["CATALOGUE", "SENSOR_NAMES", "FaultKind", "Place", "Places", "Severity"]

SENSOR_NAMES = ("carrier_a", "carrier_b", "die", "sink")
"""Thermistors in the order of the sensor frame."""

DIP = 0.2
"""Share of the laser's power that a mode hop costs."""


Words = Callable[["Place", float], Mapping[str, float]]
"""The plant's inputs while a fault lasts, by its place and its severity."""


class Places(Enum):
    """Where a kind of fault can strike."""

    NOWHERE = "there is one of it"
    SENSOR = "a thermistor"
    NODE = "die or carrier"
    HEATER = "the channel of a heater"
    RAIL = "a power rail, by its name"
    INSTRUMENT = "an instrument on simulated firmware, by its name"


@dataclass(frozen=True)
class Place:
    """Where one fault strikes.

    Attributes:
        name: of the place; empty where there is just one.
        index: of the place among its like.
        plant: what the plant is made of.
    """

    name: str
    index: int
    plant: PlantConfig


@dataclass(frozen=True)
class Severity:
    """How hard a fault strikes.

    Attributes:
        what: what its number says.
        unit: of the number.
        default: where none is given.
        low: mildest.
        high: worst.
    """

    what: str
    unit: str
    default: float
    low: float
    high: float


@dataclass(frozen=True)
class FaultKind:
    """A kind of fault.

    Attributes:
        name: how it is called.
        what: what happens, in words.
        places: where it can strike.
        severity: how hard; None where there are no degrees.
        words: the plant's inputs while it lasts; None for other faults.
        wire: what happens on an instrument's wire; None for other faults.
        host: whether the host looks away.
    """

    name: str
    what: str
    places: Places = Places.NOWHERE
    severity: Severity | None = None
    words: Words | None = None
    wire: WireFault | None = None
    host: bool = False


def _index(word: str, value: float | None = None) -> Words:
    """One word of several, by the place; its value is the severity unless there is one."""
    return lambda place, severity: {f"{word}[{place.index}]": severity if value is None else value}


def _word(word: str, value: float | None = None) -> Words:
    """One word; its value is the severity unless there is one."""
    return lambda _, severity: {word: severity if value is None else value}


def _channel(word: str) -> Words:
    """A word that holds 1 + the channel."""
    return lambda place, _: {word: 1.0 + place.index}


def _rail_offset(sign: float) -> Words:
    """A rail off its nominal voltage by a share of it."""
    return lambda place, share: {
        f"rail_offset_v[{place.index}]": sign * share * place.plant.rails[place.index].voltage_v
    }


_SENSOR, _RAIL, _WIRE = Places.SENSOR, Places.RAIL, Places.INSTRUMENT
_AWAY = Severity("how long", "s", 2.0, 0.001, 3600.0)
_REPLIES = Severity("how many", "replies", 1.0, 1.0, 10_000.0)

_KINDS = (
    FaultKind(
        "sensor_stuck",
        "a thermistor repeats its last reading",
        _SENSOR,
        words=_index("sensor_fault", SENSOR_STUCK),
    ),
    FaultKind(
        "sensor_drift",
        "a thermistor's reading walks off",
        _SENSOR,
        Severity("how fast", "K/s", -0.2, -5.0, 5.0),
        _index("sensor_drift_k_per_s"),
    ),
    FaultKind(
        "sensor_noisy",
        "a thermistor's reading is noisy",
        _SENSOR,
        Severity("rms of a sample", "K", 1.0, 0.01, 20.0),
        _index("sensor_noise_k"),
    ),
    FaultKind(
        "sensor_open",
        "a thermistor's lead is broken",
        _SENSOR,
        words=_index("sensor_fault", SENSOR_OPEN),
    ),
    FaultKind(
        "sensor_short",
        "a thermistor is shorted",
        _SENSOR,
        words=_index("sensor_fault", SENSOR_SHORTED),
    ),
    FaultKind("tec_open", "the TEC's lead is broken", words=_word("tec_fault", TEC_OPEN)),
    FaultKind("tec_short", "the TEC is shorted", words=_word("tec_fault", TEC_SHORTED)),
    FaultKind(
        "tec_reversed", "the TEC's leads are swapped", words=_word("tec_fault", TEC_REVERSED)
    ),
    FaultKind("fan_stall", "the fan's rotor stands still", words=_word("fan_stall", 1.0)),
    FaultKind(
        "fan_slow",
        "the fan turns slower than it is told",
        severity=Severity("share of the speed that is missing", "", 0.6, 0.05, 1.0),
        words=_word("fan_drag"),
    ),
    FaultKind(
        "heat_pump",
        "heat that no meter sees: a leak on the die that its rails feed, or a hot neighbour",
        Places.NODE,
        Severity("how much", "W", 40.0, 1.0, 60.0),
        lambda place, power_w: {f"{place.name}_heat_w": power_w},
    ),
    FaultKind(
        "ambient_step",
        "the room's air changes its temperature at once",
        severity=Severity("by how much", "K", 15.0, -40.0, 40.0),
        words=_word("ambient_step_k"),
    ),
    FaultKind(
        "meter_dead",
        "the compute power's meter reads zero",
        words=_word("meter_loss", 1.0),
    ),
    FaultKind(
        "heater_open",
        "a phase shifter's heater is broken",
        Places.HEATER,
        words=_channel("heater_open"),
    ),
    FaultKind(
        "heater_short",
        "a phase shifter's heater is shorted",
        Places.HEATER,
        words=_channel("heater_short"),
    ),
    FaultKind(
        "laser_mode_hop",
        f"the laser's wavelength jumps and {DIP:.0%} of its power is gone",
        severity=Severity("how far", "pm", 150.0, -1000.0, 1000.0),
        words=lambda _, hop_pm: {"laser_hop_m": hop_pm * 1e-12, "laser_dip": DIP},
    ),
    FaultKind(
        "detector_saturation",
        "stray light falls on every detector",
        severity=Severity("how much", "W", 0.05, 1e-4, 1.0),
        words=_word("stray_light_w"),
    ),
    FaultKind(
        "rail_brown_out",
        "a power rail sags",
        _RAIL,
        Severity("share of its voltage that is missing", "", 0.2, 0.01, 1.0),
        _rail_offset(-1.0),
    ),
    FaultKind(
        "rail_surge",
        "a power rail runs above its voltage",
        _RAIL,
        Severity("by which share of it", "", 0.25, 0.01, 1.0),
        _rail_offset(1.0),
    ),
    FaultKind("rail_short", "a power rail is shorted", _RAIL, words=_index("rail_short", 1.0)),
    FaultKind(
        "supply_brown_out",
        "the bench supply sags",
        severity=Severity("share of its voltage that is missing", "", 0.2, 0.01, 1.0),
        words=_word("supply_sag"),
    ),
    FaultKind("host_stall", "the host looks away: no heartbeats, no supervision", host=True),
    FaultKind(
        "link_loss",
        "an instrument's link hangs up",
        _WIRE,
        _AWAY,
        wire=WireFault.DISCONNECT,
    ),
    FaultKind(
        "device_stall",
        "an instrument neither takes nor gives a byte",
        _WIRE,
        _AWAY,
        wire=WireFault.STALL,
    ),
    FaultKind(
        "device_power_cycle",
        "an instrument loses power, and its settings with it",
        _WIRE,
        _AWAY,
        wire=WireFault.POWER_CYCLE,
    ),
    FaultKind("replies_dropped", "replies never arrive", _WIRE, _REPLIES, wire=WireFault.DROPPED),
    FaultKind(
        "replies_garbled",
        "replies arrive with a bit flipped",
        _WIRE,
        _REPLIES,
        wire=WireFault.GARBLED,
    ),
)

CATALOGUE: Mapping[str, FaultKind] = {kind.name: kind for kind in _KINDS}
"""Kinds of faults by name."""
