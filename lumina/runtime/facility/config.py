"""The section `facility` of a lab config."""

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["FacilityConfig"]

TOPIC = r"^[^#+/$\s][^#+\s]*$"


class FacilityConfig(BaseModel):
    """The room's cooling, which a bench reaches by an MQTT broker. Not encrypted."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    broker: str = Field(min_length=1, max_length=253, description="host name or IP address")
    port: int = Field(1883, ge=1, le=65535, description="TCP port of the broker")
    username: str = Field("", max_length=256, description="name to log in by; empty for none")
    password_variable: str = Field(
        "", max_length=256, description="environment variable that holds the password"
    )
    prefix: str = Field(
        "lumina", pattern=TOPIC, max_length=200, description="first part of every topic"
    )
    period_s: float = Field(1.0, ge=0.1, le=3600, description="time between two reports, s")
    inlet_topic: str = Field(
        "",
        pattern=rf"{TOPIC}|^$",
        max_length=200,
        description="topic of the inlet temperature; PREFIX/BENCH/inlet by default",
    )
    inlet_valid_s: float = Field(
        30.0, ge=0.1, le=3600, description="how long a told inlet temperature counts, s"
    )
    airflow_from: float = Field(
        0.5, ge=0, le=0.95, description="share of the fan's speed from which more air is asked for"
    )
