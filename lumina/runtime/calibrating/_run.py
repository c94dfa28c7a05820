"""A calibration run: routine after routine on one bench, then a new version in the store."""

from collections.abc import Coroutine, Mapping
from dataclasses import asdict, replace
from hashlib import sha256
from typing import Any

from calibration.routines import Routine, Workplace, chosen, named
from calibration.store import Provenance, Section, StoredCalibration, changes_between
from calibration.tape import TapedChip, TapeWriter
from lumina.runtime.bench import Bench, open_bench
from lumina.runtime.bring_up import lock_temperature
from lumina.runtime.calibrating._checkpoint import Checkpoint, Memory
from lumina.runtime.calibrating._place import generator, workplace
from lumina.runtime.calibrating._plan import CalibrationPlan, WallClock
from lumina.runtime.calibrating._resume import Progress
from lumina.runtime.calibrating._watch import Watch
from lumina.runtime.config import BenchConfig
from lumina.runtime.device import PhotonicDevice
from lumina.runtime.recording.journal import Journal, View
from lumina.runtime.recording.recorded import recorded
from lumina.runtime.stored import Calibrations, chip_of
from lumina.store import RunFolder

__all__ = ["run_calibration"]


def run_calibration(plan: CalibrationPlan, wall_clock: WallClock, *views: View) -> dict[str, Any]:
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
    anew = tuple(routine.name for routine in named(plan.routines))
    calibrations = Calibrations(plan.store, wall_clock(), anew, watched=False)

    def work(config: BenchConfig, folder: RunFolder) -> Coroutine[Any, Any, dict[str, Any]]:
        progress = Progress.begin(plan, folder)
        return _whole(plan, config, folder, progress, calibrations, Journal(*views), wall_clock)

    return recorded(plan, wall_clock, work)


async def _whole(
    plan: CalibrationPlan,
    config: BenchConfig,
    folder: RunFolder,
    progress: Progress,
    calibrations: Calibrations,
    journal: Journal,
    wall_clock: WallClock,
) -> dict[str, Any]:
    """Bring the bench up, calibrate each device, store what was found."""
    async with open_bench(
        config,
        seed=plan.seed,
        chip_seed=plan.chip_seed,
        journal=journal,
        folder=folder,
        calibrations=calibrations,
        lock=not any(routine.before_lock for routine in named(plan.routines)),
    ) as bench:
        if plan.resume and not progress.earlier:
            journal.tell("bench", "resumed", "nothing to go on with: from the beginning")
        memory = Memory(bench) if Memory.is_here(bench) else None
        devices = {}
        for name in bench.devices:
            run = _DeviceRun(plan, folder, progress, bench, name, memory, wall_clock)
            devices[name] = await run.whole(calibrations)
    return {
        "seed": plan.seed,
        "bench_time_s": journal.now_s(),
        "resumed_from": [str(path) for path in progress.earlier],
        "calibrations": devices,
    }


