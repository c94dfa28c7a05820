"""The host's handle on one 1 kHz loop: commands in, telemetry out.

`ControlLoop` owns the shared records. It does not care who runs the step: a real-time
thread, a batch in virtual time, or (over a wire) an exchange of frames with a board.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lumina.control.config import ControlConfig, PidConfig
from lumina.control.heaters import phase_limit_rad
from lumina.control.records import (
    COMMAND,
    MAILBOX_SLOTS,
    PARAMETERS,
    PID_GAINS,
    RAIL,
    STATE,
    TELEMETRY,
    TELEMETRY_SLOTS,
    TICK_S,
    CommandCode,
    ControlArrays,
    FanMode,
    HeaterArrays,
    HeaterMode,
    Mailbox,
    TecMode,
    TelemetryRing,
)
from lumina.control.telemetry import read_latest, read_since
from lumina.errors import DeviceRangeError, DeviceStateError
from lumina.theory.drift import phase_drift_rad_per_k

__all__ = ["ControlLoop"]

FloatArray = NDArray[np.float64]

NOMINAL_GAIN_RAD_PER_V2 = 1.0
"""Drive law before anyone has set one: own phase equals squared voltage."""


def gains_of(pid: PidConfig) -> tuple[float, ...]:
    """A PID's six gains in the order of PID_GAINS."""
    return tuple(getattr(pid, name) for name in PID_GAINS.names or ())


def parameters_of(
    config: ControlConfig, full_scale_v: float, heater_bits: int, telemetry_hz: float
) -> NDArray[Any]:
    """The step's parameter record for a config and a board's heater converters."""
    record = np.zeros(1, PARAMETERS)
    tec, fan, thermistor, die, guard = (
        config.tec,
        config.fan,
        config.thermistor,
        config.die,
        config.guard,
    )
    values: dict[str, Any] = {
        "tec_gains": gains_of(tec.pid),
        "fan_gains": gains_of(fan.pid),
        "setpoint_c": config.setpoint_c,
        "ramp_k_per_s": tec.ramp_k_per_s,
        "tec_limit_a": tec.current_limit_a,
        "sink_setpoint_c": fan.sink_setpoint_c,
        "fan_limit_rpm": fan.max_rpm,
        "thermistor_ohm": thermistor.resistance_25c_ohm,
        "thermistor_beta_k": thermistor.beta_k,
        "thermistor_reference_ohm": thermistor.reference_ohm,
        "sensor_lag_s": thermistor.lag_s,
        "die_resistance_k_per_w": die.resistance_k_per_w,
        "die_capacity_j_per_k": die.capacity_j_per_k,
        "heater_conductance_s": 1.0 / die.heater_resistance_ohm,
        "warning_c": guard.warning_c,
        "critical_c": guard.critical_c,
        "emergency_c": guard.emergency_c,
        "hysteresis_k": guard.hysteresis_k,
        "blind_ticks": guard.blind_ticks,
        "reference_die_c": config.setpoint_c,
        "heater_full_scale_v": full_scale_v,
        "heater_full_code": 2**heater_bits - 1,
        "telemetry_divider": max(1, round(1.0 / (telemetry_hz * TICK_S))),
    }
    for name, value in values.items():
        record[name] = value
    return record


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
    zeros = np.zeros((7, count))
    heaters = HeaterArrays(*(row.copy() for row in zeros))
    gain = np.full(count, NOMINAL_GAIN_RAD_PER_V2)
    heaters.volts2_per_rad[:] = 1.0 / gain
    heaters.tempco_rad_per_k[:] = drift_rad_per_k
    heaters.limit_rad[:] = phase_limit_rad(gain, heaters.curvature_per_v2, full_scale_v)
    return heaters


