"""Gains for a plant that is known, by Skogestad's rules, and the margins that they leave.

The carrier's PID asks for heat, so its plant is an integrator, 1 / C, behind the sensor's
lag. SIMC for an integrator with one lag gives, in series form with the lag as T_d,

    K_c = C / (tau_c + theta),    T_i = 4 (tau_c + theta),    T_d = lag

and in the parallel form that the loop computes k_p = K_c (1 + T_d / T_i), k_i = K_c / T_i,
k_d = K_c T_d. The fan's plant is an integrator as well, dT/dt = -G'(n) (T - T_air) / C per
RPM, behind the fan's spin-up and the sensor's lag, which PI meets as a delay.

tau_c is as short as the sensor's noise and the margins allow: every candidate is tried on
the compiled loop (`lumina.control.linear`) until one holds.

Source: Skogestad, J. Process Control 13, 291 (2003).
"""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from calibration.thermal.options import ThermalOptions
from lumina.control.config import ControlConfig, PidConfig
from lumina.control.linear import Actuator, OperatingPoint, open_loop
from lumina.control.records import TICK_S
from lumina.control.thermal.stability import cooling_per_rpm
from lumina.errors import CalibrationError, UsageError
from lumina.theory.feedback import Margins, margins
from lumina.theory.thermal_model import ThermalModel
from lumina.theory.thermistor import KELVIN

__all__ = [
    "LoopMargins",
    "Tuning",
    "fan_gains",
    "loop_margins",
    "tec_gains",
    "tune",
    "why_thin",
]

LAGS = 1.5
"""tau_c over the carrier sensor's lag: quicker asks more of the model than it knows."""

SLOWER = 1.3
TRIES = 6

FILTER_SHARE = 0.25
"""Derivative filter over derivative time."""

SETPOINT_WEIGHT = 0.6

DELAY_TICKS = 2
"""By which frames over a wire and a late thread may delay an answer: margins hold with it."""

NOISE_SHARE = 0.01
"""Of the TEC's current limit: what sensor noise may make of the current, rms."""

LOADED_SHARE = 0.25
"""Of the TEC's current limit: the heavier of the two loads that margins are computed for."""

LOAD_SHARES = (1.0, 0.5, 0.25)
"""Of that load: the heaviest is taken that the plant carries."""

FAN_LAGS = 10.0
"""The fan's tau_c over its spin-up and its sensor's lag: it only follows slow heat."""

FAN_SLOWEST_SHARE = 0.1
"""Of full speed: where the fan's gain is taken, for it is highest when the fan is slow."""


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
    for tec, closed_loop_s in _candidates(model):
        if _noise_current_a(tec, model, config, noise_k) > NOISE_SHARE * config.tec.current_limit_a:
            best = best or f"sensor noise of {noise_k:.2g} K would shake the TEC's current"
            continue
        found = await loop_margins(model, config, tec, fan, inlet_c)
        lacking = why_thin(found, options)
        if not lacking:
            return Tuning(tec, fan, closed_loop_s, found)
        best = lacking
    raise CalibrationError(f"no gains with enough margin were found: {best}")


def _candidates(model: ThermalModel) -> Iterator[tuple[PidConfig, float]]:
    """Gains of the carrier's PID and their tau_c, the quickest first."""
    for number in range(TRIES):
        closed_loop_s = LAGS * SLOWER**number * max(model.carrier_lag_s, 10.0 * TICK_S)
        yield tec_gains(model, closed_loop_s), closed_loop_s


def tec_gains(model: ThermalModel, closed_loop_s: float) -> PidConfig:
    """SIMC gains of the carrier's PID, W per K."""
    response_s = closed_loop_s + DELAY_TICKS * TICK_S
    kc = model.carrier_capacity_j_per_k / response_s
    integral_s, derivative_s = 4.0 * response_s, model.carrier_lag_s
    return PidConfig(
        kp=kc * (1.0 + derivative_s / integral_s),
        ki=kc / integral_s,
        kd=kc * derivative_s,
        derivative_filter_s=max(FILTER_SHARE * derivative_s, 0.002),
        setpoint_weight=SETPOINT_WEIGHT,
        tracking_s=float(np.sqrt(integral_s * max(derivative_s, TICK_S))),
    )


def fan_gains(model: ThermalModel, config: ControlConfig, inlet_c: float) -> PidConfig:
    """SIMC gains of the sink's PID, RPM per K."""
    away_k = max(config.fan.sink_limit_c - inlet_c, 1.0)
    gain = cooling_per_rpm(model, away_k, FAN_SLOWEST_SHARE)
    delay_s = model.fan_spin_up_s + model.sink_lag_s
    response_s = (FAN_LAGS + 1.0) * delay_s
    kc = 1.0 / (max(gain, 1e-9) * response_s)
    return PidConfig(
        kp=kc,
        ki=kc / (4.0 * response_s),
        setpoint_weight=1.0,
        tracking_s=float(np.sqrt(4.0 * response_s * delay_s)),
    )


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

    def at(actuator: Actuator, load_w: float) -> LoopMargins:
        point = OperatingPoint(load_w, inlet_c)
        loop = open_loop(
            config, model, tec, fan, point, broken_at=actuator, delay_ticks=DELAY_TICKS
        )
        return LoopMargins(actuator, load_w, margins(loop))

    pull_w_per_a = model.tec_seebeck_v_per_k * (config.setpoint_c + KELVIN)
    loaded_w = LOADED_SHARE * config.tec.current_limit_a * pull_w_per_a
    try:
        found = [at(Actuator.TEC, 0.0)]
    except UsageError as error:
        raise CalibrationError(str(error)) from error
    for actuator in Actuator:
        for share in LOAD_SHARES:
            await asyncio.sleep(0)
            with suppress(UsageError):  # more than this plant can carry: try less
                found.append(at(actuator, share * loaded_w))
                break
    return tuple(found)


def why_thin(found: tuple[LoopMargins, ...], options: ThermalOptions) -> str:
    """The first margin that is too thin, in words; empty if all hold."""
    for one in found:
        at = f"the {one.actuator}'s loop under {one.load_w:.3g} W"
        gain_db = min(one.margins.gain_db, one.margins.gain_reduction_db)
        if not one.margins.stable:
            return f"{at} is unstable"
        if gain_db < options.least_gain_margin_db:
            return (
                f"{at} has a gain margin of {gain_db:.1f} dB "
                f"(allowed: {options.least_gain_margin_db:g} dB or more)"
            )
        if one.margins.phase_deg < options.least_phase_margin_deg:
            return (
                f"{at} has a phase margin of {one.margins.phase_deg:.0f} degrees "
                f"(allowed: {options.least_phase_margin_deg:g} or more)"
            )
    return ""
