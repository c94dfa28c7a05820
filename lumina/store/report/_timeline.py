"""The run over time: stages, temperatures, actuators and loads."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lumina.store._events import Event
from lumina.store._incidents import FaultSpan, find_faults
from lumina.store.report import _figure as fig
from lumina.store.report._html import Html
from lumina.store.report._text import time_scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Stage", "Tiers", "find_stages", "find_tiers", "timeline"]

_LOUD = {"warning": fig.AMBER, "error": fig.RED, "critical": fig.RED}
_MOST_MARKS = 200
_MOST_NAMED = 6


@dataclass(frozen=True)
class Stage:
    """A named part of the run, in bench time; `ended` is false where it was cut short."""

    name: str
    start_s: float
    end_s: float
    ended: bool = True


@dataclass(frozen=True)
class Tiers:
    """Thresholds of the thermal guard, in C."""

    warning_c: float = 75.0
    critical_c: float = 85.0
    emergency_c: float = 95.0


@dataclass(frozen=True)
class _Line:
    column: str
    label: str
    color: str
    style: str = "-"
    minus: str | None = None  # column to subtract


@dataclass(frozen=True)
class _Panel:
    title: str
    unit: str
    lines: tuple[_Line, ...]
    height: float = 1.0
    signed_decades: bool = False


_TEMPERATURES = _Panel(
    "Temperature",
    "°C",
    (
        _Line("die_estimate_c", "die (estimate)", fig.BLUE),
        _Line("true_die_c", "die (twin)", fig.INK, ":"),
        _Line("carrier_c", "carrier", fig.TEAL),
        _Line("setpoint_c", "set point", fig.VIOLET, "--"),
        _Line("sink_c", "heat sink", fig.ORANGE),
        _Line("inlet_c", "air inlet", fig.GREY),
    ),
    height=2.4,
)

_PANELS = (
    _TEMPERATURES,
    _Panel(
        "Temperature error",
        "K",
        (
            _Line("carrier_c", "carrier off set point", fig.TEAL, minus="setpoint_c"),
            _Line("die_estimate_c", "die estimate off twin", fig.BLUE, minus="true_die_c"),
        ),
        height=1.9,
        signed_decades=True,
    ),
    _Panel("TEC current", "A (cooling is positive)", (_Line("tec_current_a", "", fig.BLUE),)),
    _Panel(
        "Fan",
        "RPM",
        (
            _Line("fan_set_rpm", "commanded", fig.VIOLET, "--"),
            _Line("fan_rpm", "measured", fig.ORANGE),
        ),
    ),
    _Panel("Compute power", "W", (_Line("compute_power_w", "", fig.ORANGE),)),
    _Panel("Heater power", "W", (_Line("heater_power_w", "", fig.TEAL),)),
    _Panel("Laser scale", "of full power", (_Line("laser_scale", "", fig.VIOLET),), height=0.7),
)


def find_stages(events: Iterable[Event], end_s: float) -> tuple[Stage, ...]:
    """Stages from the events ``stage`` with data {"stage": name, "phase": "start" | "end"}.

    Args:
        events: the event log, in order.
        end_s: bench time at which a stage without an end was cut short, in s.
    """
    open_s: dict[str, float] = {}
    stages = []
    for event in events:
        if event.event != "stage":
            continue
        name, phase = str(event.data.get("stage", "")), event.data.get("phase")
        if phase == "start":
            open_s[name] = event.t_s
        elif phase == "end" and name in open_s:
            stages.append(Stage(name, open_s.pop(name), event.t_s))
    stages += [Stage(name, start_s, max(start_s, end_s), False) for name, start_s in open_s.items()]
    return tuple(sorted(stages, key=lambda stage: stage.start_s))


def find_tiers(config: object) -> Tiers:
    """The guard's thresholds out of a lab config, or the usual ones."""
    names = ("warning_c", "critical_c", "emergency_c")
    if not isinstance(config, Mapping):
        return Tiers()
    if all(isinstance(config.get(name), int | float) for name in names):
        return Tiers(*(float(config[name]) for name in names))
    return next(
        (found for part in config.values() if (found := find_tiers(part)) != Tiers()), Tiers()
    )


def timeline(
    rows: NDArray[Any], stages: Sequence[Stage], events: Sequence[Event], tiers: Tiers
) -> Html:
    """All panels of one processor's telemetry above each other, on one time axis."""
    panels = [panel for panel in _PANELS if _drawable(panel, rows)]
    heights = [0.35, *(panel.height for panel in panels)]
    figure = fig.new_figure(11, 0.75 + 1.05 * sum(heights))
    axes = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights, squeeze=False)[:, 0]
    scale, unit = time_scale(float(rows["t_s"][-1]))
    faults = find_faults(events)
    _draw_strip(axes[0], stages, events, scale)
    _name_faults(axes[0], faults, scale)
    for panel, area in zip(panels, axes[1:], strict=True):
        _draw_panel(area, panel, rows, scale)
        _shade_stages(area, stages, scale)
        _shade_faults(area, faults, scale, float(rows["t_s"][-1]))
        if panel is _TEMPERATURES:
            _shade_tiers(area, tiers)
    axes[-1].set_xlabel(f"bench time, {unit}")
    axes[-1].set_xlim(float(rows["t_s"][0]) * scale, max(float(rows["t_s"][-1]), 1e-3) * scale)
    return fig.to_svg(figure, "Temperatures, actuators and loads over bench time")


