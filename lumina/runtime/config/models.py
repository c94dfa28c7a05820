"""What a lab config says, and within which bounds."""

from pydantic import BaseModel, ConfigDict, Field, model_validator

from drivers.config import InstrumentConfig, Name
from lumina.control.config import ControlConfig, InstrumentsConfig
from lumina.runtime.config.cross_checks import cross_check
from lumina.runtime.config.files import DEFAULT_CONTROL
from lumina.runtime.facility.config import FacilityConfig
from twin.config import PlantConfig

__all__ = [
    "BenchConfig",
    "CalibrationConfig",
    "DisturbanceConfig",
    "JobConfig",
    "RecordConfig",
]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class DisturbanceConfig(_Section):
    """What the main job does to the bench while the digits are read."""

    ambient_step_k: float = Field(8.0, ge=-30, le=30, description="rise of room temperature, K")
    ambient_ramp_s: float = Field(20.0, ge=0.1, le=3600, description="time that the rise takes, s")
    compute_step_w: float = Field(15.0, ge=0, le=200, description="step of the compute load, W")
    dwell_s: float = Field(
        30.0, ge=0.1, le=36000, description="time under the full disturbance before reading, s"
    )


class JobConfig(_Section):
    """The main job: held-out digits read with matrix products in the light."""

    split_seed: int = Field(0, ge=0, le=2**31, description="seed of the train/test split")
    seeds: int = Field(5, ge=1, le=100, description="noise seeds that an accuracy is the mean of")
    lock_tolerance_k: float = Field(
        0.05, ge=0.001, le=5, description="deviation from the set point that counts as locked, K"
    )
    lock_timeout_s: float = Field(
        120.0, ge=1, le=3600, description="longest wait for the temperature to lock, s"
    )
    settle_s: float = Field(
        2.0, ge=0, le=600, description="time within the tolerance until the lock counts, s"
    )
    disturbance: DisturbanceConfig = Field(default_factory=DisturbanceConfig)


class RecordConfig(_Section):
    """What the run folder keeps."""

    rate_hz: float = Field(100.0, ge=10, le=1000, description="recorded frames per second, Hz")
    folder: str = Field(
        "runs", min_length=1, max_length=1000, description="folder that run folders are made in"
    )


class CalibrationConfig(_Section):
    """Where calibrations are kept, and how long they hold unseen."""

    folder: str | None = Field(
        None,
        min_length=1,
        max_length=1000,
        description="folder that calibrations are kept in; without it the command line keeps "
        "them in calibrations beside record.folder, and programs keep none",
    )
    max_age_h: float = Field(
        168.0, gt=0, le=1e5, description="age up to which bring-up uses a calibration, h"
    )
    max_carrier_k: float = Field(
        1.0,
        ge=0,
        le=50,
        description="distance of the carrier's set point from that of the calibration, up to "
        "which bring-up uses it, K",
    )
    watch_s: float = Field(
        0.0,
        ge=0,
        le=1e6,
        description="time between looks for drift while the bench runs, s; phases that moved "
        "are refitted; 0 to never look",
    )


class BenchConfig(_Section):
    """A bench: what stands on it, how it is controlled, what it runs."""

    name: Name = Field(description="short name of the bench, used in run folders")
    description: str = Field("", max_length=1000, description="what the bench is for")
    plants: dict[Name, PlantConfig] = Field(
        default_factory=dict, max_length=256, description="what the twins act on, by name"
    )
    control: dict[Name, ControlConfig] = Field(
        default_factory=dict,
        description="the 1 kHz loop of each processor, by its name; 'default' holds for all; "
        "and the loop over a TEC controller and a fan, by the controller's name",
    )
    instruments: dict[Name, InstrumentConfig] = Field(
        max_length=256, description="the instruments on the bench, by name"
    )
    job: JobConfig = Field(default_factory=JobConfig)
    calibration: CalibrationConfig = Field(default_factory=CalibrationConfig)
    record: RecordConfig = Field(default_factory=RecordConfig)
    facility: FacilityConfig | None = Field(
        None, description="the room's cooling, over MQTT; none by default"
    )

    @model_validator(mode="after")
    def _consistent(self) -> "BenchConfig":
        cross_check(self)
        return self

    def by_role(self, role: str) -> dict[str, InstrumentConfig]:
        """The instruments that play a role, by name, in the order of the file."""
        return {n: i for n, i in self.instruments.items() if i.entry.role == role}

    @property
    def processors(self) -> dict[str, InstrumentConfig]:
        """The photonic processors, by name."""
        return self.by_role("photonic_processor")

    @property
    def instrument_loops(self) -> dict[str, InstrumentsConfig]:
        """The loops over stand-alone instruments, by their TEC controllers' names."""
        controllers = self.by_role("temperature_controller")
        return {
            name: control.instruments
            for name, control in self.control.items()
            if name in controllers and control.instruments is not None
        }

    def control_for(self, processor: str) -> ControlConfig:
        """What the loop of one processor is told."""
        return self.control.get(processor) or self.control.get(DEFAULT_CONTROL) or ControlConfig()
