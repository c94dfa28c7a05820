"""What a world of simulated instruments is described by; JSON carries it between processes."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from drivers.config import InstrumentConfig, Name
from firmware_sim.faults import FaultPlan
from twin.config import PlantConfig

__all__ = ["LOOPBACK", "InstrumentDescription", "PlantDescription", "WorldDescription"]

LOOPBACK = "127.0.0.1"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class PlantDescription(_Section):
    """One plant, and what its noise and its chip are drawn from."""

    config: PlantConfig = Field(description="its parts")
    seed: int = Field(0, ge=0, description="seed of its noise")
    chip_seed: int = Field(0, ge=0, description="identity of its chip")


class InstrumentDescription(_Section):
    """One simulated instrument: what it is, and how it is served."""

    config: InstrumentConfig = Field(description="its driver, plant and options")
    served: Literal["pty", "tcp"] | None = Field(
        None, description="pty or tcp; as the real one is connected by default"
    )
    port: int = Field(0, ge=0, le=65535, description="TCP port; 0 takes any free one")
    faults: FaultPlan = Field(default_factory=FaultPlan, description="what goes wrong by itself")


class WorldDescription(_Section):
    """Plants, and the instruments around them."""

    plants: dict[Name, PlantDescription] = Field(description="plants by name")
    instruments: dict[Name, InstrumentDescription] = Field(description="instruments by name")
    host: str = Field(LOOPBACK, description="interface to listen on; the loopback by default")
