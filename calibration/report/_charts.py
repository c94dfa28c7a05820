"""Plots of a calibration's report."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from calibration.heaters import own_phases_rad
from calibration.model import predicted_transfer, receiver_readings
from calibration.programming import Calibration
from calibration.result import ChipCalibration
from calibration.tape import Looks
from lumina.store.report.kit import Html, calibration_charts, figures, section, tag, time_scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "crosstalk_section",
    "distributions",
    "drift",
    "fidelities",
    "fringes_section",
    "residuals_section",
    "temperature_section",
]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

_FRINGES, _COLUMNS = 24, 6
_CURVE_POINTS = 60
_NEAR_PITCHES = 8.0
_MOST_LOOKS = 600
"""Looks that are compared with the model; of a long run, evenly chosen ones."""


def predicted(mesh: ChipCalibration, drive_v: FloatArray, die_c: float) -> ComplexArray:
    """What the calibration says the receivers see."""
    own = own_phases_rad(mesh, drive_v)
    return receiver_readings(mesh, predicted_transfer(mesh, own, die_c - mesh.reference_die_c))


# Fringes


def fringes_section(name: str, mesh: ChipCalibration, looks: Looks) -> Html | None:
    """Fringes as measured and as the calibration draws them."""
    sweeps = {c: at for c, at in looks.sweeps().items() if len(at) > 2}
    if not sweeps:
        return None
    shown = _worth_seeing(mesh, list(sweeps))
    rows = -(-len(shown) // _COLUMNS)
    figure = figures.new_figure(11, 0.4 + 1.55 * rows)
    areas = figure.subplots(rows, _COLUMNS, squeeze=False, sharex=True)
    for area in areas.flat[len(shown) :]:
        area.set_visible(False)
    for area, channel in zip(areas.flat, shown, strict=False):
        _draw_fringe(area, mesh, looks, channel, sweeps[channel])
    note = (
        f"{len(shown)} of {len(sweeps)} sweeps: the least clear ones first. Points are measured, "
        "the line is what the finished calibration predicts. Across, the squared drive in V²; "
        "up, the field along the direction in which the transfer matrix turns, of full scale."
    )
    plot = figures.to_svg(figure, "Fringes of phase shifters, measured and predicted")
    return section(f"Fringes of {name}", plot, note=note)


def _worth_seeing(mesh: ChipCalibration, swept: list[int]) -> list[int]:
    """Faulty shifters, those whose fringes are least clear, and others from all over the chip."""
    if len(swept) <= _FRINGES:
        return swept
    faulty = [channel for channel in swept if not mesh.good[channel]][:_FRINGES]
    clear = np.ones(len(mesh.good)) if mesh.quality is None else mesh.quality.visibility
    by_doubt = sorted(swept, key=lambda channel: -abs(clear[channel] - 1.0))
    first = list(dict.fromkeys([*faulty, *by_doubt[: _FRINGES // 2]]))
    rest = [channel for channel in swept if channel not in first]
    count = max(_FRINGES - len(first), 0)
    return first + [rest[int(i)] for i in np.linspace(0, len(rest) - 1, count)]


def _draw_fringe(
    area: "Axes", mesh: ChipCalibration, looks: Looks, channel: int, at: NDArray[np.int64]
) -> None:
    drive_v, die_c = looks.drive_v[at], float(np.mean(looks.die_c[at]))
    seen = looks.transfer[at].reshape(len(at), -1)
    _, _, directions = np.linalg.svd(seen - seen.mean(axis=0), full_matrices=False)
    along = directions[0].conj()
    square_v2 = drive_v[:, channel] ** 2
    grid_v2 = np.linspace(0.0, max(float(square_v2.max()), 1e-9), _CURVE_POINTS)
    curve = []
    for square in grid_v2:
        drive = drive_v[0].copy()
        drive[channel] = np.sqrt(square)
        curve.append(predicted(mesh, drive, die_c).ravel() @ along)
    good = bool(mesh.good[channel])
    area.plot(grid_v2, np.real(curve), color=figures.BLUE if good else figures.GREY)
    area.plot(square_v2, np.real(seen @ along), "o", ms=3, color=figures.ORANGE)
    area.set_title(f"shifter {channel}" if good else f"shifter {channel}: left out")
    area.locator_params(nbins=3)


# Residuals


def residuals_section(name: str, mesh: ChipCalibration, looks: Looks) -> Html:
    """What the calibration leaves unexplained, over the run and by setting."""
    at = np.unique(np.linspace(0, len(looks.t_s) - 1, _MOST_LOOKS).astype(int))
    known = np.isfinite(looks.drive_v[at]).all(axis=1) & np.isfinite(looks.die_c[at])
    at = at[known]
    noise = 0.0 if mesh.quality is None else mesh.quality.noise
    expected = np.maximum(noise / np.sqrt(looks.repeats[at]), 1e-12)
    ratio = np.array([_missed(mesh, looks, look) for look in at]) / expected
    figure = figures.new_figure(11, 2.6)
    over_time, by_size = figure.subplots(1, 2, width_ratios=(5, 1), sharey=True)
    scale, unit = time_scale(float(looks.t_s[-1]))
    over_time.plot(looks.t_s[at] * scale, ratio, ".", ms=3, color=figures.BLUE)
    by_size.hist(ratio, bins=30, color=figures.BLUE, alpha=0.8, orientation="horizontal")
    for area in (over_time, by_size):
        area.axhline(1.0, color=figures.ORANGE)
        area.set_ylim(0.0, max(2.0, 1.1 * float(ratio.max(initial=0.0))))
    over_time.set_xlabel(f"bench time, {unit}")
    over_time.set_title("Rms residual of a look, in units of its noise")
    by_size.set_xlabel("looks")
    by_size.grid(False)
    note = (
        f"What the finished calibration leaves unexplained of each look; 1 is noise alone "
        f"({noise:.2g} of full scale for one measurement of one matrix element)."
    )
    plot = figures.to_svg(figure, "Residuals of the calibration over the run")
    return section(f"Residuals of {name}", plot, note=note)


def _missed(mesh: ChipCalibration, looks: Looks, look: int) -> float:
    told = predicted(mesh, looks.drive_v[look], float(looks.die_c[look]))
    return float(np.sqrt(np.mean(np.abs(looks.transfer[look] - told) ** 2)))


# Temperature


def temperature_section(name: str, looks: Looks, carrier_c: float) -> Html:
    """Die and carrier set point while it was measured; it began at `carrier_c`."""
    figure = figures.new_figure(11, 2.2)
    area = figure.subplots()
    scale, unit = time_scale(float(looks.t_s[-1]))
    times, die_c = figures.thin(looks.t_s * scale, looks.die_c)
    area.plot(times, die_c, color=figures.BLUE, label="die")
    carrier = np.where(np.isfinite(looks.carrier_c), looks.carrier_c, carrier_c)
    area.plot(looks.t_s * scale, carrier, "--", color=figures.VIOLET, label="carrier set point")
    area.set_xlabel(f"bench time, {unit}")
    figures.tidy(area, "Temperature at each measurement", "°C")
    plot = figures.to_svg(figure, "Temperature during the calibration")
    return section(f"Temperature during the calibration of {name}", plot)


# Crosstalk and the rest


def crosstalk_section(name: str, known: Calibration) -> Html:
    """The map, and how coupling falls off with distance."""
    figure = figures.new_figure(3.6, 2.9)
    area = figure.subplots()
    sites = known.architecture.shifter_sites()
    apart = np.linalg.norm(sites[:, None] - sites[None, :], axis=2)
    near = (apart > 0.0) & (apart < _NEAR_PITCHES)
    distance, coupling = apart[near], np.abs(known.crosstalk[near])
    # Most pairs say the same: the same places on the grid do, to the width of a dot.
    points = np.column_stack([distance, np.log10(np.maximum(coupling, 1e-7))])
    distance, exponent = np.unique(points.round(2), axis=0).T
    area.semilogy(distance, 10.0**exponent, ".", ms=3, color=figures.BLUE, alpha=0.5)
    area.set_xlabel("distance (pitches)")
    area.set_title("Coupling by distance")
    figures.plain_decades(area)
    fall = figures.to_svg(figure, "Thermal crosstalk by distance")
    maps = calibration_charts({"crosstalk": known.crosstalk})
    note = "Phase of one shifter per own phase of another."
    return section(
        f"Thermal crosstalk of {name}", tag("div", *maps, fall, class_="grid"), note=note
    )


def distributions(known: Calibration) -> list[Html]:
    """Histograms over the channels."""
    arrays = known.to_findings().flat()
    return calibration_charts({k: v for k, v in arrays.items() if k != "crosstalk"})


def fidelities(matrices: Mapping[str, NDArray[Any]]) -> Html:
    """Infidelity of every matrix, before and after."""
    figure = figures.new_figure(11, 2.2)
    area = figure.subplots()
    for name, color in (("before", figures.RED), ("after", figures.BLUE)):
        missing = np.maximum(1.0 - matrices[f"fidelity_{name}"], 1e-12)
        area.semilogy(np.arange(len(missing)), missing, "o", color=color, label=name)
    area.set_xlabel("random matrix")
    figures.plain_decades(area)
    figures.tidy(area, "What is missing to a fidelity of 1")
    return figures.to_svg(figure, "Infidelity of programmed matrices before and after calibration")


def drift(path: Path) -> Html | None:
    """How far every phase has moved since the calibration, with its uncertainty, from a file.

    None where there is no such file: other things than phases were looked at.
    """
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as seen:
        moved_rad, sigma_rad, moved = (
            seen[name] for name in ("phase_rad", "phase_sigma_rad", "phase_moved")
        )
    figure = figures.new_figure(11, 2.6)
    area = figure.subplots()
    channel = np.arange(len(moved_rad))
    told = sigma_rad < 0.1  # the others cannot be told from their neighbours
    area.errorbar(
        channel[told], moved_rad[told], sigma_rad[told], fmt=".", ms=3, lw=0.7, color=figures.BLUE
    )
    area.plot(channel[moved], moved_rad[moved], "o", color=figures.RED, label="moved")
    area.set_xlabel("phase shifter")
    figures.tidy(area, "Drift of the phase", "rad")
    return figures.to_svg(figure, "Drift of every phase since the calibration")
