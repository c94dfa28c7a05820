"""Settings of drivers, as a lab config gives them under `options`.

Every role has a base model with the settings that bring-up applies to any instrument of
that role; a driver's own model adds what its instrument needs.
"""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from drivers.data_sheets import (
    E36312A_OUTPUTS,
    HMP4040_OUTPUTS,
    PM100D_WAVELENGTH_M,
    TSL570_POWER_W,
    TSL570_WAVELENGTH_M,
)

__all__ = [
    "ROLE_OPTIONS",
    "DriverOptions",
    "EbmpapstEcFanOptions",
    "FanOptions",
    "Keithley2450Options",
    "KeysightE36312aOptions",
    "KeysightN7744aOptions",
    "LabjackT7Options",
    "LaserOptions",
    "MeerstetterTec109xOptions",
    "PhaseShifterBankOptions",
    "PowerMeterOptions",
    "PowerSupplyOptions",
    "ProcessorOptions",
    "RohdeHmp4040Options",
    "SantecTsl570Options",
    "TemperatureControllerOptions",
    "Thermostat8451Options",
    "ThorlabsPm100dOptions",
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
    """What a heater driver chain is made of, and what it is wired to."""

    first_heater: int = Field(
        0, ge=0, le=4095, description="heater that the first channel is wired to"
    )
    channels: int = Field(8, ge=1, le=1024, description="heater channels of the whole chain")
    max_drive_v: float = Field(10.0, gt=0, le=12, description="highest drive, V")
    heater_ohm: float | None = Field(
        None, gt=0, le=1e6, description="data-sheet resistance of the heaters, ohm; null: unknown"
    )


class FanOptions(DriverOptions):
    """What a fan can do."""

    max_rpm: float = Field(4000.0, ge=100, le=4000, description="highest speed, RPM")


class EbmpapstEcFanOptions(FanOptions):
    """How an ebm-papst EC fan is reached, and what it does when nobody speaks to it."""

    unit: int = Field(1, ge=1, le=247, description="Modbus address, register D100")
    baud: Literal[9600, 19200, 38400, 57600, 115200] = Field(
        19200, description="bits per second, register D149"
    )
    parity: Literal["even", "odd", "none"] = Field(
        "even", description="register D14A; a pseudo-terminal takes none only"
    )
    password: str | None = Field(
        None,
        min_length=6,
        max_length=6,
        description="customer's password, for a fan that asks for one before its fail-safe is set",
    )
    fail_safe_rpm: float = Field(
        4000.0, ge=0, le=4000, description="speed when the host is silent, RPM"
    )
    fail_safe_s: float = Field(
        10.0, ge=0.5, le=25.5, description="silence until then, s; the driver speaks in between"
    )


class LabjackT7Options(PowerMeterOptions):
    """Photodiode amplifiers on the analog inputs of a LabJack T7, from AIN0 on."""

    channels: int = Field(4, ge=1, le=14, description="photodiodes; the first reads `port`")
    responsivity_a_per_w: float = Field(
        1.0, gt=0, le=2, description="of the photodiodes at 1.55 um, A/W"
    )
    transimpedance_v_per_a: float = Field(
        1e4, gt=0, le=1e12, description="gain of the amplifiers, V/A"
    )

    def volt_per_watt(self, wavelength_m: float) -> float:
        """Voltage by light of a wavelength: quantum efficiency constant, so R ~ wavelength."""
        responsivity_a_per_w = self.responsivity_a_per_w * wavelength_m / 1.55e-6
        return responsivity_a_per_w * self.transimpedance_v_per_a


class SantecTsl570Options(LaserOptions):
    """What bring-up sets on a TSL-570."""

    wavelength_m: float = Field(
        1.55e-6, ge=TSL570_WAVELENGTH_M[0], le=TSL570_WAVELENGTH_M[1], description="wavelength, m"
    )
    power_w: float = Field(
        0.01, ge=TSL570_POWER_W[0], le=TSL570_POWER_W[1], description="output power, W"
    )


class ThorlabsPm100dOptions(PowerMeterOptions):
    """What bring-up sets on a PM100D."""

    wavelength_m: float = Field(
        1.55e-6,
        ge=PM100D_WAVELENGTH_M[0],
        le=PM100D_WAVELENGTH_M[1],
        description="wavelength of the responsivity correction, m",
    )


class MeerstetterTec109xOptions(TemperatureControllerOptions):
    """How a TEC-109x is reached."""

    device_address: int = Field(
        0, ge=0, le=254, description="MeCom address, parameter 2051; 0 is whichever listens"
    )


class Thermostat8451Options(TemperatureControllerOptions):
    """What a Sinara Thermostat 8451 can drive."""

    current_limit_a: float = Field(2.0, gt=0, le=2, description="largest TEC current, A")


class KeysightE36312aOptions(PowerSupplyOptions):
    """What bring-up sets on the channel of an E36312A that feeds the board."""

    board_channel: int = Field(
        1, ge=1, le=len(E36312A_OUTPUTS), description="channel that feeds the board"
    )

    @model_validator(mode="after")
    def _within_the_channel(self) -> Self:
        voltage_v, current_a = E36312A_OUTPUTS[self.board_channel - 1]
        if self.voltage_v > voltage_v or self.current_limit_a > current_a:
            raise ValueError(
                f"channel {self.board_channel} gives up to {voltage_v:g} V and {current_a:g} A, "
                f"not {self.voltage_v:g} V and {self.current_limit_a:g} A"
            )
        return self


class KeysightN7744aOptions(PowerMeterOptions):
    """What bring-up sets on an N7744A; its first input looks at `port`, the next at the next."""

    channels: int = Field(4, ge=1, le=8, description="optical inputs; an N7745A has 8")


class Keithley2450Options(PhaseShifterBankOptions):
    """One heater on a source-measure unit that sources volts and measures current."""

    channels: int = Field(1, ge=1, le=1, description="a 2450 has one channel")
    current_limit_a: float = Field(0.1, gt=0, le=1.05, description="compliance, A")


class RohdeHmp4040Options(PowerSupplyOptions):
    """What bring-up sets on the channel of an HMP4040 that feeds the board."""

    board_channel: int = Field(1, ge=1, le=4, description="channel that feeds the board")
    voltage_v: float = Field(5.0, gt=0, le=HMP4040_OUTPUTS[0][0], description="output voltage, V")
    current_limit_a: float = Field(
        5.0, gt=0, le=HMP4040_OUTPUTS[0][1], description="current limit, A"
    )


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
