"""One calibration of a chip in another process, what it took, and what it is worth."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from benchmarks.chip_process import ChipElsewhere
from calibration.mesh.procedure import calibrate_chip
from calibration.model import between_ports
from calibration.result import CalibrationQuality, ChipCalibration
from lumina.theory.haar import haar_unitary

__all__ = ["Score", "Taken", "calibrated", "programmed", "reals", "unitaries", "unitary_chip"]

ComplexArray = NDArray[np.complex128]

SMALL_HEATERS: dict[str, Any] = {
    "chip.heater.pi_power_w": 2e-3,
    "chip.heater.thermal_k_per_w": 1670.0 * 12.5,
    "chip.heater.max_drive_v": 2.8,
}
"""For 1024 and more: with 25 mW each no TEC would hold the die. Undercut heaters need 2 mW."""


@dataclass(frozen=True)
class Taken:
    """A calibration and what it took."""

    known: ChipCalibration
    bench_s: float
    settings: int
    stages_s: Mapping[str, float]

    @property
    def quality(self) -> CalibrationQuality:
        """How it went."""
        assert self.known.quality is not None
        return self.known.quality

    def __str__(self) -> str:
        stages = ", ".join(f"{stage} {spent_s:.0f} s" for stage, spent_s in self.stages_s.items())
        measured = f"{self.settings} settings, {self.quality.measurements} matrices"
        return f"{measured}, {self.bench_s:.0f} s of bench time ({stages})"


class Score(NamedTuple):
    """What became of programmed matrices, in the mean."""

    fidelity: float
    error: float
    """Relative Frobenius error."""


def unitary_chip(ports: int) -> dict[str, Any]:
    """Overrides for a unitary mesh."""
    chip: dict[str, Any] = {"chip.ports": ports, "chip.kind": "unitary"}
    return chip | (SMALL_HEATERS if ports > 16 else {})


def calibrated(chip: ChipElsewhere) -> Taken:
    """Calibrate, and note the bench time of every stage."""
    began_s = last_s = chip.now_s()
    stages: dict[str, float] = {}

    def progress(stage: str, done: float) -> None:
        nonlocal last_s
        if done == 1.0:
            now_s = chip.now_s()
            stages[stage] = stages.get(stage, 0.0) + now_s - last_s
            last_s = now_s

    known = asyncio.run(calibrate_chip(chip, rng=np.random.default_rng(1), progress=progress))
    settings = sum(
        one.drive_v is not other.drive_v
        for one, other in zip(chip.looks[1:], chip.looks, strict=False)
    )
    return Taken(known, chip.now_s() - began_s, settings, stages)


def programmed(
    chip: ChipElsewhere, known: ChipCalibration, matrices: Sequence[ComplexArray]
) -> Score:
    """Program matrices by a calibration; what the chip then is."""
    chip.install(known)
    fidelities, errors = [], []
    for matrix in matrices:
        seen = between_ports(known, chip.programmed(matrix) + known.receiver_offset[:, None])
        overlap = abs(np.vdot(matrix, seen)) ** 2
        fidelities.append(overlap / np.vdot(matrix, matrix).real / np.vdot(seen, seen).real)
        errors.append(np.linalg.norm(seen - matrix) / np.linalg.norm(matrix))
    return Score(float(np.mean(fidelities)), float(np.mean(errors)))


def unitaries(ports: int, count: int) -> list[ComplexArray]:
    """Haar-random."""
    rng = np.random.default_rng(ports)
    return [haar_unitary(ports, rng) for _ in range(count)]


def reals(ports: int, count: int) -> list[ComplexArray]:
    """Gaussian, of spectral norm 1."""
    rng = np.random.default_rng(ports)
    return [gaussian(ports, rng) for _ in range(count)]


def gaussian(ports: int, rng: Generator) -> ComplexArray:
    """One of them."""
    plain = rng.standard_normal((ports, ports))
    return np.asarray(plain / np.linalg.norm(plain, 2), np.complex128)
