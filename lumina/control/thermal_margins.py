"""What gains leave to the thermal loops before they would swing: margins, and the least."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from lumina.control.config import ControlConfig, PidConfig
from lumina.control.linear import Actuator, OperatingPoint, open_loop
from lumina.control.pace import TICK_S
from lumina.control.thermal.simc import BOARD_DELAY_TICKS
from lumina.errors import UsageError
from lumina.theory.feedback import Margins, margins
from lumina.theory.thermal_model import ThermalModel
from lumina.theory.thermistor import KELVIN

__all__ = ["LEAST_GAIN_DB", "LEAST_PHASE_DEG", "LoopMargins", "thermal_margins", "why_thin"]

LEAST_GAIN_DB, LEAST_PHASE_DEG = 6.0, 45.0
"""Margins below which gains are refused, unless somebody asks for others."""

LOADED_SHARE = 0.25
"""Of the TEC's current limit: the heavier of the two loads that margins are computed for."""

LOAD_SHARES = (1.0, 0.5, 0.25)
"""Of that load: the heaviest is taken that the plant carries."""


@dataclass(frozen=True)
class LoopMargins:
    """Margins of one loop at one point of operation.

    Attributes:
        actuator: where the loop was broken.
        load_w: compute load, W.
        margins: what was found.
    """

    actuator: Actuator
    load_w: float
    margins: Margins


def thermal_margins(
    model: ThermalModel,
    config: ControlConfig,
    tec: PidConfig,
    fan: PidConfig,
    inlet_c: float,
    *,
    wire_s: float = 0.0,
) -> Iterator[LoopMargins]:
    """Margins on a plant that is as the model says, one point after the other.

    Of the TEC's loop idle and loaded; of the fan's, where it keeps the sink at its limit.

    Args:
        model: the plant.
        config: the controller, whose pace counts.
        tec: gains of the carrier's PID, W per K.
        fan: gains of the sink's PID, RPM per K.
        inlet_c: air at the fan's inlet, C.
        wire_s: time that an instrument's exchange takes, s; a board's wire has its own.

    Raises:
        UsageError: the loop does not come to rest even without load.
    """
    delay_ticks = BOARD_DELAY_TICKS if config.period_s == TICK_S else 0

    def at(actuator: Actuator, load_w: float) -> LoopMargins:
        point = OperatingPoint(load_w, inlet_c)
        loop = open_loop(
            config,
            model,
            tec,
            fan,
            point,
            broken_at=actuator,
            delay_ticks=delay_ticks,
            wire_s=wire_s,
        )
        return LoopMargins(actuator, load_w, margins(loop))

    pull_w_per_a = model.tec_seebeck_v_per_k * (config.setpoint_c + KELVIN)
    loaded_w = LOADED_SHARE * config.tec.current_limit_a * pull_w_per_a
    yield at(Actuator.TEC, 0.0)
    for actuator in Actuator:
        for share in LOAD_SHARES:
            with suppress(UsageError):  # more than this plant can carry: try less
                yield at(actuator, share * loaded_w)
                break


def why_thin(
    found: tuple[LoopMargins, ...],
    least_gain_db: float = LEAST_GAIN_DB,
    least_phase_deg: float = LEAST_PHASE_DEG,
) -> str:
    """The first margin that is too thin, in words; empty if all hold."""
    for one in found:
        at = f"the {one.actuator}'s loop under {one.load_w:.3g} W"
        gain_db = min(one.margins.gain_db, one.margins.gain_reduction_db)
        if not one.margins.stable:
            return f"{at} is unstable"
        if gain_db < least_gain_db:
            return (
                f"{at} has a gain margin of {gain_db:.1f} dB "
                f"(allowed: {least_gain_db:g} dB or more)"
            )
        if one.margins.phase_deg < least_phase_deg:
            return (
                f"{at} has a phase margin of {one.margins.phase_deg:.0f} degrees "
                f"(allowed: {least_phase_deg:g} or more)"
            )
    return ""
