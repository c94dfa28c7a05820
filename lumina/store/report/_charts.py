"""Rails and calibration as plots."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lumina.store.report import _figure as fig
from lumina.store.report._html import Html
from lumina.store.report._text import label

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["calibration_charts", "rails_chart"]

_DISTRIBUTIONS = {
    "residual_rad": fig.BLUE,
    "phase_uncertainty_rad": fig.BLUE,
    "visibility": fig.TEAL,
    "tempco_rad_per_k": fig.ORANGE,
    "splitter_error_rad": fig.VIOLET,
    "phase_gain_rad_per_v2": fig.TEAL,
}
"""Arrays of a calibration that are drawn as histograms, in order of interest."""

_MOST_PIXELS = 132
_FAINTEST_CROSSTALK = 1e-5


def rails_chart(rows: NDArray[Any]) -> Html | None:
    """How the rails came up and, where it is on record, how they went down."""
    names = [name for name in rows.dtype.names or () if _is_rail_voltage(name)]
    if not names or not rows.size:
        return None
    t_s = rows["t_s"].astype(np.float64)
    voltage_v = np.stack([rows[name].astype(np.float64) for name in names])
    windows = _ramps(t_s, voltage_v)
    if not windows:
        return None
    figure = fig.new_figure(11, 2.9)
    areas = figure.subplots(1, len(windows), sharey=True, squeeze=False)[0]
    for area, (title, start_s, end_s) in zip(areas, windows.values(), strict=True):
        _draw_rails(area, t_s, voltage_v, names, (start_s, end_s))
        area.set_title(title)
        area.set_xlabel("bench time, s")
    _legend_beside(areas[-1])
    return fig.to_svg(figure, "Rail voltages while the rails come up and go down")


def _is_rail_voltage(name: str) -> bool:
    return name.startswith("rail_") and name.endswith("_v")


def _ramps(
    t_s: NDArray[np.float64], voltage_v: NDArray[np.float64]
) -> dict[str, tuple[str, float, float]]:
    """Windows of time, with some air around them, in which rails rise and fall."""
    voltage_v = np.nan_to_num(voltage_v)
    nominal_v = np.max(voltage_v, axis=1, keepdims=True)
    voltage_v, nominal_v = voltage_v[nominal_v[:, 0] > 0], nominal_v[nominal_v[:, 0] > 0]
    if not voltage_v.size:
        return {}
    some_up = np.flatnonzero((voltage_v > 0.02 * nominal_v).any(axis=0))
    all_up = np.flatnonzero((voltage_v > 0.95 * nominal_v).all(axis=0))
    windows = {}
    if all_up.size:
        windows["up"] = _window("Coming up, V", t_s, some_up[0], all_up[0])
    if all_up.size and some_up[-1] < t_s.size - 1:
        windows["down"] = _window("Going down, V", t_s, all_up[-1], some_up[-1])
    return windows


def _window(
    title: str, t_s: NDArray[np.float64], first: int, last: int
) -> tuple[str, float, float]:
    air_s = max(0.12 * float(t_s[last] - t_s[first]), 0.02)
    return title, float(t_s[first]) - air_s, float(t_s[last]) + air_s


def _draw_rails(
    area: "Axes",
    t_s: NDArray[np.float64],
    voltage_v: NDArray[np.float64],
    names: list[str],
    window_s: tuple[float, float],
) -> None:
    inside = (t_s >= window_s[0]) & (t_s <= window_s[1])
    for number, (name, values) in enumerate(zip(names, voltage_v, strict=True)):
        times, shown = fig.thin(t_s[inside], values[inside])
        color = fig.SERIES[number % len(fig.SERIES)]
        area.plot(times, shown, color=color, label=name.removeprefix("rail_").removesuffix("_v"))
    area.set_xlim(*window_s)


def _legend_beside(area: "Axes") -> None:
    area.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), borderaxespad=0)


def calibration_charts(arrays: Mapping[str, Any]) -> list[Html]:
    """A plot for every array of a calibration that is worth one."""
    charts = []
    for name, color in _DISTRIBUTIONS.items():
        values = _finite(arrays.get(name))
        if values.size > 1:
            charts.append(_histogram(name, values, color))
    crosstalk = _numbers(arrays.get("crosstalk"))
    if crosstalk.ndim == 2 and crosstalk.shape[0] == crosstalk.shape[1] > 1:
        charts.append(_crosstalk_map(crosstalk))
    return charts


def _numbers(values: object) -> NDArray[np.float64]:
    """The values as an array of floats; empty where they are no numbers."""
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        return np.empty(0)


def _finite(values: object) -> NDArray[np.float64]:
    numbers = np.ravel(_numbers(values))
    return numbers[np.isfinite(numbers)]


def _histogram(name: str, values: NDArray[np.float64], color: str) -> Html:
    figure = fig.new_figure(3.6, 2.4)
    area = figure.subplots()
    area.hist(values, bins=min(40, max(8, values.size // 8)), color=color, alpha=0.8)
    area.grid(False, axis="x")
    area.locator_params(nbins=5)
    area.set_xlabel(label(name, with_unit=True))
    area.set_title(f"{label(name)} (n = {values.size})")
    return fig.to_svg(figure, f"Histogram of {label(name)}")


def _crosstalk_map(crosstalk: NDArray[np.float64]) -> Html:
    from matplotlib.colors import LogNorm

    coupling = np.abs(np.nan_to_num(crosstalk - np.diag(np.diag(crosstalk))))
    step = -(-coupling.shape[0] // _MOST_PIXELS)
    missing = -coupling.shape[0] % step
    blocks = np.pad(coupling, ((0, missing), (0, missing)))
    blocks = blocks.reshape(blocks.shape[0] // step, step, -1, step).max(axis=(1, 3))
    figure = fig.new_figure(3.6, 2.9)
    area = figure.subplots()
    size = crosstalk.shape[0]
    strongest = max(float(blocks.max()), 10 * _FAINTEST_CROSSTALK)
    image = area.imshow(
        np.maximum(blocks, _FAINTEST_CROSSTALK),
        norm=LogNorm(_FAINTEST_CROSSTALK, strongest),
        cmap="magma",
        extent=(0, size, size, 0),
        interpolation="nearest",
    )
    area.grid(False)
    area.locator_params(nbins=5)
    area.set_title("Thermal crosstalk, |C - 1|")
    area.set_xlabel("shifter that is driven")
    area.set_ylabel("shifter that turns")
    bar = figure.colorbar(image, ax=area, shrink=0.9)
    ticks = [10.0**power for power in range(-5, 0) if 10.0**power <= strongest]
    bar.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    bar.minorticks_off()
    bar.outline.set_visible(False)
    return fig.to_svg(figure, "Thermal crosstalk between all pairs of phase shifters")
