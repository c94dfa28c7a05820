"""A calibration run: routine after routine on one bench, then a new version in the store."""

from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import asdict, replace
from hashlib import sha256
from typing import Any

from calibration.findings import READINGS, Findings
from calibration.routines import Routine, Workplace, chosen, named
from calibration.store import Provenance, Section, StoredCalibration, changes_between
from calibration.tape import TapedChip, TapeWriter
from lumina.errors import UsageError
from lumina.runtime.bench import Bench, open_bench
from lumina.runtime.bring_up import lock_temperature
from lumina.runtime.calibrating._checkpoint import Checkpoint, Memory
from lumina.runtime.calibrating._place import Site, generator, sites, workplace
from lumina.runtime.calibrating._plan import CalibrationPlan, WallClock
from lumina.runtime.calibrating._resume import Progress
from lumina.runtime.calibrating._watch import Watch
from lumina.runtime.config import BenchConfig
from lumina.runtime.recording.journal import Journal, View
from lumina.runtime.recording.recorded import recorded
from lumina.runtime.stored import Calibrations
from lumina.store import RunFolder

__all__ = ["run_calibration"]


def run_calibration(plan: CalibrationPlan, wall_clock: WallClock, *views: View) -> dict[str, Any]:
    """Calibrate every place of a bench, store what was found, and return it.

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
    """Bring the bench up, calibrate place after place, store what was found."""
    async with open_bench(
        config,
        seed=plan.seed,
        chip_seed=plan.chip_seed,
        journal=journal,
        folder=folder,
        calibrations=calibrations,
        lock=not any(routine.before_lock for routine in named(plan.routines)),
        carriers=False,  # routines have a plant without a board to themselves
    ) as bench:
        if plan.resume and not progress.earlier:
            journal.tell("bench", "resumed", "nothing to go on with: from the beginning")
        memory = Memory(bench) if Memory.is_here(bench) else None
        runs = [
            _SiteRun(plan, folder, progress, bench, site, memory, calibrations, wall_clock)
            for site in sites(bench)
        ]
        require_use(plan.routines, runs)
        found = {run.name: await run.whole() for run in runs if run.routines}
    return {
        "seed": plan.seed,
        "bench_time_s": journal.now_s(),
        "resumed_from": [str(path) for path in progress.earlier],
        "calibrations": found,
    }


class _SiteRun:
    """The calibration of one place.

    Attributes:
        name: the place's.
        routines: those that are run there, in order.
    """

    def __init__(
        self,
        plan: CalibrationPlan,
        folder: RunFolder,
        progress: Progress,
        bench: Bench,
        site: Site,
        memory: Memory | None,
        calibrations: Calibrations,
        wall_clock: WallClock,
    ) -> None:
        self._plan, self._folder, self._progress = plan, folder, progress
        self._bench, self._site, self._memory = bench, site, memory
        self._wall_clock = wall_clock
        self._journal: Journal = bench.journal
        self._watch = Watch(bench.journal, 0)
        self._store = calibrations.of(bench.config, site.name)
        self._stored, _ = self._store.newest(site.chip)
        known = self._stored.sections if self._stored is not None else {}
        self._place = workplace(bench, site.name, {n: s.findings for n, s in known.items()})
        self.name = site.name
        self.routines = chosen(plan.routines, self._place)

    async def whole(self) -> dict[str, Any]:
        """Run the routines and store what they found; returns it as plain values."""
        stored, place = self._stored, self._place
        sections: dict[str, Section] = {}
        costs = [routine.cost(place) for routine in self.routines]
        self._watch = Watch(self._journal, sum(costs))
        for number, routine in enumerate(self.routines):
            self._watch.begin(sum(costs[:number]))
            await self._regulate(routine)
            section = await self._earlier(routine, place) or await self._section(routine, place)
            sections[section.findings.routine] = section
            found = {section.findings.routine: section.findings}
            place = replace(place, known={**place.known, **found})
        there = stored is not None and self._is_stored(stored, sections)
        new = stored if there else self._store.add(self._site.chip, sections, self._wall_clock())
        assert new is not None
        self._journal.tell(self.name, "stored", f"{self.name}: calibration stored")
        return self._results(stored, new, sections)

    async def _regulate(self, routine: Routine) -> None:
        """Have a processor's carrier at its set point, where the routine wants it there."""
        device = self._site.device
        if device is not None and not (routine.before_lock or device.is_regulated):
            await lock_temperature(device, self._journal)

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

    async def _earlier(self, routine: Routine, place: Workplace) -> Section | None:
        """What an interrupted run has found with a routine; None if it is to be run."""
        found = self._progress.found(self._bench.config.name, self.name)
        interrupted = self._progress.checkpoint_in(self.name, routine.name) is not None
        if routine.name not in found or interrupted:
            return None
        self._progress.pass_by(self.name, routine.name)
        section = found[routine.name]
        (of,) = named([section.findings.routine])
        await of.apply(place, section.findings)
        text = f"{self.name}: {routine.name} was done before the interruption"
        self._journal.tell(self.name, "resumed", text, routine=routine.name)
        return section

    async def _section(self, routine: Routine, place: Workplace) -> Section:
        """Run a routine; its findings with their provenance."""
        name = self.name
        path = self._progress.tape_path(name, routine.name)
        checkpoint = self._progress.checkpoint_in(name, routine.name)
        began_s = self._journal.now_s() if checkpoint is None else checkpoint.began_s
        with (
            self._journal.stage(routine.name, f"{name}: {routine.finds}"),
            TapeWriter(path) as tape,
        ):
            chip = await self._taped_chip(routine, tape, checkpoint, began_s)
            rng = generator(self._plan.seed, routine.name)
            findings = await routine.run(replace(place, under_test=chip, rng=rng))
            tape.sync()
        for fault in routine.faults(findings):
            self._journal.tell(name, "fault", f"{name}: {fault}", level="warning")
        by_the_way = {
            "routine": routine.name,
            "raw": path.name,
            "raw_sha256": sha256(path.read_bytes()).hexdigest(),
            "measurements": measurements_of(findings, chip),
            "bench_time_s": self._journal.now_s() - began_s,
        }
        section = Section(findings, self._provenance().model_copy(update=by_the_way))
        self._progress.keep(self._bench.config.name, name, self._site.chip, section)
        return section

    async def _taped_chip(
        self, routine: Routine, tape: TapeWriter, checkpoint: Checkpoint | None, began_s: float
    ) -> TapedChip | None:
        """The chip with an interrupted run's tape in front of it; None without a chip's board."""
        progress, memory = self._progress, self._memory
        device = self._site.device

        def save() -> None:
            if memory is not None:
                tape.sync()
                memory.save(progress.checkpoint_path, began_s, tape.path.name, tape.exchanges)

        async def catch_up() -> None:
            tape.sync()
            progress.caught_up(self.name, routine.name)
            if memory is not None and checkpoint is not None:
                memory.restore(checkpoint)
            elif chip is not None:
                await chip.set_again()
            text = f"{self.name}: goes on after {tape.exchanges} answers from the tape"
            self._journal.tell(self.name, "resumed", text, exchanges=tape.exchanges)

        chip = None
        if device is not None:
            chip = TapedChip(
                device,
                tape,
                earlier=progress.taped(self.name, routine.name),
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
        plan, manifest = self._plan, self._folder.manifest
        return Provenance(
            measured=self._wall_clock(),
            run=str(self._folder.path),
            carrier_c=self._site.carrier_c,
            die_c=self._site.die_c,
            backend=self._site.backend,
            virtual=plan.virtual,
            seed=plan.seed,
            chip_seed=plan.chip_seed,
            command=plan.command,
            config_sha256=manifest.config_sha256,
            versions=manifest.versions,
            revision=None if manifest.git is None else str(manifest.git),
            instruments={name: str(who) for name, who in self._bench.identities.items()},
        )


def require_use(routines: Sequence[str], runs: Sequence[_SiteRun]) -> None:
    """Refuse routines that were asked for and apply nowhere.

    Raises:
        UsageError: one does not.
    """
    used = {routine.name for run in runs for routine in run.routines}
    if idle := [name for name in routines if name not in used]:
        places = " or ".join(run.name for run in runs)
        raise UsageError(f"{', '.join(idle)}: does not apply to {places}")


def measurements_of(findings: Findings, chip: TapedChip | None) -> int:
    """What findings took: by the tape, or by the routine's own count."""
    taped = 0 if chip is None else chip.measurements
    return taped or int(findings.values.get(READINGS) or 0)  # type: ignore[arg-type]
