"""The records of one loop, as its config has them, before the first tick."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from lumina.control.config import ControlConfig
from lumina.control.dither import dither_arrays
from lumina.control.guard.config import GuardConfig
from lumina.control.guard.reasons import REACTIONS, Reason, Tier
from lumina.control.guard.records import GUARD_LIMITS
from lumina.control.heaters import phase_limit_rad
from lumina.control.records import (
    CHANNEL,
    COMMAND,
    MAILBOX_SLOTS,
    PARAMETERS,
    RAIL,
    SENSORS,
    STATE,
    TELEMETRY,
    TELEMETRY_SLOTS,
    TICK_S,
    ControlArrays,
    HeaterArrays,
    Mailbox,
    TelemetryRing,
)
from lumina.control.sensing.frame import CARRIER_B, DIE
from lumina.control.sensing.records import Trouble
from lumina.control.thermal.records import PID_GAINS, THERMAL_MODEL

__all__ = ["build_arrays", "numbers_of", "telemetry_divider"]

GONE_S = 1.0
"""What was believed is believed until it has been gone for so long, s."""

ANSWER_PERIODS = 1.5
"""A slow loop acts for the period to come, and after half of one on the wire."""

SLOW_S = 0.016
"""Time between looks at what changes slowly, s."""

NOMINAL_GAIN_RAD_PER_V2 = 1.0
"""Drive law before anyone has set one: own phase equals squared voltage."""


def numbers_of(section: BaseModel, dtype: np.dtype[Any]) -> tuple[float, ...]:
    """A config section's numbers in the order of the record that compiled code reads."""
    return tuple(getattr(section, name) for name in dtype.names or ())


def parameters_of(
    config: ControlConfig,
    full_scale_v: float,
    heater_bits: int,
    telemetry_hz: float,
) -> NDArray[Any]:
    """The step's parameter record for a config and a board's heater converters."""
    record = np.zeros(1, PARAMETERS)
    tec, fan, period_s = config.tec, config.fan, config.period_s
    on_board = config.instruments is None
    values: dict[str, Any] = {
        "period_s": period_s,
        "model": numbers_of(config.thermal_model, THERMAL_MODEL),
        "tec_gains": numbers_of(tec.pid, PID_GAINS),
        "fan_gains": numbers_of(fan.pid, PID_GAINS),
        "setpoint_c": config.setpoint_c,
        "ramp_k_per_s": tec.ramp_k_per_s,
        "tec_limit_a": tec.current_limit_a,
        "sink_limit_c": fan.sink_limit_c,
        "fan_limit_rpm": fan.max_rpm,
        "guard": guard_limits(config.guard, period_s),
        "reference_die_c": config.setpoint_c,
        "heater_full_scale_v": full_scale_v,
        "heater_full_code": 2**heater_bits - 1,
        "answer_s": 0.0 if on_board else ANSWER_PERIODS * period_s,
        "measures_load": on_board,
        "measures_inlet": on_board,
        "slow_divider": max(2, round(SLOW_S / period_s)),
        "telemetry_divider": telemetry_divider(telemetry_hz, period_s),
    }
    for name, value in values.items():
        record[name] = value
    return record


def telemetry_divider(rate_hz: float, period_s: float) -> int:
    """Steps per telemetry row; every step gives one where there are not more of them."""
    return max(1, round(1.0 / (rate_hz * period_s)))


def guard_limits(config: GuardConfig, period_s: float) -> NDArray[Any]:
    """The guard's limits, and its table of reactions as numbers."""
    limits = np.zeros((), GUARD_LIMITS)
    for name in set(GUARD_LIMITS.names or ()) & set(GuardConfig.model_fields):
        limits[name] = getattr(config, name)
    limits["gone_periods"] = round(GONE_S / period_s)
    for reason, reaction in REACTIONS.items():
        limits["reaction"][reason] = reaction.tier or Tier.NORMAL
        limits["patience"][reason] = patience_periods(reaction.patience_s or 0.0, period_s)
    limits["patience"][Reason.DIE_SENSOR_LOST] = config.blind_ticks
    limits["patience"][Reason.HOST_SILENT] = round(config.heartbeat_s / period_s)
    return limits


