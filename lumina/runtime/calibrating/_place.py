"""A bench as a calibration routine sees it."""

from collections.abc import Mapping
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from calibration.findings import Findings
from calibration.routines import Workplace
from calibration.store import Chip
from lumina.runtime.bench import Bench
from lumina.runtime.device import PhotonicDevice
from lumina.runtime.places import chip_at, instruments_at, lone_plants
from lumina.runtime.places import workplace as placed

__all__ = ["Site", "generator", "sites", "workplace"]


@dataclass(frozen=True)
class Site:
    """One place to calibrate.

    Attributes:
        name: the processor's; where there is none, the plant's.
        chip: what is calibrated there.
        device: the processor; None where there is none.
        backend: who answers there.
    """

    name: str
    chip: Chip
    device: PhotonicDevice | None
    backend: str

    @property
    def carrier_c(self) -> float | None:
        """Set point of its loop, in C; None where none regulates."""
        return None if self.device is None else self.device.config.setpoint_c

    @property
    def die_c(self) -> float | None:
        """Its die's temperature by the loop, in C; None where none estimates it."""
        return None if self.device is None else self.device.die_temperature_c()


def sites(bench: Bench) -> list[Site]:
    """The processors, then the plants without one."""
    return [site_at(bench, name) for name in (*bench.devices, *lone_plants(bench.config))]


def site_at(bench: Bench, name: str) -> Site:
    """One place of a bench."""
    config, device = bench.config, bench.devices.get(name)
    answers = name if device is not None else next(instruments_at(config, name))
    chip = chip_at(config, name, bench.identities)
    return Site(name, chip, device, str(config.instruments[answers].backend))


def workplace(bench: Bench, name: str, known: Mapping[str, Findings]) -> Workplace:
    """The workplace at one place, with nothing in front of the chip.

    Args:
        bench: it is brought up.
        name: the processor's, or the plant's.
        known: what is known of it.
    """
    board = bench.devices.get(name)
    return placed(bench.config, bench.journal, name, bench.instruments, board, known)


def generator(seed: int, routine: str) -> np.random.Generator:
    """A routine's own random choices, whatever ran before it."""
    return np.random.default_rng(np.random.SeedSequence([seed, crc32(routine.encode())]))
