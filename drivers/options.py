"""Settings of drivers, as a lab config gives them under `options`.

Every role has a base model with the settings that bring-up applies to any instrument of
that role; a driver's own model adds what its instrument needs.
"""

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "ROLE_OPTIONS",
    "DriverOptions",
    "FanOptions",
    "LaserOptions",
    "PhaseShifterBankOptions",
    "PowerMeterOptions",
    "PowerSupplyOptions",
    "ProcessorOptions",
    "TemperatureControllerOptions",
]


class DriverOptions(BaseModel):
    """Base of every driver's options."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ProcessorOptions(DriverOptions):
    """A photonic board tells what it has when it is connected: there is nothing to set."""


class LaserOptions(DriverOptions):
    """What bring-up sets on a laser."""

    wavelength_m: float = Field(1.55e-6, ge=1.2e-6, le=1.7e-6, description="wavelength, m")
    power_w: float = Field(0.01, gt=0, le=0.1, description="output power, W")


class PowerSupplyOptions(DriverOptions):
    """What bring-up sets on the supply's channel that feeds the photonic board."""

    board_channel: int = Field(1, ge=1, le=8, description="channel that feeds the board")
    voltage_v: float = Field(5.0, gt=0, le=60, description="output voltage, V")
    current_limit_a: float = Field(5.0, gt=0, le=50, description="current limit, A")
    over_voltage_v: float = Field(5.5, gt=0, le=66, description="over-voltage trip level, V")


class PowerMeterOptions(DriverOptions):
    """What bring-up sets on a power meter, and what it looks at."""

    port: int = Field(0, ge=0, le=63, description="output port of the chip whose tap it reads")
    wavelength_m: float = Field(
        1.55e-6, ge=0.4e-6, le=1.8e-6, description="wavelength of the responsivity correction, m"
    )
    averaging: int = Field(10, ge=1, le=3000, description="samples averaged per reading")


class TemperatureControllerOptions(DriverOptions):
    """What bring-up sets on a stand-alone temperature controller."""

    target_c: float = Field(45.0, ge=-40, le=125, description="set point, C")
    current_limit_a: float = Field(8.0, gt=0, le=16, description="largest TEC current, A")


class PhaseShifterBankOptions(DriverOptions):
    """What a heater driver chain is made of."""

    channels: int = Field(8, ge=1, le=1024, description="heater channels of the whole chain")
    max_drive_v: float = Field(12.0, gt=0, le=12, description="highest drive, V")


class FanOptions(DriverOptions):
    """What a fan can do."""

    max_rpm: float = Field(4000.0, ge=100, le=4000, description="highest speed, RPM")


ROLE_OPTIONS: dict[str, type[DriverOptions]] = {
    "temperature_controller": TemperatureControllerOptions,
    "phase_shifter_bank": PhaseShifterBankOptions,
    "optical_power_meter": PowerMeterOptions,
    "laser": LaserOptions,
    "power_supply": PowerSupplyOptions,
    "fan": FanOptions,
    "photonic_processor": ProcessorOptions,
}
"""Role name -> what the options of every driver of that role contain."""
