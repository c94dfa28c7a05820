"""How much a self-configuration measures."""

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["SelfConfigurationOptions"]


class SelfConfigurationOptions(BaseModel):
    """How often everything is looked at."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    repeats: int = Field(
        256, ge=1, le=65536, description="readings averaged of the output that is to go dark"
    )
    matrix_repeats: int = Field(
        256, ge=1, le=65536, description="measurements averaged of a whole matrix"
    )
    passes: int = Field(
        8, ge=1, le=20, description="most times that the whole mesh is gone through"
    )
