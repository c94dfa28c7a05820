"""What a lab config says about the 1 kHz loop of one photonic processor.

The values are the controller's own beliefs (data sheet, tuning, later identification):
none of them is read from the plant.
"""

from typing import Annotated

from pydantic import Field, model_validator

from lumina.control.guard.config import GuardConfig
from lumina.control.section import Section
from lumina.control.sensing.config import SensorsConfig
from lumina.frames import MAX_RAILS
from lumina.theory.thermal_model import ThermalModel

__all__ = [
    "CompensationConfig",
    "ControlConfig",
    "FanControlConfig",
    "GuardConfig",
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


class ControlConfig(Section):
    """Everything that the 1 kHz loop of one photonic processor is told."""

    setpoint_c: float = Field(45.0, ge=0, le=80, description="carrier set point, C")
    tec: TecControlConfig = Field(default_factory=TecControlConfig)
    fan: FanControlConfig = Field(default_factory=FanControlConfig)
    sensors: SensorsConfig = Field(default_factory=SensorsConfig)
    thermal_model: ThermalModel = Field(
        default_factory=ThermalModel, description="what the loop believes of its plant"
    )
    compensation: CompensationConfig = Field(default_factory=CompensationConfig)
    guard: GuardConfig = Field(default_factory=GuardConfig)
    rails: tuple[RailConfig, ...] = Field(
        (), max_length=MAX_RAILS, description="power rails in the order in which they come up"
    )

    @model_validator(mode="after")
    def _setpoint_below_warning(self) -> "ControlConfig":
        if self.setpoint_c > self.guard.warning_c - 10:
            raise ValueError(
                f"setpoint_c must stay 10 K below guard.warning_c ({self.guard.warning_c:g} C)"
            )
        return self
