"""What a report shows of instruments: every quantity of every channel, and what is wrong."""

from collections.abc import Iterator

from calibration.findings import Findings
from calibration.instruments.result import Measured
from calibration.report._tables import faults, table
from calibration.routines import Routine
from lumina.store.report.kit import Html, label, section, tag

__all__ = ["instrument_section"]

CONFIDENCE = 1.96
"""Standard errors either way that hold 95 % of a normal distribution."""


def instrument_section(name: str, routine: Routine, findings: Findings) -> Html:
    """The section about one routine's findings at one place."""
    found = Measured.from_findings(findings)
    notes = [f"{label(key)}: {text}." for key, text in found.notes.items()]
    return section(
        f"Routine {routine.name} on {name}",
        *(tag("p", text, class_="note") for text in notes),
        faults(found.faults) if found.faults else None,
        *_tables(found),
        note=f"{routine.finds}; with 95 % confidence, {found.readings} readings.",
    )


def _tables(found: Measured) -> Iterator[Html]:
    """A table for every instrument: a row for each channel, a column for each quantity."""
    for instrument in dict.fromkeys(one.instrument for one in found.quantities):
        own = [one for one in found.quantities if one.instrument == instrument]
        names = list(dict.fromkeys(one.name for one in own))
        shown = {(one.channel, one.name): one for one in own}
        rows = [
            (
                f"{instrument} {channel}",
                *(
                    f"{one.value:.6g} ± {CONFIDENCE * one.sigma:.1g}"
                    if (one := shown.get((channel, name))) is not None
                    else ""
                    for name in names
                ),
            )
            for channel in sorted({one.channel for one in own})
        ]
        yield table(("", *(label(name, with_unit=True) for name in names)), rows)
