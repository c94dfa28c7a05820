"""How much a refinement measures."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["RefineOptions", "SlopeSource"]


class SlopeSource(StrEnum):
    """Where a refinement has from how the matrix answers to each heater."""

    MODEL = "model"
    """From the calibration."""
    MEASURED = "measured"
    """From the chip: every heater is turned once, by half a turn. Interferometers only."""
    EITHER = "either"
    """From the calibration; where that leads nowhere, from the chip."""


class RefineOptions(BaseModel):
    """How much to measure, and by what to go."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slopes: SlopeSource = Field(
        SlopeSource.EITHER, description="where the answer of the matrix to each heater is from"
    )
    least_repeats: int = Field(
        64, ge=2, le=65536, description="measurements averaged per look at the beginning"
    )
    most_repeats: int = Field(
        4096, ge=2, le=65536, description="the same at most: the noise that is left ends it"
    )
    slope_repeats: int = Field(
        32, ge=1, le=65536, description="measurements averaged per heater for measured slopes"
    )
    steps: int = Field(40, ge=1, le=1000, description="most settings that are tried")
    sigmas: float = Field(
        3.0, ge=1, le=10, description="uncertainties by which a setting must be the better one"
    )
