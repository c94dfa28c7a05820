"""How instruments come out of the factory: what their data sheets allow, as validated sections.

What one instrument makes of it is drawn by the chip seed and its name, and stays with it. As
long as `errors` is 0 they are perfect.
Sources of defaults: [P] data sheet, [T] textbook value.
"""

from typing import Any, Self

from pydantic import Field

from twin.config_optics import Section

__all__ = ["HeaterDriverConfig", "InstrumentsConfig", "LaserMakeConfig", "PhotodiodeConfig"]


class LaserMakeConfig(Section):
    """A tunable laser: what it emits for what it is set to, and what its own meter sees."""

    power_spread: float = Field(
        0.02, ge=0, le=0.2, description="relative sigma of the power's scale [T]"
    )
    power_offset_w: float = Field(
        1e-6, ge=0, le=1e-3, description="sigma of what is emitted beside that, W [T]"
    )
    power_bow: float = Field(
        0.003, ge=0, le=0.1, description="sigma of the bow at half power, of the largest power [T]"
    )
    meter_spread: float = Field(
        0.01, ge=0, le=0.2, description="relative sigma of its own meter's scale [T]"
    )
    wavelength_offset_m: float = Field(
        1e-12, ge=0, le=1e-9, description="sigma of the wavelength's offset, m; within 2 pm [T]"
    )
    wavelength_repeat_m: float = Field(
        3e-13, ge=0, le=1e-10, description="rms at which it comes back to a wavelength, m [T]"
    )


class PhotodiodeConfig(Section):
    """Amplified photodiodes on the inputs of a data acquisition unit."""

    spread: float = Field(
        0.05, ge=0, le=0.2, description="relative sigma of diode and amplifier together [T]"
    )
    dark_current_a: float = Field(
        1e-8, ge=0, le=1e-3, description="largest dark current, A; 0.1-100 nA [P]"
    )
    bow: float = Field(
        0.002, ge=0, le=0.1, description="sigma of the loss of gain at full scale, relative [T]"
    )


class HeaterDriverConfig(Section):
    """A voltage source with meters: gains and offsets of what it makes and of what it reads."""

    drive_spread: float = Field(
        1e-3, ge=0, le=0.1, description="relative sigma of the voltage's scale [T]"
    )
    drive_offset_v: float = Field(
        2e-3, ge=0, le=1, description="sigma of the voltage's offset where it is on, V [T]"
    )
    read_spread: float = Field(
        5e-4, ge=0, le=0.1, description="relative sigma of the voltage reading's scale [T]"
    )
    read_offset_v: float = Field(
        1e-3, ge=0, le=1, description="sigma of the voltage reading's offset, V [T]"
    )
    read_noise_v: float = Field(2e-4, ge=0, le=1, description="rms of a voltage reading, V [T]")
    current_spread: float = Field(
        1e-3, ge=0, le=0.1, description="relative sigma of the current reading's scale [T]"
    )
    current_offset_a: float = Field(
        2e-6, ge=0, le=1, description="sigma of the current reading's zero, A [T]"
    )
    current_noise_a: float = Field(1e-6, ge=0, le=1, description="rms of a current reading, A [T]")


# Half of what is guaranteed for a year: 0.015 % + 2.4 mV of the 20 V source range, 0.015 % +
# 1 mV of what it reads there, 0.025 % + 6 uA and 100 nA of noise of the 100 mA range.
_SOURCE_METER = HeaterDriverConfig(
    drive_spread=7.5e-5,
    drive_offset_v=1.2e-3,
    read_spread=7.5e-5,
    read_offset_v=5e-4,
    read_noise_v=1e-5,
    current_spread=1.25e-4,
    current_offset_a=3e-6,
    current_noise_a=1e-7,
)


class InstrumentsConfig(Section):
    """The instruments around a chip."""

    errors: float = Field(
        0.0,
        ge=0,
        le=4,
        description="share of the errors below that they have: 0 none, 1 what data sheets allow",
    )
    laser: LaserMakeConfig = Field(default_factory=LaserMakeConfig)
    photodiodes: PhotodiodeConfig = Field(default_factory=PhotodiodeConfig)
    pm100d_spread: float = Field(
        0.025, ge=0, le=0.2, description="relative sigma of a PM100D with S154C; within 5 % [P]"
    )
    n7744a_spread: float = Field(
        0.0125, ge=0, le=0.2, description="relative sigma of an N7744A's inputs; within 2.5 % [P]"
    )
    heater_drivers: HeaterDriverConfig = Field(
        default_factory=HeaterDriverConfig, description="a chain of Q8iv"
    )
    source_meter: HeaterDriverConfig = Field(
        _SOURCE_METER, description="a 2450, by its data sheet [P]"
    )

    def as_made(self) -> Self:
        """Every error in the share that they have of it."""
        if self.errors == 1.0:
            return self

        def scaled(section: Section) -> dict[str, Any]:
            return {
                name: value.model_copy(update=scaled(value))
                if isinstance(value, Section)
                else self.errors * value
                for name, value in section
            }

        return self.model_copy(update=scaled(self) | {"errors": 1.0})
