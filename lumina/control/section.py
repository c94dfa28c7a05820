"""The base of the controller's config sections."""

from pydantic import BaseModel, ConfigDict

__all__ = ["Section"]


class Section(BaseModel):
    """One section of a lab config: frozen, and without unknown or infinite fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
