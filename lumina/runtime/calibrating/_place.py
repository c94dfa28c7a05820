"""A bench as a calibration routine sees it."""

from collections.abc import Mapping
from zlib import crc32

import numpy as np

from calibration.findings import Findings
from calibration.routines import Workplace
from lumina.runtime.bench import Bench

__all__ = ["generator", "workplace"]


def workplace(bench: Bench, name: str, known: Mapping[str, Findings]) -> Workplace:
    """The workplace of one device, with nothing in front of the chip.

    Args:
        bench: it is brought up.
        name: the device's.
        known: what is known of it.
    """
    journal, station = bench.journal, bench.stations[name]
    return Workplace(
        device=station.device,
        chip=station.device,
        instruments={instrument.name: instrument for instrument, _ in station.instruments},
        rng=np.random.default_rng(0),
        progress=lambda stage, done: journal.pulse("calibrate", step=stage, fraction=done),
        known=known,
        tell=lambda line: journal.tell(name, "calibration", f"{name}: {line}"),
    )


def generator(seed: int, routine: str) -> np.random.Generator:
    """A routine's own random choices, whatever ran before it."""
    return np.random.default_rng(np.random.SeedSequence([seed, crc32(routine.encode())]))