class _DeviceRun:
    """The calibration of one device."""

    def __init__(
        self,
        plan: CalibrationPlan,
        folder: RunFolder,
        progress: Progress,
        bench: Bench,
        name: str,
        memory: Memory | None,
        wall_clock: WallClock,
    ) -> None:
        self._plan, self._folder, self._progress = plan, folder, progress
        self._bench, self._name, self._memory = bench, name, memory
        self._wall_clock = wall_clock
        self._device: PhotonicDevice = bench.devices[name]
        self._chip = chip_of(bench.identities[name])
        self._journal: Journal = bench.journal
        self._watch = Watch(bench.journal, 0)

    async def whole(self, calibrations: Calibrations) -> dict[str, Any]:
        """Run the routines and store what they found; returns it as plain values."""
        store = calibrations.of(self._bench.config, self._name)
        stored, _ = store.newest(self._chip)
        known = {} if stored is None else {n: s.findings for n, s in stored.sections.items()}
        place = workplace(self._bench, self._name, known)
        sections: dict[str, Section] = {}
        routines = chosen(self._plan.routines, place)
        costs = [routine.cost(place) for routine in routines]
        self._watch = Watch(self._journal, sum(costs))
        for number, routine in enumerate(routines):
            self._watch.begin(sum(costs[:number]))
            if not (routine.before_lock or self._device.is_regulated):
                await lock_temperature(self._device, self._journal)
            section = await self._earlier(routine) or await self._section(routine, place)
            sections[section.findings.routine] = section
            found = {section.findings.routine: section.findings}
            place = replace(place, known={**place.known, **found})
        there = stored is not None and self._is_stored(stored, sections)
        new = stored if there else store.add(self._chip, sections, self._wall_clock())
        assert new is not None
        self._journal.tell(self._name, "stored", f"{self._name}: calibration stored")
        return self._results(stored, new, sections)

    def _results(
        self,
        before: StoredCalibration | None,
        stored: StoredCalibration,
        sections: Mapping[str, Section],
    ) -> dict[str, Any]:
        """What was found and stored, as plain values."""
        routines = {}
        for name, section in sections.items():
            (of,) = named([name])
            routines[name] = of.figures(section.findings) | {
                "measurements": section.provenance.measurements,
                "bench_time_s": section.provenance.bench_time_s,
                "faults": [str(fault) for fault in of.faults(section.findings)],
            }
        changes = [] if before is None else changes_between(before, stored)
        return stored.summary() | {
            "routines": routines,
            "changes": [asdict(change) for change in changes if change.routine in sections],
        }

    def _is_stored(self, stored: StoredCalibration, sections: dict[str, Section]) -> bool:
        """Whether an interrupted run came as far as to store these."""
        runs = {str(path) for path in self._progress.earlier}
        return all(
            name in stored.sections
            and stored.sections[name].provenance.run in runs
            and stored.sections[name].findings.same_as(section.findings)
            for name, section in sections.items()
        )

    # One routine

    async def _earlier(self, routine: Routine) -> Section | None:
        """What an interrupted run has found with a routine; None if it is to be run."""
        found = self._progress.found(self._bench.config.name, self._name)
        interrupted = self._progress.checkpoint_in(self._name, routine.name) is not None
        if routine.name not in found or interrupted:
            return None
        self._progress.pass_by(self._name, routine.name)
        section = found[routine.name]
        (of,) = named([section.findings.routine])
        await of.apply(self._device, section.findings)
        text = f"{self._name}: {routine.name} was done before the interruption"
        self._journal.tell(self._name, "resumed", text, routine=routine.name)
        return section

    async def _section(self, routine: Routine, place: Workplace) -> Section:
        """Run a routine; its findings with their provenance."""
        name = self._name
        path = self._progress.tape_path(name, routine.name)
        checkpoint = self._progress.checkpoint_in(name, routine.name)
        began_s = self._journal.now_s() if checkpoint is None else checkpoint.began_s
        with (
            self._journal.stage(routine.name, f"{name}: {routine.finds}"),
            TapeWriter(path) as tape,
        ):
            chip = await self._taped_chip(routine, tape, checkpoint, began_s)
            here = replace(place, chip=chip, rng=generator(self._plan.seed, routine.name))
            findings = await routine.run(here)
            tape.sync()
        for fault in routine.faults(findings):
            self._journal.tell(name, "fault", f"{name}: {fault}", level="warning")
        by_the_way = {
            "routine": routine.name,
            "raw": path.name,
            "raw_sha256": sha256(path.read_bytes()).hexdigest(),
            "measurements": chip.measurements,
            "bench_time_s": self._journal.now_s() - began_s,
        }
        section = Section(findings, self._provenance().model_copy(update=by_the_way))
        self._progress.keep(self._bench.config.name, name, self._chip, section)
        return section

    async def _taped_chip(
        self, routine: Routine, tape: TapeWriter, checkpoint: Checkpoint | None, began_s: float
    ) -> TapedChip:
        """The chip with an interrupted run's tape in front of it, where there is one."""
        progress, memory = self._progress, self._memory

        def save() -> None:
            if memory is not None:
                tape.sync()
                memory.save(progress.checkpoint_path, began_s, tape.path.name, tape.exchanges)

        async def catch_up() -> None:
            tape.sync()
            progress.caught_up(self._name, routine.name)
            if memory is not None and checkpoint is not None:
                memory.restore(checkpoint)
            else:
                await chip.set_again()
            text = f"{self._name}: goes on after {tape.exchanges} answers from the tape"
            self._journal.tell(self._name, "resumed", text, exchanges=tape.exchanges)

        chip = TapedChip(
            self._device,
            tape,
            earlier=progress.taped(self._name, routine.name),
            catch_up=catch_up,
            every=save,
            seen=self._watch.look,
        )
        if checkpoint is None:
            save()
        elif checkpoint.exchanges == 0:
            await catch_up()
        return chip

    def _provenance(self) -> Provenance:
        plan, manifest, config = self._plan, self._folder.manifest, self._bench.config
        return Provenance(
            measured=self._wall_clock(),
            run=str(self._folder.path),
            carrier_c=self._device.config.setpoint_c,
            die_c=self._device.die_temperature_c(),
            backend=str(config.instruments[self._name].backend),
            virtual=plan.virtual,
            seed=plan.seed,
            chip_seed=plan.chip_seed,
            command=plan.command,
            config_sha256=manifest.config_sha256,
            versions=manifest.versions,
            revision=None if manifest.git is None else str(manifest.git),
            instruments={name: str(who) for name, who in self._bench.identities.items()},
        )
