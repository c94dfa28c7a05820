"""The host's handle on one control loop: commands in, telemetry out.

`ControlLoop` owns the shared records. It does not care who runs the step: a real-time
thread, a batch in virtual time, or (over a wire) an exchange of frames with a board.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lumina.control.arrays import build_arrays, numbers_of, telemetry_divider
from lumina.control.config import ControlConfig, PidConfig
from lumina.control.dither import period_of
from lumina.control.guard.words import words_in
from lumina.control.records import MAILBOX_SLOTS, CommandCode, FanMode, HeaterMode, TecMode
from lumina.control.telemetry import read_latest, read_since
from lumina.control.thermal.records import PID_GAINS, THERMAL_MODEL, Relay
from lumina.control.thermal.stability import why_unstable
from lumina.errors import DeviceRangeError, DeviceStateError
from lumina.theory.drift import phase_drift_rad_per_k
from lumina.theory.thermal_model import ThermalModel

__all__ = ["ControlLoop", "Dithered"]

FloatArray = NDArray[np.float64]


LEAST_COUNTED = 0.98
"""Share of a dither's frames that must have been counted: without them codes overlap."""


class Dithered(NamedTuple):
    """What the monitors said to a dither."""

    power_code: FloatArray
    """Shape (outputs,): mean code of every monitor."""
    slope_code_per_rad: FloatArray
    """Shape (outputs, heaters): change of the code per own phase of each heater."""
    counted: int
    """Frames that were counted."""


