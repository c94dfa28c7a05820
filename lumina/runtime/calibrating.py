"""A calibration run: routine after routine on one bench, then a new version in the store."""

from collections.abc import Callable, Coroutine, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

import numpy as np

from calibration.findings import Findings
from calibration.routines import Routine, Workplace, chosen, named
from calibration.store import Provenance, Section
from calibration.tape import TapedChip, TapeWriter
from lumina.errors import UsageError
from lumina.runtime.bench import Bench, open_bench
from lumina.runtime.config import BenchConfig
from lumina.runtime.device import PhotonicDevice
from lumina.runtime.journal import Journal, View
from lumina.runtime.recorded import RunPlan, recorded
from lumina.runtime.stored import Calibrations, chip_of
from lumina.store import RunFolder

__all__ = ["CalibrationPlan", "run_calibration"]


@dataclass(frozen=True, kw_only=True)
class CalibrationPlan(RunPlan):
    """What to calibrate.

    Attributes:
        routines: by name; empty for all that apply.
    """

    routines: tuple[str, ...] = ()


def run_calibration(
    plan: CalibrationPlan, wall_clock: Callable[[], datetime], *views: View
) -> dict[str, Any]:
    """Calibrate every processor of a bench, store what was found, and return it.

    Args:
        plan: what to calibrate.
        wall_clock: the present date and time, for records only.
        views: shown what happens.

    Raises:
        LuminaError: what went wrong; the run folder says so too. What was stored before is
            left as it is.
        KeyboardInterrupt: interrupted; the bench was shut down in order.
    """
    if plan.calibrations is None:
        raise UsageError("a calibration needs a folder to be stored in")
    anew = tuple(routine.name for routine in named(plan.routines))
    calibrations = Calibrations(plan.calibrations, wall_clock(), anew)

    def work(config: BenchConfig, folder: RunFolder) -> Coroutine[Any, Any, dict[str, Any]]:
        run = _CalibrationRun(plan, config, folder, calibrations, Journal(*views))
        return run.whole(wall_clock)

    return recorded(plan, wall_clock, work)


class _CalibrationRun:
    """One calibration of one bench."""

    def __init__(
        self,
        plan: CalibrationPlan,
        config: BenchConfig,
        folder: RunFolder,
        calibrations: Calibrations,
        journal: Journal,
    ) -> None:
        self._plan, self._config, self._folder = plan, config, folder
        self._calibrations, self._journal = calibrations, journal

    async def whole(self, wall_clock: Callable[[], datetime]) -> dict[str, Any]:
        """Bring the bench up, calibrate each device, store what was found."""
        async with open_bench(
            self._config,
            seed=self._plan.seed,
            chip_seed=self._plan.chip_seed,
            journal=self._journal,
            folder=self._folder,
            calibrations=self._calibrations,
        ) as bench:
            devices = {
                name: await self._calibrated(bench, name, wall_clock) for name in bench.devices
            }
        return {
            "seed": self._plan.seed,
            "bench_time_s": self._journal.now_s(),
            "calibrations": devices,
        }

    async def _calibrated(
        self, bench: Bench, name: str, wall_clock: Callable[[], datetime]
    ) -> dict[str, Any]:
        """Run the routines on one device and store what they found."""
        chip = chip_of(bench.identities[name])
        store = self._calibrations.of(self._config, name)
        stored, _ = store.newest(chip)
        known = {} if stored is None else {n: s.findings for n, s in stored.sections.items()}
        place = self._workplace(bench, name, known)
        sections: dict[str, Section] = {}
        for routine in chosen(self._plan.routines, place):
            section = await self._section(routine, bench, place, wall_clock)
            sections[routine.name] = section
            place = replace(place, known={**place.known, routine.name: section.findings})
        new = store.add(chip, sections, wall_clock())
        self._journal.tell(name, "stored", f"{name}: calibration stored")
        return new.summary() | {
            "routines": {
                routine.name: {
                    **routine.figures(sections[routine.name].findings),
                    "measurements": sections[routine.name].provenance.measurements,
                    "bench_time_s": sections[routine.name].provenance.bench_time_s,
                    "faults": [str(f) for f in routine.faults(sections[routine.name].findings)],
                }
                for routine in chosen(tuple(sections), place)
            }
        }

    def _workplace(self, bench: Bench, name: str, known: Mapping[str, Findings]) -> Workplace:
        device, station = bench.devices[name], bench.stations[name]
        return Workplace(
            device=device,
            chip=device,
            instruments={one.name: one for one, _ in station.instruments},
            rng=np.random.default_rng(self._plan.seed),
            progress=lambda stage, done: self._journal.pulse(
                "calibrate", step=stage, fraction=done
            ),
            known=known,
        )

    async def _section(
        self,
        routine: Routine,
        bench: Bench,
        place: Workplace,
        wall_clock: Callable[[], datetime],
    ) -> Section:
        """Run one routine; its findings with their provenance."""
        name, began_s = place.device.name, self._journal.now_s()
        tape = TapeWriter(self._folder.path / f"{name}_{routine.name}.tape")
        chip = TapedChip(place.device, tape)
        with self._journal.stage(routine.name, f"{name}: {routine.finds}"), closing(tape):
            findings = await routine.run(replace(place, chip=chip))
        for fault in routine.faults(findings):
            self._journal.tell(name, "fault", f"{name}: {fault}", level="warning")
        self._folder.save_arrays(f"{name}_{routine.name}_calibration", findings.flat())
        provenance = self._provenance(bench, bench.devices[name], wall_clock())
        by_the_way = {
            "raw": tape.path.name,
            "raw_sha256": sha256(tape.path.read_bytes()).hexdigest(),
            "measurements": chip.measurements,
            "bench_time_s": self._journal.now_s() - began_s,
        }
        return Section(findings, provenance.model_copy(update=by_the_way))

    def _provenance(self, bench: Bench, device: PhotonicDevice, measured: datetime) -> Provenance:
        plan, manifest = self._plan, self._folder.manifest
        return Provenance(
            measured=measured,
            run=str(self._folder.path),
            carrier_c=device.config.setpoint_c,
            die_c=device.die_temperature_c(),
            backend=str(self._config.instruments[device.name].backend),
            virtual=plan.virtual,
            seed=plan.seed,
            chip_seed=plan.chip_seed,
            command=plan.command,
            config_sha256=manifest.config_sha256,
            versions=manifest.versions,
            revision=None if manifest.git is None else str(manifest.git),
            instruments={name: str(who) for name, who in bench.identities.items()},
        )
