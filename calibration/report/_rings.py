"""What a report shows of a calibrated bank of rings: the channel plan, and what is known."""

from collections.abc import Iterator

import numpy as np

from calibration.report import _charts as charts
from calibration.report._tables import statistics, table
from calibration.rings import BankCalibration
from calibration.rings.plan import tuning_rad
from calibration.rings.weights import weight_range
from lumina.store.report.kit import Html, section, tag

__all__ = ["bank_sections", "bank_tiles"]


def bank_tiles(bank: BankCalibration) -> Iterator[tuple[str, str, str]]:
    """How well weights are known, and what their channels cost."""
    low, high = weight_range(bank)
    if bank.weight_error > 0.0:
        bits = np.log2((high - low) / bank.weight_error)
        yield f"{bits:.1f} bits", "weights", "known on settings that no fit has seen"
    yield f"{tuning_rad(bank, bank.channel).mean():.2f} rad", "tuning", "mean, by the channel plan"


def bank_sections(name: str, bank: BankCalibration) -> Iterator[Html]:
    """The sections about one bank."""
    yield section(
        f"Channel plan of {name}",
        _plan(bank),
        note="The channel that each ring of a row serves, and the own phase in rad that puts "
        "it there: what costs least heat in all.",
    )
    yield charts.crosstalk_section(name, bank)
    rings = bank.to_findings().tables["rings"]
    yield section(
        f"What is known of {name}",
        statistics(
            {n: c for n, c in rings.items() if n != "channel"},
            bank.crosstalk,
            {"phi0_rad": bank.phase_uncertainty_rad},
        ),
        tag("div", *charts.distributions(bank), class_="grid"),
    )


def _plan(bank: BankCalibration) -> Html:
    ports = bank.architecture.ports
    channel, tuning = (
        v.reshape(ports, ports) for v in (bank.channel, tuning_rad(bank, bank.channel))
    )
    rows = (
        (f"row {row}", *(f"{c} ({t:.2f})" for c, t in zip(channel[row], tuning[row], strict=True)))
        for row in range(ports)
    )
    return table(("", *(f"ring {ring}" for ring in range(ports))), rows)
