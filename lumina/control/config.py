"""What a lab config says about one control loop: of a board at 1 kHz, or over instruments.

The values are the controller's own beliefs (data sheet, tuning, later identification):
none of them is read from the plant.
"""

from typing import Annotated

from pydantic import Field, model_validator

from lumina.control.guard.config import GuardConfig
from lumina.control.pace import TICK_S
from lumina.control.section import Section
from lumina.control.sensing.config import SensorsConfig
from lumina.frames import MAX_RAILS
from lumina.theory.thermal_model import ThermalModel

__all__ = [
    "CompensationConfig",
    "ControlConfig",
    "FanControlConfig",
    "GuardConfig",
    "InstrumentsConfig",
    "PidConfig",
    "RailConfig",
    "TecControlConfig",
]

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=32)]


class PidConfig(Section):
    """Gains of one PID loop in parallel form; the unit of the output is the actuator's."""

    kp: float = Field(gt=0, le=1e6, description="proportional gain, output unit per K")
    ki: float = Field(ge=0, le=1e6, description="integral gain, output unit per K s")
    kd: float = Field(0.0, ge=0, le=1e6, description="derivative gain, output unit s per K")
    derivative_filter_s: float = Field(
        0.05, ge=0.002, le=10, description="time constant of the derivative's low pass, s"
    )
    setpoint_weight: float = Field(
        0.6, ge=0, le=1, description="share of the set point in the proportional term (2-DOF PID)"
    )
    tracking_s: float = Field(
        0.5, ge=0.001, le=1000, description="back-calculation time constant of the anti-windup, s"
    )


class TecControlConfig(Section):
    """Carrier temperature by the heat that the TEC pumps (positive cools)."""

    # SIMC for an integrator of 1 / 43 K/J behind a sensor lag of 0.21 s, tau_c = 0.3 s:
    # kp = C / tau_c, T_i = 4 tau_c, T_d = the lag.
    pid: PidConfig = Field(
        default_factory=lambda: PidConfig(kp=143.0, ki=119.0, kd=30.0, derivative_filter_s=0.05),
        description="gains, W of heat pumped from the carrier per K",
    )
    current_limit_a: float = Field(8.0, gt=0, le=50, description="largest TEC current, A")
    ramp_k_per_s: float = Field(2.5, gt=0, le=50, description="set-point ramp, K/s")


class FanControlConfig(Section):
    """The fan: the cheapest speed for the heat pumped, and a limit for the sink."""

    pid: PidConfig = Field(
        default_factory=lambda: PidConfig(kp=300.0, ki=10.0, setpoint_weight=1.0, tracking_s=5.0),
        description="gains of the loop that keeps the sink at its limit, RPM per K",
    )
    sink_limit_c: float = Field(
        50.0, ge=0, le=80, description="sink temperature that the fan keeps, whatever it costs, C"
    )
    max_rpm: float = Field(4000.0, gt=0, le=4000, description="highest fan speed, RPM")


class CompensationConfig(Section):
    """Phase-drift compensation by the heaters."""

    enabled: bool = Field(True, description="correct phases for die temperature")
    resonance_drift_nm_per_k: float = Field(
        0.1,
        ge=0,
        le=1,
        description="drift assumed before calibration has measured a shifter's own, nm/K",
    )
    trim_period_s: float = Field(
        0.0,
        ge=0,
        le=86400,
        description="time between trims of the phases by a dither at quiet moments, s; 0 never",
    )
    design_imbalance_um: float = Field(
        0.0,
        ge=-1e5,
        le=1e5,
        description="designed arm imbalance that drifts before calibration, um",
    )


class RailConfig(Section):
    """One power rail of the board; rails come up in the order of the list."""

    name: Name = Field(description="rail name, for example laser_3v3")
    voltage_v: float = Field(gt=0, le=60, description="nominal voltage, V")
    current_limit_a: float = Field(gt=0, le=50, description="over-current trip level, A")
    over_voltage_v: float = Field(gt=0, le=72, description="over-voltage trip level, V")
    ramp_s: float = Field(0.1, ge=0.001, le=10, description="time from 0 V to nominal, s")

    @model_validator(mode="after")
    def _trip_above_nominal(self) -> "RailConfig":
        if self.over_voltage_v <= self.voltage_v:
            raise ValueError("over_voltage_v must lie above voltage_v")
        return self


class InstrumentsConfig(Section):
    """The loop over a stand-alone TEC controller and a fan, at the rate that they can answer.

    They measure one carrier temperature, the sink's, current, voltage and fan speed. What they
    do not measure is left out: the die, the compute load, the air.
    """

    fan: Name = Field(description="the fan on the same plant")
    rate_hz: float = Field(
        10.0, ge=5, le=100, description="steps per second; refused if the instruments are slower"
    )
    silence_s: float = Field(
        1.5,
        ge=0.2,
        le=10,
        description="silence of either instrument until shutdown, s; a lost reply costs up to 1 s",
    )
    watchdog_s: float = Field(
        3.0,
        ge=0.5,
        le=60,
        description="silence of this host after which a TEC controller that can switches its "
        "output off by itself, s",
    )
    inlet_c: float = Field(
        25.0,
        ge=-40,
        le=85,
        description="air assumed at the fan's inlet while no facility link tells it, C",
    )


class ControlConfig(Section):
    """Everything that one control loop is told."""

    setpoint_c: float = Field(45.0, ge=0, le=80, description="carrier set point, C")
    tec: TecControlConfig = Field(default_factory=TecControlConfig)
    fan: FanControlConfig = Field(default_factory=FanControlConfig)
    sensors: SensorsConfig = Field(default_factory=SensorsConfig)
    thermal_model: ThermalModel = Field(
        default_factory=ThermalModel, description="what the loop believes of its plant"
    )
    compensation: CompensationConfig = Field(default_factory=CompensationConfig)
    guard: GuardConfig = Field(default_factory=GuardConfig)
    instruments: InstrumentsConfig | None = Field(
        None,
        description="for a chip without a board, under the name of its TEC controller: the loop "
        "over stand-alone instruments",
    )
    rails: tuple[RailConfig, ...] = Field(
        (),
        max_length=MAX_RAILS,
        description="power rails in the order in which they come up; none without a board",
    )

    @property
    def gains_given(self) -> bool:
        """Whether somebody chose the gains of the carrier's PID."""
        return "pid" in self.tec.model_fields_set

    @property
    def period_s(self) -> float:
        """Time between two steps, s: a board's tick, or the pace of the instruments."""
        return TICK_S if self.instruments is None else 1.0 / self.instruments.rate_hz

    @model_validator(mode="after")
    def _setpoint_below_warning(self) -> "ControlConfig":
        if self.setpoint_c > self.guard.warning_c - 10:
            raise ValueError(
                f"setpoint_c must stay 10 K below guard.warning_c ({self.guard.warning_c:g} C)"
            )
        return self
