"""What a lab config says about one instrument, and the driver that it becomes."""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, field_validator
from pydantic_core.core_schema import ValidationInfo

from drivers.interfaces import Instrument
from drivers.options import DriverOptions
from drivers.registry import Backend, DriverEntry, Mounting, registry
from lumina.errors import UsageError

if TYPE_CHECKING:
    from drivers.twin.pace import Pace
    from twin.plant import Plant

__all__ = ["InstrumentConfig", "Name", "build_instrument"]

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=32)]
"""Name of an instrument or a plant."""


class InstrumentConfig(BaseModel):
    """One instrument of a bench: its driver, and who answers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    driver: str = Field(description="driver name; `lumina devices` lists them")
    backend: Backend = Field(Backend.TWIN, description="who answers to the driver's calls")
    plant: Name = Field("main", description="plant that its twin acts on")
    address: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="where the instrument is: /dev/ttyUSB0, tcp://192.168.1.20:5025 or a VISA "
        "resource; needed by the hardware backend",
    )
    options: SerializeAsAny[DriverOptions] = Field(
        default_factory=DriverOptions, validate_default=True, description="the driver's settings"
    )

    @property
    def entry(self) -> DriverEntry:
        """The driver."""
        return registry().entry(self.driver)

    @field_validator("driver")
    @classmethod
    def _known_driver(cls, driver: str) -> str:
        return registry().entry(driver).name

    @field_validator("options", mode="before")
    @classmethod
    def _options_of_the_driver(cls, value: Any, info: ValidationInfo) -> DriverOptions:
        driver = info.data.get("driver")
        if driver is None:  # an unknown driver is reported already: nothing to judge by
            return DriverOptions()
        given = value.model_dump() if isinstance(value, DriverOptions) else value
        return registry().entry(driver).options.model_validate(given, strict=True)


def build_instrument(
    name: str, config: InstrumentConfig, plant: "Plant | None", pace: "Pace | None" = None
) -> Instrument:
    """The driver of one configured instrument, not yet connected.

    Args:
        name: the instrument's name in the lab config.
        config: what the lab config says about it.
        plant: the plant that `config.plant` names; needed by the twin backend only.
        pace: of that plant, where no board's loop advances it.

    Raises:
        UsageError: the driver has no such backend, or no plant is given for a twin.
    """
    factory = config.entry.factory(config.backend)
    if config.backend is not Backend.TWIN:
        return factory(Mounting(name, config.options, None, config.address))
    if plant is None:
        raise UsageError(f"{name}: its twin needs a plant")
    return factory(Mounting(name, config.options, plant, None, pace))
