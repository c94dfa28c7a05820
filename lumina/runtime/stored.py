"""Stored calibrations at bring-up: which one holds for the chip at hand, and its use."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from calibration.routines import routine
from calibration.store import (
    CalibrationStore,
    Chip,
    FreshnessRules,
    Section,
    StoredCalibration,
    Surroundings,
    why_stale,
)
from drivers.interfaces import Identity
from lumina.errors import CalibrationError
from lumina.runtime.config import BenchConfig
from lumina.runtime.device import PhotonicDevice
from lumina.runtime.recording.journal import Journal

__all__ = ["Calibrations", "apply_stored", "chip_of", "stale_reasons"]


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

    def of(self, config: BenchConfig, device: str) -> CalibrationStore:
        """The store of one device."""
        return CalibrationStore(self.root, config.name, device)


def chip_of(identity: Identity) -> Chip:
    """Which chip a board carries: the board's own identity."""
    return Chip(manufacturer=identity.manufacturer, model=identity.model, serial=identity.serial)


async def apply_stored(
    device: PhotonicDevice,
    chip: Chip,
    calibrations: Calibrations,
    config: BenchConfig,
    journal: Journal,
) -> StoredCalibration | None:
    """Have a device use what is stored of its chip, as far as that is fresh.

    The journal is told which version is used and what is left aside, and why.

    Returns:
        The newest version of this chip, used or not; None where there is none.
    """
    stored, problems = calibrations.of(config, device.name).newest(chip)
    for problem in problems:
        journal.tell(device.name, "calibration", f"not used: {problem}", level="warning")
    if stored is None and not calibrations.anew:
        text = f"{device.name}: no calibration of this chip is stored ({chip})"
        journal.tell(device.name, "calibration", text, stored=False)
    if stored is None:
        return None
    for name, section in stored.sections.items():
        if name in calibrations.anew:
            continue
        reasons = stale_reasons(section, config, device.name, calibrations.now)
        reasons += await _refused(device, name, stored) if not reasons else []
        what = f"{device.name}: {name} of calibration {stored.version}"
        text = f"{what} not used: {'; '.join(reasons)}" if reasons else f"{what} is used"
        journal.tell(
            device.name,
            "calibration",
            text,
            level="warning" if reasons else "info",
            stored=True,
            routine=name,
            version=stored.version,
            used=not reasons,
        )
        if not reasons:
            device.uses[name] = stored.version
    return stored


def stale_reasons(section: Section, config: BenchConfig, device: str, now: datetime) -> list[str]:
    """Why bring-up does not use a section, in words; empty while it is fresh."""
    settings = config.calibration
    rules = FreshnessRules(settings.max_age_h, settings.max_carrier_k)
    surroundings = Surroundings(now, config.control_for(device).setpoint_c)
    return why_stale(section.provenance, rules, surroundings)


async def _refused(device: PhotonicDevice, name: str, stored: StoredCalibration) -> list[str]:
    """Apply one section; why it could not be."""
    of = routine(name)
    if of is None:
        return ["this version of Lumina has no such routine"]
    try:
        await of.apply(device, stored.sections[name].findings)
    except CalibrationError as error:
        return [str(error)]
    return []
