"""Places of a bench at which something is calibrated: its processors, and plants without one."""

from collections.abc import Iterator, Mapping
from zlib import crc32

import numpy as np

from calibration.findings import Findings
from calibration.routines import Workplace
from calibration.store import Chip
from drivers.interfaces import Identity, Instrument
from lumina.runtime.config import BenchConfig
from lumina.runtime.device import PhotonicDevice
from lumina.runtime.recording.journal import Journal

__all__ = ["chip_at", "instruments_at", "lone_plants", "plant_at", "workplace"]


def lone_plants(config: BenchConfig) -> list[str]:
    """Plants that have instruments and no processor, in the order of the instruments."""
    with_board = {instrument.plant for instrument in config.processors.values()}
    plants = dict.fromkeys(instrument.plant for instrument in config.instruments.values())
    return [plant for plant in plants if plant not in with_board]


def plant_at(config: BenchConfig, place: str) -> str:
    """The plant of a processor; a plant without one is its own."""
    return config.instruments[place].plant if place in config.processors else place


def instruments_at(config: BenchConfig, place: str) -> Iterator[str]:
    """Names of the instruments on a place's plant, in the file's order."""
    plant = plant_at(config, place)
    return (name for name, entry in config.instruments.items() if entry.plant == plant)


def chip_at(config: BenchConfig, place: str, identities: Mapping[str, Identity]) -> Chip:
    """What is calibrated at a place: a board's chip by the board's identity, or the instruments."""
    if place in config.processors:
        who = identities[place]
        return Chip(manufacturer=who.manufacturer, model=who.model, serial=who.serial)
    those = [identities[name] for name in instruments_at(config, place)]
    serials = "\n".join(f"{one.model} {one.serial}" for one in those)
    model = f"{len(those)} instruments"
    return Chip(manufacturer="various", model=model, serial=f"{crc32(serials.encode()):08X}")


def workplace(
    config: BenchConfig,
    journal: Journal,
    name: str,
    instruments: Mapping[str, Instrument],
    board: PhotonicDevice | None,
    known: Mapping[str, Findings],
) -> Workplace:
    """A place as a routine sees it, with nothing in front of the chip.

    Args:
        config: the bench's.
        journal: where values are shown and lines are told.
        name: the processor's, or the plant's.
        instruments: every instrument of the bench; they are connected.
        board: the processor; it is brought up, or coming up.
        known: what is known already.
    """
    here = list(instruments_at(config, name))
    return Workplace(
        name=name,
        instruments={one: instruments[one] for one in here},
        rng=np.random.default_rng(0),
        progress=lambda stage, done: journal.pulse("calibrate", step=stage, fraction=done),
        options={one: config.instruments[one].options for one in here},
        board=board,
        known=known,
        tell=lambda line: journal.tell(name, "calibration", f"{name}: {line}"),
    )
