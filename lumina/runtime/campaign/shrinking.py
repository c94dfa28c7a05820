"""From a schedule that breaks an invariant to the shortest that still does."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from lumina.runtime.campaign.invariants import Broken
from lumina.runtime.campaign.trial import Outcome, Trial
from lumina.runtime.faults import PlannedFault

__all__ = ["shrink"]

MOST_RUNS = 60
AFTER_S = 1.0
"""What is run beyond the moment at which the invariant breaks."""


def shrink(
    outcome: Outcome, run: Callable[[Trial], Outcome], most_runs: int = MOST_RUNS
) -> Outcome:
    """Drop faults, end the run early and end faults early, for as long as something breaks.

    Args:
        outcome: a trial that broke an invariant.
        run: runs a trial.
        most_runs: trials at most.

    Returns:
        The outcome of the shortest schedule that was found.
    """
    shortest, left = outcome, most_runs
    progress = True
    while progress and left > 0:
        progress = False
        for candidate in _shorter(shortest):
            left -= 1
            tried = run(candidate)
            if tried.broken is not Broken.NONE:
                shortest, progress = tried, True
                break
            if left == 0:
                break
    return shortest


def _shorter(outcome: Outcome) -> Iterator[Trial]:
    """Shorter trials, those that save most first."""
    trial = outcome.trial
    ends_s = outcome.t_s + AFTER_S
    if ends_s < trial.duration_s:
        struck = tuple(_cut(fault, ends_s) for fault in trial.faults if fault.at_s < ends_s)
        yield replace(trial, duration_s=ends_s, faults=struck)
    for index in range(len(trial.faults)):
        yield replace(trial, faults=(*trial.faults[:index], *trial.faults[index + 1 :]))
    for index, fault in enumerate(trial.faults):
        if (until_s := _half(fault, ends_s)) is not None:
            ended = replace(fault, until_s=until_s)
            yield replace(trial, faults=(*trial.faults[:index], ended, *trial.faults[index + 1 :]))


def _cut(fault: PlannedFault, ends_s: float) -> PlannedFault:
    """A fault that outlasts the run lasts to its end."""
    outlasts = fault.until_s is not None and fault.until_s >= ends_s
    return replace(fault, until_s=None) if outlasts else fault


def _half(fault: PlannedFault, ends_s: float) -> float | None:
    """An end that halves a fault's time, on the millisecond; None where it is short already."""
    until_s = min(ends_s, fault.until_s if fault.until_s is not None else ends_s)
    half_s = round(fault.at_s + 0.5 * (until_s - fault.at_s), 3)
    return half_s if fault.at_s < half_s < until_s else None
