"""A quick check of what is stored: brought up, looked at for less than a minute, shut down."""

from collections.abc import Coroutine
from dataclasses import asdict, replace
from typing import Any

from calibration.routines import Verdict, routine
from calibration.store import StoredCalibration
from calibration.tape import TapedChip, TapeWriter
from lumina.errors import CalibrationError
from lumina.runtime.bench import Bench, open_bench
from lumina.runtime.calibrating._place import Site, generator, sites, workplace
from lumina.runtime.calibrating._plan import CalibrationPlan, WallClock
from lumina.runtime.config import BenchConfig
from lumina.runtime.recording.journal import Journal, Level, View
from lumina.runtime.recording.recorded import recorded
from lumina.runtime.stored import Calibrations, stale_reasons
from lumina.store import RunFolder

__all__ = ["run_check"]


def run_check(plan: CalibrationPlan, wall_clock: WallClock, *views: View) -> dict[str, Any]:
    """Check the newest calibration of every place of a bench, and return what was seen.

    Nothing is stored. What is stale is checked all the same.

    Raises:
        CalibrationError: nothing is stored of a chip, or nothing can be seen.
        LuminaError: what else went wrong; the run folder says so too.
        KeyboardInterrupt: interrupted; the bench was shut down in order.
    """
    calibrations = Calibrations(plan.store, wall_clock(), watched=False)

    def work(config: BenchConfig, folder: RunFolder) -> Coroutine[Any, Any, dict[str, Any]]:
        return _whole(plan, config, folder, calibrations, Journal(*views))

    return recorded(plan, wall_clock, work)


async def _whole(
    plan: CalibrationPlan,
    config: BenchConfig,
    folder: RunFolder,
    calibrations: Calibrations,
    journal: Journal,
) -> dict[str, Any]:
    async with open_bench(
        config,
        seed=plan.seed,
        chip_seed=plan.chip_seed,
        journal=journal,
        folder=folder,
        calibrations=calibrations,
        carriers=False,
    ) as bench:
        seen = [await _checked(plan, bench, site, folder, calibrations) for site in sites(bench)]
        checks = {name: check for name, check in seen if check is not None}
    return {
        "seed": plan.seed,
        "bench_time_s": journal.now_s(),
        "holds": all(check["holds"] for check in checks.values()),
        "checks": checks,
    }


async def _checked(
    plan: CalibrationPlan, bench: Bench, site: Site, folder: RunFolder, calibrations: Calibrations
) -> tuple[str, dict[str, Any] | None]:
    """A place and its check; None where there is no processor and nothing is stored.

    Raises:
        CalibrationError: nothing is stored of a processor's chip.
    """
    name, chip = site.name, site.chip
    stored, problems = calibrations.of(bench.config, name).newest(chip)
    if stored is None and site.device is None:
        return name, None
    if stored is None:
        because = f" ({'; '.join(problems)})" if problems else ""
        raise CalibrationError(
            f"{name}: no calibration of this chip is stored{because}: {chip}; "
            "`lumina calibrate CONFIG` makes one"
        )
    found = {}
    for kept in stored.sections:
        verdict = await _looked_at(kept, stored, plan, bench, site, folder)
        if verdict is not None:
            found[kept] = told(verdict) | {
                "stale": stale_reasons(stored.sections[kept], bench.config, name, calibrations.now)
            }
    holds = all(verdict["holds"] for verdict in found.values())
    return name, stored.summary() | {"holds": holds, "routines": found}


async def _looked_at(
    kept: str,
    stored: StoredCalibration,
    plan: CalibrationPlan,
    bench: Bench,
    site: Site,
    folder: RunFolder,
) -> Verdict | None:
    """Check one section; None if there is no way to."""
    of, findings, name = routine(kept), stored.sections[kept].findings, site.name
    if of is None:
        return None
    place = workplace(bench, name, {n: s.findings for n, s in stored.sections.items()})
    with (
        bench.journal.stage("check", f"{name}: does {kept} of calibration {stored.version} hold?"),
        TapeWriter(folder.path / f"{name}_check_{kept}.tape") as tape,
    ):
        chip = None if site.device is None else TapedChip(site.device, tape)
        here = replace(place, under_test=chip, rng=generator(plan.seed, f"check {kept}"))
        verdict = await of.check(here, findings)
    if verdict is not None:
        tell(verdict, kept, bench.journal, name)
        if verdict.arrays:
            folder.save_arrays(f"{name}_check_{kept}", verdict.arrays)
    return verdict


def tell(verdict: Verdict, kept: str, journal: Journal, name: str) -> None:
    """Log what a check has shown."""
    for move in verdict.moves:
        journal.tell(name, "drift", f"{name}: {move}", level="warning", **asdict(move))
    text = f"{name}: {kept} {'holds' if verdict.holds else 'has drifted'}"
    level: Level = "info" if verdict.holds else "warning"
    journal.tell(name, "check", text, level=level, holds=verdict.holds)


def told(verdict: Verdict) -> dict[str, Any]:
    """A verdict as plain values."""
    return {
        "holds": verdict.holds,
        **verdict.figures,
        "moved": [asdict(move) for move in verdict.moves],
    }