def _drawable(panel: _Panel, rows: NDArray[Any]) -> bool:
    return any(_values(line, rows) is not None for line in panel.lines)


def _values(line: _Line, rows: NDArray[Any]) -> NDArray[np.float64] | None:
    """The line's values; None where a column is missing or was never measured."""
    names = rows.dtype.names or ()
    if line.column not in names or (line.minus is not None and line.minus not in names):
        return None
    values = rows[line.column].astype(np.float64)
    if line.minus is not None:
        values = values - rows[line.minus]
    return values if np.isfinite(values).any() else None


def _draw_panel(area: "Axes", panel: _Panel, rows: NDArray[Any], scale: float) -> None:
    t_s = rows["t_s"].astype(np.float64)
    lowest = highest = 0.0
    for line in panel.lines:
        values = _values(line, rows)
        if values is None:
            continue
        lowest = min(lowest, float(np.nanmin(values)))
        highest = max(highest, float(np.nanmax(values)))
        times, values = fig.thin(*_without_gaps(t_s, values))
        area.plot(times * scale, values, line.style, color=line.color, label=line.label)
    area.margins(y=0.12)
    if panel.signed_decades:
        _use_signed_decades(area, lowest, highest)
    else:
        area.locator_params(axis="y", nbins=4)
    fig.tidy(area, panel.title, panel.unit)


def _without_gaps(
    t_s: NDArray[np.float64], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A quantity that is sampled now and then, as a line through its samples."""
    known = np.isfinite(values)
    return (t_s[known], values[known]) if known.mean() < 0.5 else (t_s, values)


def _use_signed_decades(area: "Axes", lowest: float, highest: float) -> None:
    """An axis on which a pull-in of kelvins and a lock of millikelvins both show."""
    decades = [0.01, 0.1, 1.0, 10.0, 100.0]
    ticks = [-decade for decade in reversed(decades) if -decade > 1.5 * lowest]
    ticks += [0.0, *(decade for decade in decades if decade < 1.5 * highest)]
    area.set_yscale("symlog", linthresh=0.01, linscale=1.0)
    area.set_ylim(min(1.5 * lowest, -0.012), max(1.5 * highest, 0.012))
    area.set_yticks(ticks, [f"{tick:+g}" if tick else "0" for tick in ticks])
    area.minorticks_off()


def _shade_tiers(area: "Axes", tiers: Tiers) -> None:
    bottom, top = area.get_ylim()
    top = max(top, tiers.emergency_c + 6)
    bands = (
        (tiers.warning_c, tiers.critical_c, fig.AMBER, 0.10, "warning"),
        (tiers.critical_c, tiers.emergency_c, fig.RED, 0.10, "critical"),
        (tiers.emergency_c, top, fig.RED, 0.22, "emergency"),
    )
    for low, high, color, alpha, name in bands:
        area.axhspan(low, high, color=color, alpha=alpha, linewidth=0)
        area.annotate(
            f"{name} {low:g} °C",
            (1, low),
            xycoords=("axes fraction", "data"),
            xytext=(-4, 2),
            textcoords="offset points",
            ha="right",
            fontsize=7.5,
            color=fig.MUTED,
        )
    area.set_ylim(bottom, top)


def _shade_stages(area: "Axes", stages: Sequence[Stage], scale: float) -> None:
    for stage in stages[1::2]:
        area.axvspan(stage.start_s * scale, stage.end_s * scale, color=fig.GREY, alpha=0.09, lw=0)


def _shade_faults(area: "Axes", faults: Sequence[FaultSpan], scale: float, end_s: float) -> None:
    for fault in faults:
        lifted_s = end_s if fault.lifted_s is None else fault.lifted_s
        area.axvspan(fault.struck_s * scale, lifted_s * scale, color=fig.RED, alpha=0.06, lw=0)
        area.axvline(fault.struck_s * scale, color=fig.RED, lw=0.9, ls=(0, (4, 2)))


def _name_faults(area: "Axes", faults: Sequence[FaultSpan], scale: float) -> None:
    """The faults' names at the times at which they strike, above the strip."""
    for number, fault in enumerate(faults[:_MOST_NAMED]):
        area.annotate(
            fault.spec,
            (fault.struck_s * scale, 1.0),
            xytext=(3, 9 * (len(faults[:_MOST_NAMED]) - 1 - number)),
            textcoords="offset points",
            fontsize=8,
            color=fig.RED,
            annotation_clip=False,
        )


def _draw_strip(
    area: "Axes", stages: Sequence[Stage], events: Sequence[Event], scale: float
) -> None:
    """Stage names where they fit, and a mark for every warning or worse."""
    area.set_axis_off()
    area.set_ylim(0, 1)
    end_s = max((stage.end_s for stage in stages), default=1.0)
    for number, stage in enumerate(stages):
        start, end = stage.start_s * scale, stage.end_s * scale
        area.axvspan(start, end, ymax=0.7, color=fig.BLUE, alpha=0.22 if number % 2 else 0.12, lw=0)
        if (stage.end_s - stage.start_s) / max(end_s, 1e-9) > 0.0055 * (len(stage.name) + 1):
            area.text(
                (start + end) / 2,
                0.34,
                stage.name,
                ha="center",
                va="center",
                fontsize=8,
                clip_on=True,
            )
    loud = [event for event in events if event.level in _LOUD]
    for event in loud[:_MOST_MARKS]:
        area.plot(event.t_s * scale, 0.86, "v", color=_LOUD[event.level], markersize=4)
