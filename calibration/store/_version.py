"""One version of a calibration, and where its parts come from."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from calibration.findings import Findings
from lumina.errors import CalibrationError

__all__ = ["Chip", "Provenance", "Section", "StoredCalibration"]


class _Record(BaseModel):
    # A later version of the product may add fields; this one reads past them.
    model_config = ConfigDict(frozen=True, extra="ignore")


class Chip(_Record):
    """Which chip: the board's identity."""

    manufacturer: str
    model: str
    serial: str

    def __str__(self) -> str:
        return f"{self.manufacturer} {self.model}, serial {self.serial}"


class Provenance(_Record):
    """How findings came about."""

    routine: str = Field("", description="routine that measured")
    measured: datetime = Field(description="wall-clock end of the measurement, with time zone")
    run: str = Field(description="path of the run folder")
    raw: str | None = Field(None, description="raw measurements, a file of the run folder")
    raw_sha256: str | None = Field(None, description="SHA-256 of that file")
    measurements: int = Field(
        0, description="transfer matrices measured, or readings of instruments, repeats counted"
    )
    bench_time_s: float = Field(0.0, description="bench time that the routine took, s")
    carrier_c: float | None = Field(description="carrier set point, C; null where none is held")
    die_c: float | None = Field(description="die temperature at the end, C; null if not known")
    backend: str = Field(description="who answered for the board")
    virtual: bool = Field(False, description="whether time was virtual")
    seed: int | None = Field(None, description="seed of noise and of the routine's choices")
    chip_seed: int | None = Field(None, description="identity of a simulated chip")
    command: tuple[str, ...] = Field((), description="command line")
    config_sha256: str = Field(description="SHA-256 of the lab config in force")
    versions: dict[str, str] = Field(default_factory=dict, description="package -> version")
    revision: str | None = Field(None, description="commit of the code, + if it was modified")
    instruments: dict[str, str] = Field(
        default_factory=dict, description="instrument -> manufacturer, model, serial, firmware"
    )


@dataclass(frozen=True)
class Section:
    """What one routine found, and how."""

    findings: Findings
    provenance: Provenance


@dataclass(frozen=True)
class StoredCalibration:
    """One version.

    Attributes:
        path: its file.
        version: from 1.
        bench: the lab config's name.
        device: the processor's name in it; the plant's where there is no processor.
        chip: whose calibration it is.
        created: wall-clock time at which it was stored.
        sections: what is known, by routine.
    """

    path: Path
    version: int
    bench: str
    device: str
    chip: Chip
    created: datetime
    sections: Mapping[str, Section]

    def require(self, chip: Chip) -> None:
        """Refuse it for another chip.

        Raises:
            CalibrationError: it is of another one.
        """
        if self.chip.serial != chip.serial or self.chip.model != chip.model:
            raise CalibrationError(f"{self.path} is of another chip: {self.chip}, not {chip}")

    def summary(self) -> dict[str, Any]:
        """What identifies it, as plain values."""
        measured = {
            name: section.provenance.measured.isoformat() for name, section in self.sections.items()
        }
        return {
            "file": str(self.path),
            "version": self.version,
            "chip": self.chip.serial,
            "measured": measured,
        }
