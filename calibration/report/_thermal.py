"""What a report shows of an identified thermal plant: parameters, margins, swings, residuals."""

from collections.abc import Iterator

import numpy as np

from calibration.report._tables import table
from calibration.thermal.result import ThermalIdentification
from lumina.store.report.kit import Html, figures, label, quantity, section, tag

__all__ = ["thermal_sections", "thermal_tiles"]


def thermal_tiles(found: ThermalIdentification) -> Iterator[tuple[str, str, str]]:
    """The margins and the loop's speed."""
    worst = [one.margins for one in found.tuning.margins]
    gain_db = min(min(m.gain_db, m.gain_reduction_db) for m in worst)
    yield f"{gain_db:.0f} dB", "gain margin", "the least of TEC and fan loops"
    yield f"{min(m.phase_deg for m in worst):.0f}°", "phase margin", "the least of both loops"
    yield f"{max(m.sensitivity for m in worst):.2f}", "maximum sensitivity", "1 is none"


def thermal_sections(name: str, found: ThermalIdentification) -> Iterator[Html]:
    """The sections about one device's thermal plant."""
    yield section(
        f"Thermal plant of {name}",
        _parameters(found),
        _against_belief(found),
        note="With 95 % confidence. What the excitation did not tell of stays as believed.",
    )
    yield section(
        f"Tuning of {name}",
        _margins(found),
        _gains(found),
        note="Margins of the loop as it is compiled, on a plant that is as identified, with "
        "2 ms of delay beyond the tick.",
    )
    yield section(f"How the plant of {name} was identified", _swings(found), _fits(found))


def _parameters(found: ThermalIdentification) -> Html:
    rows = []
    for name in type(found.model).model_fields:
        known, low_high = name in found.sigma, found.interval(name)
        rows.append(
            (
                label(name),
                quantity(name, float(getattr(found.model, name))),
                f"{low_high[0]:.4g} to {low_high[1]:.4g}" if known else "as believed",
                f"{100 * found.sigma[name]:.2g} %" if known else "",
                quantity(name, float(getattr(found.believed, name))),
            )
        )
    return table(("Parameter", "Found", "95 % interval", "One sigma", "Believed before"), rows)


def _against_belief(found: ThermalIdentification) -> Html:
    """How far the plant is from what was believed of it, each with its interval."""
    names = list(found.sigma)
    ratio = np.array([getattr(found.model, n) / getattr(found.believed, n) for n in names])
    figure = figures.new_figure(7, 0.6 + 0.22 * len(names))
    area = figure.subplots()
    spread = 100.0 * 1.96 * ratio * np.array([found.sigma[n] for n in names])
    area.errorbar(
        100.0 * (ratio - 1.0), np.arange(len(names)), xerr=spread, fmt="o", ms=4, color=figures.BLUE
    )
    area.axvline(0.0, color=figures.MUTED, linewidth=0.8)
    area.set_yticks(np.arange(len(names)), [label(n) for n in names])
    area.invert_yaxis()
    area.set_xlabel("% from what was believed")
    figures.tidy(area, "Found against believed")
    return figures.to_svg(figure, "Parameters found, against what was believed before")


def _margins(found: ThermalIdentification) -> Html:
    rows = [
        (
            f"{one.actuator}, {one.load_w:.0f} W",
            f"{one.margins.gain_db:.1f} dB",
            f"{one.margins.phase_deg:.0f}°",
            f"{one.margins.sensitivity:.2f}",
            f"{one.margins.crossover_rad_s:.3g} rad/s",
            f"{1e3 * one.margins.delay_s:.3g} ms",
        )
        for one in found.tuning.margins
    ]
    head = ("Loop", "Gain margin", "Phase margin", "Sensitivity", "Crossover", "Delay it bears")
    return table(head, rows)


def _gains(found: ThermalIdentification) -> Html:
    gains = found.to_findings().tables["gains"]
    rows = zip(*(column.tolist() for column in gains.values()), strict=True)
    shown = [(label(name), f"{tec:.4g}", f"{fan:.4g}") for name, tec, fan in rows]
    return table(("Gain", "TEC (W, K, s)", "Fan (RPM, K, s)"), shown)


def _swings(found: ThermalIdentification) -> Html:
    swings = [("TEC", "A", found.tec_swing)]
    if found.fan_swing is not None:
        swings.append(("Fan", "RPM", found.fan_swing))
    rows = [
        (
            name,
            f"{swing.period_s:.3f} s ± {1e3 * swing.period_sigma_s:.0f} ms",
            f"{swing.drive:.4g} {unit}",
            f"{1e3 * swing.swing_k:.1f} mK",
            f"{swing.phase_deg:.0f}°",
            f"{swing.ultimate_gain:.4g} {unit}/K",
        )
        for name, unit, swing in swings
    ]
    head = ("Relay", "Period", "Drive", "Swing", "Phase", "Ultimate gain")
    return table(head, rows)


def _fits(found: ThermalIdentification) -> Html:
    rows = [
        (
            label(name),
            quantity(name, fit.residual_rms),
            quantity(name, fit.noise_rms),
            f"{100 * fit.nrmse:.2g} %",
            f"{100 * fit.whiteness:.0f} %",
        )
        for name, fit in found.channels.items()
    ]
    head = ("Residual", "Rms", "Of its noise", "Of its spread", "White")
    return tag(
        "div",
        table(head, rows),
        tag(
            "p",
            f"Over {found.duration_s:.0f} s about {found.carrier_c:.1f} °C, air at "
            f"{found.inlet_c:.1f} °C.",
            class_="note",
        ),
    )
