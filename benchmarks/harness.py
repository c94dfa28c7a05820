"""What a benchmark hands back: figures with their targets, and the machine they hold for."""

import math
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

__all__ = ["Benchmark", "Figure", "Machine", "describe_machine"]


@dataclass(frozen=True)
class Figure:
    """One measured number beside the number that it has to meet.

    Attributes:
        value: what this call measured.
        unit: unit of value and target.
        versus: what the value is compared with.
        target: the value to meet.
        better: on which side of the target the value holds; the target itself holds.
    """

    value: float
    unit: str
    versus: str
    target: float
    better: Literal["lower", "higher"]

    @property
    def holds(self) -> bool:
        """Whether the value meets the target; never for NaN."""
        if self.better == "lower":
            return self.value <= self.target
        return self.value >= self.target

    def document(self) -> dict[str, Any]:
        """The figure as it stands in the output of `lumina bench --json`.

        Raises:
            ValueError: value or target is not finite, which JSON cannot say.
        """
        if not (math.isfinite(self.value) and math.isfinite(self.target)):
            raise ValueError(f"not finite: value {self.value}, target {self.target}")
        return {
            "value": float(self.value),
            "unit": self.unit,
            "versus": self.versus,
            "target": float(self.target),
            "better": self.better,
            "holds": bool(self.holds),
        }


@dataclass(frozen=True)
class Machine:
    """Where the figures were measured.

    Attributes:
        processor: model name of the processor.
        cores: cores that this process may use.
        memory_gib: main memory, in GiB.
        system: kernel name and release.
        python: version of the interpreter.
        load_1min: runnable processes in the mean over the last minute, before the start.
    """

    processor: str
    cores: int
    memory_gib: float
    system: str
    python: str
    load_1min: float


@dataclass(frozen=True)
class Benchmark:
    """Every figure of one benchmark.

    Attributes:
        figures: name of a figure -> figure.
        machine: where they were measured.
    """

    figures: Mapping[str, Figure]
    machine: Machine

    def document(self) -> dict[str, Any]:
        """The benchmark as it stands in the output of `lumina bench --json`."""
        figures = {name: figure.document() for name, figure in self.figures.items()}
        return {"figures": figures, "machine": vars(self.machine)}


def describe_machine() -> Machine:
    """The machine that this process runs on."""
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Machine(
        processor=_processor_name(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(memory_bytes / 2**30, 1),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        load_1min=round(os.getloadavg()[0], 2),
    )


def _processor_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
