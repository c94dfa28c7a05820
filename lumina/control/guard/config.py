"""What a lab config says about the guard."""

from pydantic import Field, model_validator

from lumina.control.section import Section

__all__ = ["GuardConfig"]


class GuardConfig(Section):
    """The thermal guard: tiers of die, carrier and sink, and limits of its watches.

    Die and carrier share their tiers; the die is judged on its lag-corrected temperature.
    """

    warning_c: float = Field(75.0, ge=30, le=150, description="throttling starts, C")
    critical_c: float = Field(85.0, ge=30, le=150, description="operations are refused, C")
    emergency_c: float = Field(95.0, ge=30, le=150, description="latched shutdown, C")
    sink_warning_c: float = Field(70.0, ge=30, le=150, description="of the sink: throttling, C")
    sink_critical_c: float = Field(80.0, ge=30, le=150, description="of the sink: refusal, C")
    sink_emergency_c: float = Field(90.0, ge=30, le=150, description="of the sink: shutdown, C")
    hysteresis_k: float = Field(2.0, ge=0, le=20, description="cooling needed to leave a tier, K")
    horizon_s: float = Field(
        0.5, ge=0, le=10, description="a die that at its rise is too hot in so long is so now, s"
    )
    blind_ticks: int = Field(
        5, ge=1, le=1000, description="ticks without a believable die sensor until shutdown"
    )
    disagreement_k: float = Field(
        0.5, gt=0, le=20, description="difference of the carrier's sensors that means a lie, K"
    )
    noise_limit_k: float = Field(
        0.05, gt=0, le=10, description="what a reading may go to and fro per tick, in the mean, K"
    )
    unknown_heat_w: float = Field(
        10.0, gt=0, le=1000, description="heat into the die that may go unmetered, W"
    )
    heartbeat_s: float = Field(
        10.0,
        ge=0,
        le=3600,
        description="silence of the host until shutdown, s; 0 for a host that may be silent",
    )

    @model_validator(mode="after")
    def _tiers_rise(self) -> "GuardConfig":
        if not self.warning_c < self.critical_c < self.emergency_c:
            raise ValueError("tiers must rise: warning_c < critical_c < emergency_c")
        if not self.sink_warning_c < self.sink_critical_c < self.sink_emergency_c:
            raise ValueError("tiers must rise: sink_warning_c < sink_critical_c < sink_emergency_c")
        return self
