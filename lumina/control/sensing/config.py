"""What a lab config says about the thermometers."""

from pydantic import Field, model_validator

from lumina.control.section import Section
from lumina.control.sensing.records import SensorLaw
from lumina.theory.thermistor import ThermistorLaw

__all__ = ["RtdConfig", "SensorConfig", "SensorsConfig", "SteinhartHartConfig"]


class SteinhartHartConfig(Section):
    """A thermistor by Steinhart and Hart: 1/T = a + b ln R + c (ln R)^3."""

    a: float = Field(gt=0, le=0.01, description="constant term, 1/K")
    b: float = Field(gt=0, le=0.01, description="coefficient of ln(R / ohm), 1/K")
    c: float = Field(ge=0, le=1e-5, description="coefficient of ln(R / ohm)^3, 1/K")


class RtdConfig(Section):
    """A platinum resistance thermometer by Callendar and Van Dusen, IEC 60751."""

    resistance_0c_ohm: float = Field(
        1000.0, gt=0, le=1e5, description="resistance at 0 C, ohm: 100 of a PT100"
    )


class SensorConfig(Section):
    """One thermometer under a reference resistor: an NTC by the beta law unless told otherwise."""

    resistance_25c_ohm: float = Field(10e3, gt=0, le=1e7, description="NTC at 25 C, ohm")
    beta_k: float = Field(3435.0, ge=1000, le=10000, description="beta of the NTC, K")
    steinhart_hart: SteinhartHartConfig | None = Field(None, description="in place of the beta law")
    rtd: RtdConfig | None = Field(None, description="an RTD in place of an NTC")
    reference_ohm: float = Field(10e3, gt=0, le=1e7, description="divider's fixed resistor, ohm")

    @model_validator(mode="after")
    def _one_law(self) -> "SensorConfig":
        if self.steinhart_hart is not None and self.rtd is not None:
            raise ValueError("either steinhart_hart or rtd, not both")
        return self

    def law(self) -> tuple[SensorLaw, tuple[float, float, float]]:
        """The law and its coefficients, as a CHANNEL record has them."""
        if self.rtd is not None:
            return SensorLaw.RTD, (self.rtd.resistance_0c_ohm, 0.0, 0.0)
        if self.steinhart_hart is not None:
            given = self.steinhart_hart
            return SensorLaw.THERMISTOR, (given.a, given.b, given.c)
        return SensorLaw.THERMISTOR, ThermistorLaw.from_beta(self.resistance_25c_ohm, self.beta_k)


class SensorsConfig(Section):
    """The four thermometers of the sensor frame."""

    carrier_a: SensorConfig = Field(default_factory=SensorConfig)
    carrier_b: SensorConfig = Field(default_factory=SensorConfig)
    die: SensorConfig = Field(default_factory=SensorConfig)
    sink: SensorConfig = Field(default_factory=SensorConfig)

    def in_frame_order(self) -> tuple[SensorConfig, ...]:
        """carrier_a, carrier_b, die, sink."""
        return (self.carrier_a, self.carrier_b, self.die, self.sink)
