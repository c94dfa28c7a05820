"""Stored calibrations at bring-up: which one holds for the chip at hand, and its use."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from calibration.routines import Workplace, routine
from calibration.store import (
    CalibrationStore,
    Chip,
    FreshnessRules,
    Section,
    StoredCalibration,
    Surroundings,
    why_stale,
)
from lumina.errors import CalibrationError
from lumina.runtime.config import BenchConfig
from lumina.runtime.recording.journal import Journal

__all__ = ["Calibrations", "apply_stored", "stale_reasons"]


@dataclass(frozen=True)
class Calibrations:
    """Where calibrations are kept, and the time by which they are judged.

    Attributes:
        root: folder of all benches' calibrations.
        now: wall-clock time, with time zone.
        anew: routines that are about to be run: what they found earlier is not used, so that
            a calibration does not depend on the one before.
        watched: whether drift may be looked for meanwhile, as the config says.
    """

    root: Path
    now: datetime
    anew: tuple[str, ...] = ()
    watched: bool = True

    def of(self, config: BenchConfig, place: str) -> CalibrationStore:
        """The store of one device, or of a plant without one."""
        return CalibrationStore(self.root, config.name, place)


async def apply_stored(
    place: Workplace,
    chip: Chip,
    calibrations: Calibrations,
    config: BenchConfig,
    journal: Journal,
) -> dict[str, int]:
    """Have a place use what is stored of it, as far as that is fresh.

    The journal is told which version is used and what is left aside, and why.

    Returns:
        The versions that are used, by routine.
    """
    stored, problems = calibrations.of(config, place.name).newest(chip)
    for problem in problems:
        journal.tell(place.name, "calibration", f"not used: {problem}", level="warning")
    if stored is None and place.board is not None and not calibrations.anew:
        text = f"{place.name}: no calibration of this chip is stored ({chip})"
        journal.tell(place.name, "calibration", text, stored=False)
    used: dict[str, int] = {}
    for name, section in ({} if stored is None else stored.sections).items():
        if name in calibrations.anew:
            continue
        assert stored is not None
        reasons = stale_reasons(section, config, place.name, calibrations.now)
        reasons += await _refused(place, name, stored) if not reasons else []
        what = f"{place.name}: {name} of calibration {stored.version}"
        text = f"{what} not used: {'; '.join(reasons)}" if reasons else f"{what} is used"
        journal.tell(
            place.name,
            "calibration",
            text,
            level="warning" if reasons else "info",
            stored=True,
            routine=name,
            version=stored.version,
            used=not reasons,
        )
        if not reasons:
            used[name] = stored.version
    return used


def stale_reasons(section: Section, config: BenchConfig, place: str, now: datetime) -> list[str]:
    """Why bring-up does not use a section, in words; empty while it is fresh."""
    settings = config.calibration
    rules = FreshnessRules(settings.max_age_h, settings.max_carrier_k)
    regulated = place in config.processors
    carrier_c = config.control_for(place).setpoint_c if regulated else None
    return why_stale(section.provenance, rules, Surroundings(now, carrier_c))


async def _refused(place: Workplace, name: str, stored: StoredCalibration) -> list[str]:
    """Apply one section; why it could not be."""
    of = routine(name)
    if of is None:
        return ["this version of Lumina has no such routine"]
    try:
        await of.apply(place, stored.sections[name].findings)
    except CalibrationError as error:
        return [str(error)]
    return []
