"""How an identification goes about it, and what it takes for good enough."""

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["ThermalOptions"]


class ThermalOptions(BaseModel):
    """Excitation, its bounds, and the least that a model and gains must be."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    carrier_c: float = Field(45.0, ge=0, le=90, description="set point to identify about, C")
    rate_k_per_s: float = Field(
        1.0, gt=0, le=10, description="how fast the carrier is moved by the larger steps, K/s"
    )
    excursion_k: float = Field(
        1.5, gt=0, le=10, description="how far the carrier is moved either way on purpose, K"
    )
    abort_k: float = Field(
        5.0,
        gt=0,
        le=20,
        description="distance of the carrier from where it is meant to be, at "
        "which the identification ends, K",
    )
    sink_limit_c: float = Field(
        70.0, ge=30, le=100, description="sink temperature at which the identification ends, C"
    )
    most_current: float = Field(
        0.7, gt=0, le=1, description="share of the TEC's current limit that is used at most"
    )
    worst_nrmse: float = Field(
        0.05,
        gt=0,
        le=1,
        description="residual of a temperature over its spread, above which "
        "the model is not this plant",
    )
    worst_sigma: float = Field(
        0.1,
        gt=0,
        le=1,
        description="relative standard error of a parameter, above which it is not known",
    )
    least_gain_margin_db: float = Field(
        6.0, ge=1, le=40, description="gain margin below which gains are refused, dB"
    )
    least_phase_margin_deg: float = Field(
        45.0, ge=5, le=90, description="phase margin below which gains are refused, degrees"
    )
