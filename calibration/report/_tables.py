"""Tables of a calibration's report."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.faults import ChannelFault
from calibration.findings import Table
from calibration.heaters import drive_for_own_phases_v
from calibration.result import ChipCalibration
from calibration.store import Section
from lumina.store.report.kit import Html, duration, figures_table, label, quantity, section, tag

__all__ = [
    "changes",
    "channels",
    "faults",
    "fidelities",
    "routines",
    "statistics",
    "table",
    "uncertainties",
    "verdict",
]

_MOST_CHANNELS = 5000


def table(head: Sequence[str], rows: Iterable[Sequence[object]], class_: str = "") -> Html:
    """A table with a first column of names and others of numbers."""
    cells = [
        tag("th", text, scope="col", class_="number" if n else None) for n, text in enumerate(head)
    ]
    lines = (
        tag("tr", tag("th", row[0], scope="row"), *(tag("td", c, class_="number") for c in row[1:]))
        for row in rows
    )
    return tag(
        "table", tag("thead", tag("tr", *cells)), tag("tbody", *lines), class_=class_ or None
    )


def routines(sections: Mapping[str, Section]) -> Html:
    """What ran, how long it took, and on which instruments."""
    rows = [
        (
            name,
            found.provenance.measurements,
            duration(found.provenance.bench_time_s),
            _where_known("carrier_c", found.provenance.carrier_c),
            _where_known("die_c", found.provenance.die_c),
            f"{found.provenance.measured:%Y-%m-%d %H:%M}",
        )
        for name, found in sections.items()
    ]
    head = ("Routine", "Measurements", "Bench time", "Carrier", "Die at the end", "Measured")
    return table(head, rows)


def _where_known(name: str, value: float | None) -> str:
    return "" if value is None else quantity(name, value)


def faults(found: Sequence[ChannelFault]) -> Html:
    """What was left out, and why."""
    if not found:
        return tag("p", "Every channel was calibrated.", class_="note")
    head = tag("tr", *(tag("th", text, scope="col") for text in ("Left out", "Fault", "Why")))
    rows = (
        tag(
            "tr",
            tag("th", f"{fault.part} {fault.channel}", scope="row"),
            tag("td", fault.fault, class_="level error"),
            tag("td", fault.reason),
        )
        for fault in found
    )
    return tag("table", tag("thead", head), tag("tbody", *rows), class_="faults")


_SIGMA_OF = {"phi0_rad": "phase_uncertainty_rad"}
"""Where the uncertainty of a quantity is found."""


def uncertainties(mesh: ChipCalibration) -> Html:
    """Median and spread over the channels, and the typical uncertainty where it is known."""
    findings = mesh.to_findings()
    columns = {n: c for t in ("shifters", "splitters") for n, c in findings.tables[t].items()}
    del columns["channel"]  # which one it is has no spread
    columns = {
        "drive_for_half_a_turn_v": drive_for_own_phases_v(mesh, np.full(len(mesh.good), np.pi)),
        **columns,
    }
    known = {name: columns[sigma] for name, sigma in _SIGMA_OF.items() if sigma in columns}
    return statistics(columns, mesh.crosstalk, known)


def statistics(columns: Table, crosstalk: NDArray[np.float64], sigma: Table) -> Html:
    """Median and spread of columns over the channels, and of crosstalk; sigmas where known."""
    rows = [
        (label(name, with_unit=True), *_statistics(column), _sigma(sigma.get(name)))
        for name, column in columns.items()
    ]
    off = crosstalk[~np.eye(len(crosstalk), dtype=bool)]
    rows.append(("Crosstalk", *_statistics(off), ""))
    return table(("Quantity", "Median", "Spread", "Least", "Largest", "One sigma"), rows)


def _statistics(values: NDArray[Any]) -> tuple[str, ...]:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return ("", "", "", "")
    figures = np.median(finite), np.std(finite), np.min(finite), np.max(finite)
    return tuple(f"{float(figure):.4g}" for figure in figures)


def _sigma(values: NDArray[Any] | None) -> str:
    return "" if values is None else f"{float(np.nanmedian(values)):.2g}"


def channels(mesh: ChipCalibration) -> Html:
    """Every shifter's numbers, folded away."""
    columns = mesh.to_findings().tables["shifters"]
    good, head = mesh.good, ("#", *(label(name, with_unit=True) for name in columns))
    rows = (
        (f"{number}" if good[number] else f"{number} (left out)", *(f"{v:.5g}" for v in row))
        for number, row in enumerate(zip(*columns.values(), strict=True))
        if number < _MOST_CHANNELS
    )
    shown = table(head, rows, "channels")
    return tag("details", tag("summary", "every phase shifter"), shown)


def fidelities(matrices: Mapping[str, NDArray[Any]]) -> Html:
    """Mean, least and largest of each figure."""
    rows = [
        (
            label(name),
            f"{column.mean():.6f}",
            f"{column.min():.6f}",
            f"{column.max():.6f}",
        )
        for name, column in matrices.items()
    ]
    return table(("", "Mean", "Least", "Largest"), rows, "figures")


def changes(name: str, found: Sequence[Mapping[str, Any]]) -> Html | None:
    """What is not as it was in the version before."""
    if not found:
        return None
    rows = [
        (
            f"{change['routine']}: {label(change['quantity'], with_unit=True)}",
            _figure(change["rms"]),
            _figure(change["largest"]),
            "" if change["channel"] is None else f"{change['of']} {change['channel']}",
        )
        for change in found
    ]
    head = ("Quantity", "Rms change", "Largest change", "at")
    return section(f"Since the last calibration of {name}", table(head, rows))


def _figure(value: float | None) -> str:
    return "other" if value is None else f"{value:.3g}"


def verdict(found: Mapping[str, Any]) -> Html:
    """Whether it holds, what moved, and the figures."""
    word, style = (
        ("It holds.", "state good") if found["holds"] else ("It has drifted.", "state bad")
    )
    figures = {k: v for k, v in found.items() if k not in {"holds", "moved", "stale"}}
    moved = [
        (
            move["part"] if move["channel"] is None else f"{move['part']} {move['channel']}",
            label(move["quantity"], with_unit=True),
            f"{move['by']:+.4f}",
            f"{move['sigma']:.4f}",
        )
        for move in found["moved"]
    ]
    return tag(
        "div",
        tag("p", tag("span", word, class_=style)),
        *(tag("p", f"Stale: {reason}.", class_="note") for reason in found["stale"]),
        table(("What moved", "Quantity", "By", "One sigma"), moved) if moved else None,
        figures_table(figures),
    )