class ControlLoop:
    """Commands and telemetry of one processor's 1 kHz loop.

    Every command returns its sequence number at once; the step applies it at its next
    tick, in order. `acknowledged` tells how far it has come.

    Args:
        device: the processor's name, for errors.
        config: the controller's configuration.
        heaters: phase shifters on the board.
        full_scale_v: full scale of the heater converters, V.
        heater_bits: resolution of the heater converters.
        telemetry_hz: telemetry rows per second, 10 .. 1000.
    """

    def __init__(
        self,
        device: str,
        config: ControlConfig,
        *,
        heaters: int,
        full_scale_v: float,
        heater_bits: int,
        telemetry_hz: float = 100.0,
    ) -> None:
        self.device = device
        self.config = config
        self.heaters = heaters
        self.full_scale_v = full_scale_v
        self.arrays = ControlArrays(
            parameters=parameters_of(config, full_scale_v, heater_bits, telemetry_hz),
            state=np.zeros(1, STATE),
            heaters=heater_arrays(heaters, full_scale_v, self.designed_drift_rad_per_k),
            rails=rails_of(config),
            mailbox=Mailbox(
                slots=np.zeros(MAILBOX_SLOTS, COMMAND),
                payload=np.zeros((MAILBOX_SLOTS, 3, heaters)),
                posted=np.zeros(1, np.int64),
                applied=np.zeros(1, np.int64),
            ),
            telemetry=TelemetryRing(
                rows=np.zeros(TELEMETRY_SLOTS, TELEMETRY), written=np.zeros(1, np.int64)
            ),
        )
        self.arrays.state["throttle"] = 1.0
        self.arrays.state["compensating"] = int(config.compensation.enabled)

    @property
    def designed_drift_rad_per_k(self) -> float:
        """Drift that a shifter is assumed to have before calibration has measured it."""
        assumed = self.config.compensation
        return phase_drift_rad_per_k(
            assumed.design_imbalance_um * 1e-6, assumed.resonance_drift_nm_per_k
        )

    # Telemetry

    @property
    def acknowledged(self) -> int:
        """Sequence number of the last command that the step has applied."""
        return int(self.arrays.mailbox.applied[0])

    def latest(self) -> Any:
        """The newest telemetry row (a record of dtype TELEMETRY), or None before the first."""
        row = read_latest(self.arrays.telemetry)
        return None if row is None else row[0]

    def rows_since(self, cursor: int) -> tuple[NDArray[Any], int, int]:
        """Rows written since `cursor`, the new cursor, and the number of rows lost."""
        return read_since(self.arrays.telemetry, cursor)

    def counters(self) -> dict[str, int]:
        """Event counters of guard and rails, and time spent throttled in ticks."""
        state = self.arrays.state[0]
        names = ("warnings", "throttlings", "emergencies", "throttled_ticks", "rail_faults")
        return {name: int(state[name]) for name in names}

    def heater_drive_v(self) -> FloatArray:
        """Drive in force on every heater. Shape (heaters,), V."""
        return self.arrays.heaters.drive_v.copy()

    # Commands

    def set_setpoint_c(self, setpoint_c: float) -> int:
        """Move the carrier's set point, in C; it is approached at the configured ramp."""
        highest_c = self.config.guard.warning_c - 10
        self._check("set point", setpoint_c, 0.0, highest_c, "C")
        return self._post(CommandCode.SET_SETPOINT, value=(setpoint_c,))

    def set_tec_mode(self, mode: TecMode) -> int:
        """Switch the TEC off, let it regulate, or freeze its current."""
        return self._post(CommandCode.SET_TEC_MODE, index=mode)

    def set_fan_mode(self, mode: FanMode) -> int:
        """Switch the fan off, let it regulate, or freeze its speed."""
        return self._post(CommandCode.SET_FAN_MODE, index=mode)

    def set_tec_gains(self, pid: PidConfig) -> int:
        """Change the TEC gains without a bump."""
        return self._post(CommandCode.SET_TEC_GAINS, value=gains_of(pid))

    def set_fan_gains(self, pid: PidConfig) -> int:
        """Change the fan gains without a bump."""
        return self._post(CommandCode.SET_FAN_GAINS, value=gains_of(pid))

    def set_heater_voltages(self, drive_v: FloatArray) -> int:
        """Drive the heaters with fixed voltages, shape (heaters,), V; uncompensated."""
        self._check_array("heater drive", drive_v, 0.0, self.full_scale_v, "V")
        return self._post(CommandCode.SET_HEATER_VOLTAGES, payload=drive_v[np.newaxis])

    def set_heater_phases(self, phase_rad: FloatArray) -> int:
        """Drive the heaters to own phases, shape (heaters,), rad; compensated for drift."""
        self._check_array("own phase", phase_rad, 0.0, 100.0, "rad")
        return self._post(CommandCode.SET_HEATER_PHASES, payload=phase_rad[np.newaxis])

    def set_heater_law(
        self,
        gain_rad_per_v2: FloatArray,
        curvature_per_v2: FloatArray,
        tempco_rad_per_k: FloatArray,
        reference_die_c: float,
    ) -> int:
        """Install the calibrated drive law and drift of every heater, each shape (heaters,)."""
        self._check_array("gain", gain_rad_per_v2, 1e-6, 1e6, "rad/V^2")
        self._check_array("curvature", curvature_per_v2, 0.0, 1e3, "1/V^2")
        self._check_array("drift", tempco_rad_per_k, -1e3, 1e3, "rad/K")
        payload = np.stack([gain_rad_per_v2, curvature_per_v2, tempco_rad_per_k])
        return self._post(CommandCode.SET_HEATER_LAW, value=(reference_die_c,), payload=payload)

    def set_heater_mode(self, mode: HeaterMode) -> int:
        """Switch the heaters off, or back to what was last commanded."""
        return self._post(CommandCode.SET_HEATER_MODE, index=mode)

    def set_compensation(self, on: bool) -> int:
        """Switch the phase-drift compensation."""
        return self._post(CommandCode.SET_COMPENSATION, index=int(on))

    def set_laser_scale(self, scale: float) -> int:
        """Set the board's optical attenuator, 0 dark .. 1 full, before any throttling."""
        self._check("laser scale", scale, 0.0, 1.0, "of full power")
        return self._post(CommandCode.SET_LASER, value=(scale,))

    def rails_up(self) -> int:
        """Bring the power rails up in order; clears earlier trips."""
        return self._post(CommandCode.RAILS_UP)

    def rails_down(self) -> int:
        """Bring the power rails down in reverse order."""
        return self._post(CommandCode.RAILS_DOWN)

    def reset_guard(self) -> int:
        """Leave a latched emergency, if the die has cooled below warning."""
        return self._post(CommandCode.RESET_GUARD)

    # Inside

    def _check(self, what: str, value: float, low: float, high: float, unit: str) -> None:
        if not low <= value <= high:
            raise DeviceRangeError(
                self.device, f"{what} {value:g} {unit} refused", f"{low:g} .. {high:g} {unit}"
            )

    def _check_array(
        self, what: str, values: FloatArray, low: float, high: float, unit: str
    ) -> None:
        if values.shape != (self.heaters,):
            raise DeviceRangeError(
                self.device, f"{what}: shape {values.shape}", f"shape ({self.heaters},)"
            )
        bad = np.flatnonzero(~((values >= low) & (values <= high)))
        if bad.size:
            first = int(bad[0])
            raise DeviceRangeError(
                self.device,
                f"{what} of heater {first} is {values[first]:g} {unit}",
                f"{low:g} .. {high:g} {unit}",
            )

    def _post(
        self,
        code: CommandCode,
        *,
        index: int = 0,
        value: tuple[float, ...] = (),
        payload: FloatArray | None = None,
    ) -> int:
        mailbox = self.arrays.mailbox
        sequence = int(mailbox.posted[0]) + 1
        if sequence - int(mailbox.applied[0]) >= MAILBOX_SLOTS:
            raise DeviceStateError(
                self.device, "the loop takes no commands: is it running?", "mailbox full"
            )
        slot = sequence % MAILBOX_SLOTS
        command = mailbox.slots[slot]
        command["code"], command["index"] = int(code), int(index)
        command["value"][: len(value)] = value
        if payload is not None:
            mailbox.payload[slot, : len(payload)] = payload
        mailbox.posted[0] = sequence
        return sequence
