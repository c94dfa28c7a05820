"""The shortest schedule that still breaks: found by leaving out, ending early, halving."""

from collections.abc import Callable
from pathlib import Path

from lumina.runtime.campaign.invariants import Broken
from lumina.runtime.campaign.shrinking import shrink
from lumina.runtime.campaign.trial import Outcome, Trial
from lumina.runtime.faults import PlannedFault


def fault(name: str, at_s: float, until_s: float | None = None) -> PlannedFault:
    return PlannedFault(name, "", 0.0, at_s, until_s)


TRIAL = Trial(
    Path("bench.yaml"),
    7,
    600.0,
    (
        fault("tec_open", 10.0),
        fault("fan_stall", 30.0),
        fault("meter_dead", 40.0, 50.0),
        fault("tec_reversed", 60.0, 90.0),
        fault("host_stall", 300.0),
    ),
)


def outcome_of(trial: Trial, broken: Broken, t_s: float) -> Outcome:
    return Outcome(trial, broken, t_s, 0.0, trial.duration_s, 99.0, 50.0, 0, "")


def counted(
    breaks_at: Callable[[Trial], float | None],
) -> tuple[Callable[[Trial], Outcome], list[Trial]]:
    """A bench that breaks when the function says so, and what was run on it."""
    runs: list[Trial] = []

    def run(trial: Trial) -> Outcome:
        runs.append(trial)
        at_s = breaks_at(trial)
        if at_s is None or at_s > trial.duration_s:
            return outcome_of(trial, Broken.NONE, 0.0)
        return outcome_of(trial, Broken.DIE_HOT, at_s)

    return run, runs


def both(trial: Trial) -> float | None:
    """Breaks 5 s after fan and TEC are both wrong, if the TEC stays wrong for 5 s."""
    names = {f.name: f for f in trial.faults}
    if not {"fan_stall", "tec_reversed"} <= names.keys():
        return None
    reversed_ = names["tec_reversed"]
    until_s = trial.duration_s if reversed_.until_s is None else reversed_.until_s
    return reversed_.at_s + 5.0 if until_s >= reversed_.at_s + 5.0 else None


def test_only_the_faults_that_matter_are_left_and_no_longer_than_it_takes() -> None:
    run, _ = counted(both)
    shortest = shrink(run(TRIAL), run)
    assert shortest.broken is Broken.DIE_HOT
    assert [f.name for f in shortest.trial.faults] == ["fan_stall", "tec_reversed"]
    assert shortest.trial.duration_s == 66.0
    assert shortest.trial.faults[1].until_s is None  # it used to be lifted after the end


def test_what_cannot_be_shortened_stays() -> None:
    alone = Trial(Path("bench.yaml"), 7, 31.0, (fault("fan_stall", 30.0, 30.001),))
    run, runs = counted(lambda trial: 30.5 if trial == alone else None)
    assert shrink(run(alone), run).trial == alone
    assert len(runs) < 5


def test_the_search_ends_after_so_many_runs() -> None:
    run, runs = counted(both)
    shrink(run(TRIAL), run, most_runs=3)
    assert len(runs) == 1 + 3