def patience_periods(patience_s: float, period_s: float) -> int:
    """Periods for which a finding has to last; what may wait at all waits for a second sample."""
    return max(1 if patience_s <= TICK_S else 2, round(patience_s / period_s))


def channels_of(config: ControlConfig) -> NDArray[Any]:
    """The thermometers, before their first sample."""
    channels = np.zeros(len(SENSORS), CHANNEL)
    for channel, sensor in zip(channels, config.sensors.in_frame_order(), strict=True):
        channel["law"], channel["coefficient"] = sensor.law()
        channel["reference_ohm"] = sensor.reference_ohm
        channel["noise_limit_k"] = config.guard.noise_limit_k
        channel["raw_c"] = channel["reading_c"] = np.nan
    if config.instruments is not None:
        channels["trouble"][[CARRIER_B, DIE]] = Trouble.ABSENT
    return channels


def rails_of(config: ControlConfig) -> NDArray[Any]:
    """The step's rail records, all off."""
    rails = np.zeros(len(config.rails), RAIL)
    for record, rail in zip(rails, config.rails, strict=True):
        record["nominal_v"] = rail.voltage_v
        record["current_limit_a"] = rail.current_limit_a
        record["over_voltage_v"] = rail.over_voltage_v
        record["ramp_s"] = rail.ramp_s
    return rails


def heater_arrays(count: int, full_scale_v: float, drift_rad_per_k: float) -> HeaterArrays:
    """Heater records for the nominal law and drift, all off."""
    zeros = np.zeros((8, count))
    heaters = HeaterArrays(*(row.copy() for row in zeros))
    gain = np.full(count, NOMINAL_GAIN_RAD_PER_V2)
    heaters.volts2_per_rad[:] = 1.0 / gain
    heaters.tempco_rad_per_k[:] = drift_rad_per_k
    heaters.limit_rad[:] = phase_limit_rad(gain, heaters.curvature_per_v2, full_scale_v)
    return heaters


def build_arrays(
    config: ControlConfig,
    *,
    heaters: int,
    outputs: int,
    full_scale_v: float,
    heater_bits: int,
    telemetry_hz: float,
    drift_rad_per_k: float,
) -> ControlArrays:
    """Everything the compiled step works on; the arguments are those of `ControlLoop`.

    `drift_rad_per_k` is what every shifter is assumed to drift before it was measured.
    """
    state = np.zeros(1, STATE)
    state["throttle"] = 1.0
    state["locked_out"] = 1  # as any board is when its first host comes
    state["air_k_per_w"] = config.thermal_model.still_air_k_per_w
    state["most_a"] = config.tec.current_limit_a
    state["cheapest_w"] = np.inf
    if config.instruments is not None:
        state["read_inlet_c"] = config.instruments.inlet_c
    state["compensating"] = int(config.compensation.enabled)
    return ControlArrays(
        parameters=parameters_of(config, full_scale_v, heater_bits, telemetry_hz),
        state=state,
        channels=channels_of(config),
        heaters=heater_arrays(heaters, full_scale_v, drift_rad_per_k),
        dither=dither_arrays(outputs, heaters),
        rails=rails_of(config),
        mailbox=Mailbox(
            slots=np.zeros(MAILBOX_SLOTS, COMMAND),
            payload=np.zeros((MAILBOX_SLOTS, 3, heaters)),
            posted=np.zeros(1, np.int64),
            applied=np.zeros(1, np.int64),
            heartbeat=np.zeros(1, np.int64),
        ),
        telemetry=TelemetryRing(
            rows=np.zeros(TELEMETRY_SLOTS, TELEMETRY), written=np.zeros(1, np.int64)
        ),
    )