class ControlLoop:
    """Commands and telemetry of one loop: a processor's at 1 kHz, or one over instruments.

    Every command returns its sequence number at once; the step applies it at its next
    tick, in order. `acknowledged` tells how far it has come.

    Args:
        device: the name of processor or TEC controller, for errors.
        config: the controller's configuration.
        heaters: phase shifters on the board.
        outputs: monitor photodiodes on the board that a dither is to count; 0 for none.
        full_scale_v: full scale of the heater converters, V.
        heater_bits: resolution of the heater converters.
        telemetry_hz: telemetry rows per second, 10 .. 1000; a slower loop gives one per step.
    """

    def __init__(
        self,
        device: str,
        config: ControlConfig,
        *,
        heaters: int,
        outputs: int = 0,
        full_scale_v: float,
        heater_bits: int,
        telemetry_hz: float = 100.0,
    ) -> None:
        self.device = device
        self.config = config
        self.heaters = heaters
        self.full_scale_v = full_scale_v
        self.period_s = config.period_s
        self.thermal_model = config.thermal_model
        self.arrays = build_arrays(
            config,
            heaters=heaters,
            outputs=outputs,
            full_scale_v=full_scale_v,
            heater_bits=heater_bits,
            telemetry_hz=telemetry_hz,
            drift_rad_per_k=self.designed_drift_rad_per_k,
        )

    @property
    def pace(self) -> str:
        """How many steps a second, in words."""
        rate_hz = round(1.0 / self.period_s, 3)
        return f"{rate_hz / 1000:g} kHz" if rate_hz >= 1000 else f"{rate_hz:g} Hz"

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

    @property
    def telemetry_hz(self) -> float:
        """Telemetry rows per second."""
        return 1.0 / (float(self.arrays.parameters["telemetry_divider"][0]) * self.period_s)

    def set_telemetry_hz(self, rate_hz: float) -> int:
        """Change how many telemetry rows there are per second, 10 .. 1000."""
        self._check("telemetry rate", rate_hz, 10.0, 1000.0, "Hz")
        divider = telemetry_divider(rate_hz, self.period_s)
        return self._post(CommandCode.SET_TELEMETRY, index=divider)

    def guard_findings(self) -> list[str]:
        """Why the guard acts, in words; empty while it does not."""
        row = self.latest()
        return [] if row is None else words_in(row)

    def counters(self) -> dict[str, int]:
        """Event counters of guard, rails and board, and time spent throttled in ticks."""
        state = self.arrays.state[0]
        guard = ("warnings", "throttlings", "emergencies", "throttled_ticks")
        board = ("rail_faults", "interruptions", "lockouts")
        return {name: int(state[name]) for name in (*guard, *board)}

    def heater_drive_v(self) -> FloatArray:
        """Drive in force on every heater. Shape (heaters,), V."""
        return self.arrays.heaters.drive_v.copy()

    def dithered(self) -> Dithered | None:
        """What the monitors said to the last dither; None while it runs, or was cut short."""
        dither = self.arrays.dither
        control = dither.control[0]
        counted, amplitude_rad = int(control["counted"]), float(control["amplitude_rad"])
        heard = counted > 0 and counted >= LEAST_COUNTED * control["length"]
        if control["running"] or not heard:
            return None
        return Dithered(dither.power / counted, dither.product / (counted * amplitude_rad), counted)

    def compensated_warming_k(self) -> float:
        """By how much the die is warmer than the phases were made for, as compensated, K."""
        state, parameters = self.arrays.state[0], self.arrays.parameters[0]
        if not state["compensating"]:
            return 0.0
        return float(state["die_estimate_c"] - parameters["reference_die_c"])

    @property
    def dithering(self) -> bool:
        """Whether a dither runs."""
        return bool(self.arrays.dither.control["running"][0])

    # Commands

    def set_setpoint_c(self, setpoint_c: float) -> int:
        """Move the carrier's set point, in C; it is approached at the configured ramp."""
        highest_c = self.config.guard.warning_c - 10
        self._check("set point", setpoint_c, 0.0, highest_c, "C")
        return self._post(CommandCode.SET_SETPOINT, value=setpoint_c)

    def set_tec_mode(self, mode: TecMode) -> int:
        """Switch the TEC off, let it regulate, or freeze its current."""
        return self._post(CommandCode.SET_TEC_MODE, index=mode)

    def set_fan_mode(self, mode: FanMode) -> int:
        """Switch the fan off, let it regulate, or freeze its speed."""
        return self._post(CommandCode.SET_FAN_MODE, index=mode)

    def set_tec_current_a(self, current_a: float) -> int:
        """Drive the TEC with a fixed current, A, positive cools: open loop, `TecMode.HOLD`.

        The guard still watches; the sink is not kept from warming, as it is in regulation.
        """
        limit_a = self.config.tec.current_limit_a
        self._check("TEC current", current_a, -limit_a, limit_a, "A")
        return self._post(CommandCode.SET_TEC_CURRENT, value=current_a)

    def set_fan_rpm(self, speed_rpm: float) -> int:
        """Turn the fan at a fixed speed, RPM: open loop, `FanMode.HOLD`."""
        self._check("fan speed", speed_rpm, 0.0, self.config.fan.max_rpm, "RPM")
        return self._post(CommandCode.SET_FAN_SPEED, value=speed_rpm)

    def set_tec_relay(self, relay: Relay) -> int:
        """Drive the TEC by a relay, A against carrier temperature: open loop, `TecMode.RELAY`."""
        limit_a = self.config.tec.current_limit_a
        self._check_relay("TEC current", relay, -limit_a, limit_a, "A")
        return self._post(CommandCode.SET_TEC_RELAY, relay=relay)

    def set_fan_relay(self, relay: Relay) -> int:
        """Drive the fan by a relay, RPM against sink temperature: open loop, `FanMode.RELAY`."""
        self._check_relay("fan speed", relay, 0.0, self.config.fan.max_rpm, "RPM")
        return self._post(CommandCode.SET_FAN_RELAY, relay=relay)

    def set_tec_gains(self, pid: PidConfig) -> int:
        """Change the TEC gains (W per K) without a bump.

        Raises:
            DeviceRangeError: they are unstable on the plant that the loop believes in.
        """
        self._check_stable(self.thermal_model, tec=pid)
        return self._post(CommandCode.SET_TEC_GAINS, tec_gains=numbers_of(pid, PID_GAINS))

    def set_fan_gains(self, pid: PidConfig) -> int:
        """Change the fan gains (RPM per K) without a bump.

        Raises:
            DeviceRangeError: they are unstable on the plant that the loop believes in.
        """
        self._check_stable(self.thermal_model, fan=pid)
        return self._post(CommandCode.SET_FAN_GAINS, fan_gains=numbers_of(pid, PID_GAINS))

    def set_thermal_model(self, model: ThermalModel, tec: PidConfig, fan: PidConfig) -> int:
        """Install what was identified, and the gains that go with it, all in one tick.

        Neither current nor fan speed jumps. `thermal_model` is the one in force from the
        tick that applies the command.

        Args:
            model: beliefs about the plant; the limits of its fields are its own.
            tec: gains of the carrier's PID, W of heat pumped per K.
            fan: gains of the sink's PID, RPM per K.

        Raises:
            DeviceRangeError: the gains are unstable on such a plant.
        """
        self._check_stable(model, tec, fan)
        sequence = self._post(
            CommandCode.SET_THERMAL_MODEL,
            model=numbers_of(model, THERMAL_MODEL),
            tec_gains=numbers_of(tec, PID_GAINS),
            fan_gains=numbers_of(fan, PID_GAINS),
        )
        self.thermal_model = model
        return sequence

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
        return self._post(CommandCode.SET_HEATER_LAW, value=reference_die_c, payload=payload)

    def set_heater_mode(self, mode: HeaterMode) -> int:
        """Switch the heaters off, or back to what was last commanded."""
        return self._post(CommandCode.SET_HEATER_MODE, index=mode)

    def set_compensation(self, on: bool) -> int:
        """Switch the phase-drift compensation."""
        return self._post(CommandCode.SET_COMPENSATION, index=int(on))

    def set_laser_scale(self, scale: float) -> int:
        """Set the board's optical attenuator, 0 dark .. 1 full, before any throttling."""
        self._check("laser scale", scale, 0.0, 1.0, "of full power")
        return self._post(CommandCode.SET_LASER, value=scale)

    def set_inlet_c(self, inlet_c: float, valid_s: float) -> int:
        """Believe this air temperature at the fan's inlet instead of the board's own, for a time.

        Args:
            inlet_c: what the room's cooling says, C.
            valid_s: how long it counts, s.
        """
        self._check("inlet temperature", inlet_c, -40.0, 85.0, "C")
        self._check("validity", valid_s, 0.0, 86_400.0, "s")
        periods = round(valid_s / self.period_s)
        return self._post(CommandCode.SET_INLET, index=periods, value=inlet_c)

    def start_dither(self, amplitude_rad: float, periods: int) -> int:
        """Dither every heater about its commanded phase, and count what the monitors say.

        Args:
            amplitude_rad: of every own phase, up to 0.1 rad.
            periods: of all heaters' codes; each lasts one to two ticks per heater.
        """
        self._check("dither", amplitude_rad, 1e-4, 0.1, "rad")
        self._check("dither", periods, 1, 10_000, "periods")
        length = periods * period_of(self.heaters)
        return self._post(CommandCode.START_DITHER, value=amplitude_rad, index=length)

    def stop_dither(self) -> int:
        """End a dither before its time; what it has counted is lost."""
        return self._post(CommandCode.START_DITHER)

    def rails_up(self) -> int:
        """Bring the power rails up in order; clears earlier trips."""
        return self._post(CommandCode.RAILS_UP)

    def rails_down(self) -> int:
        """Bring the power rails down in reverse order."""
        return self._post(CommandCode.RAILS_DOWN)

    def beat(self) -> None:
        """Post a heartbeat; once one was posted, their absence makes the loop safe."""
        self.arrays.mailbox.heartbeat[0] += 1

    def reset_guard(self) -> int:
        """Leave a latched emergency, if the die is cool and nothing calls for one any more."""
        return self._post(CommandCode.RESET_GUARD)

    # Inside

    def _check(self, what: str, value: float, low: float, high: float, unit: str) -> None:
        if not low <= value <= high:
            raise DeviceRangeError(
                self.device, f"{what} {value:g} {unit} refused", f"{low:g} .. {high:g} {unit}"
            )

    def _check_stable(
        self, model: ThermalModel, tec: PidConfig | None = None, fan: PidConfig | None = None
    ) -> None:
        gains = tec or self.config.tec.pid, fan or self.config.fan.pid
        reason = why_unstable(model, *gains, self.period_s)
        if reason:
            raise DeviceRangeError(self.device, reason, "lower ones")

    def _check_relay(self, what: str, relay: Relay, low: float, high: float, unit: str) -> None:
        self._check("centre of a relay", relay.centre_c, 0.0, self.config.guard.warning_c - 10, "C")
        self._check("half band of a relay", relay.half_band_k, 1e-3, 20.0, "K")
        for output in (relay.below, relay.above):
            self._check(what, output, low, high, unit)

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
        payload: FloatArray | None = None,
        **fields: float | tuple[float, ...],
    ) -> int:
        mailbox = self.arrays.mailbox
        sequence = int(mailbox.posted[0]) + 1
        if sequence - int(mailbox.applied[0]) >= MAILBOX_SLOTS:
            raise DeviceStateError(
                self.device, "the loop takes no commands: is it running?", "mailbox full"
            )
        slot = sequence % MAILBOX_SLOTS
        mailbox.slots[slot : slot + 1] = 0  # of the command that was here a round ago
        command = mailbox.slots[slot]
        command["code"] = int(code)
        for name, value in fields.items():
            command[name] = value
        if payload is not None:
            mailbox.payload[slot, : len(payload)] = payload
        mailbox.posted[0] = sequence
        return sequence
