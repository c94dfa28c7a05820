"""The quickest gains that hold their margins, for a plant that was identified.

tau_c of the rule (`lumina.control.thermal.simc`) is as short as the sensor's noise and the
margins allow: every candidate is tried on the compiled loop (`lumina.control.linear`) until
one holds.
"""

import asyncio
from dataclasses import dataclass

from calibration.thermal.options import ThermalOptions
from lumina.control.config import ControlConfig, PidConfig
from lumina.control.records import TICK_S
from lumina.control.thermal.simc import candidates, delay_s, fan_gains, tec_gains
from lumina.control.thermal_margins import LoopMargins, thermal_margins, why_thin
from lumina.errors import CalibrationError, UsageError
from lumina.theory.thermal_model import ThermalModel
from lumina.theory.thermistor import KELVIN

__all__ = ["LoopMargins", "Tuning", "fan_gains", "loop_margins", "tec_gains", "tune", "why_thin"]

NOISE_SHARE = 0.01
"""Of the TEC's current limit: what sensor noise may make of the current, rms."""


@dataclass(frozen=True)
class Tuning:
    """Gains and what they leave.

    Attributes:
        tec: gains of the carrier's PID, W per K.
        fan: gains of the sink's PID, RPM per K.
        closed_loop_s: tau_c of the carrier's loop, s.
        margins: of both loops, idle and loaded.
    """

    tec: PidConfig
    fan: PidConfig
    closed_loop_s: float
    margins: tuple[LoopMargins, ...]


async def tune(
    model: ThermalModel,
    config: ControlConfig,
    *,
    inlet_c: float,
    noise_k: float,
    options: ThermalOptions,
) -> Tuning:
    """The quickest gains that hold the margins.

    Args:
        model: the plant.
        config: the controller whose gains they will be.
        inlet_c: air at the fan's inlet, C.
        noise_k: rms noise of one carrier reading, K.
        options: the least margins.

    Raises:
        CalibrationError: none hold them; the message tells the best that was found.
    """
    fan = fan_gains(model, config, inlet_c)
    best = ""
    for tec, closed_loop_s in candidates(model, delay_s(config.period_s, 0.0)):
        if _noise_current_a(tec, model, config, noise_k) > NOISE_SHARE * config.tec.current_limit_a:
            best = best or f"sensor noise of {noise_k:.2g} K would shake the TEC's current"
            continue
        found = await loop_margins(model, config, tec, fan, inlet_c)
        lacking = why_thin(found, options.least_gain_margin_db, options.least_phase_margin_deg)
        if not lacking:
            return Tuning(tec, fan, closed_loop_s, found)
        best = lacking
    raise CalibrationError(f"no gains with enough margin were found: {best}")


def _noise_current_a(
    tec: PidConfig, model: ThermalModel, config: ControlConfig, noise_k: float
) -> float:
    """Rms current that the noise of single readings makes by way of the PID, A."""
    shaken_w = noise_k * (tec.kp + tec.kd / (tec.derivative_filter_s + TICK_S))
    return shaken_w / (model.tec_seebeck_v_per_k * (config.setpoint_c + KELVIN))


async def loop_margins(
    model: ThermalModel, config: ControlConfig, tec: PidConfig, fan: PidConfig, inlet_c: float
) -> tuple[LoopMargins, ...]:
    """Margins on a plant that is as the model says; the rest of the bench runs in between.

    Of the TEC's loop idle and loaded; of the fan's, where it keeps the sink at its limit.

    Raises:
        CalibrationError: the loop does not come to rest even without load.
    """
    found = []
    try:
        for one in thermal_margins(model, config, tec, fan, inlet_c):
            found.append(one)
            await asyncio.sleep(0)
    except UsageError as error:
        raise CalibrationError(str(error)) from error
    return tuple(found)
