"""What taps inside a mesh are worth: the same chip calibrated with and without using them.

The chip is that of lab_configs/tapped.yaml, as a unitary mesh. Its taps take their share of the
light either way.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.calibration_runs import (
    Score,
    Taken,
    calibrated,
    programmed,
    unitaries,
    unitary_chip,
)
from benchmarks.chip_process import chip_elsewhere
from benchmarks.harness import Figure
from calibration.faults import Fault, Part
from calibration.heaters import phases_rad
from calibration.result import ChipCalibration

__all__ = ["figures"]

FIDELITY = {8: 0.9995, 16: 0.999}
"""Ports, and the least mean fidelity that the calibration of any chip has to reach."""

DRAWS = 100

TAPS: dict[str, Any] = {"chip.taps.share": 0.01, "chip.taps.noise_share": 0.01}

WRONG: dict[str, Any] = {
    "wiring.dead_taps": (5,),
    "wiring.hot_taps": (16,),
    "wiring.swapped_taps": ((22, 41),),
}
NAMED = {
    (Part.TAP, 5): Fault.DEAD,
    (Part.TAP, 16): Fault.SATURATED,
    (Part.TAP, 22): Fault.SWAPPED,
    (Part.TAP, 41): Fault.SWAPPED,
}


class Tried(NamedTuple):
    """One calibration, and what it is worth."""

    taken: Taken
    score: Score
    off_rad: float
    """Rms error of the phases, heaters off, beside what no light tells."""

    def __str__(self) -> str:
        worth = f"fidelity {self.score.fidelity:.5f}, phases off by {1e3 * self.off_rad:.1f} mrad"
        return f"{self.taken}; {worth}"


def figures() -> dict[str, Figure]:
    """Settings, matrices, bench time and fidelity with taps, against those without."""
    found: dict[str, Figure] = {}
    for ports, least in FIDELITY.items():
        tapped, plain = (tried(ports, use_taps=use) for use in (True, False))
        found |= compared(ports, least, tapped, plain)
    return found | with_faults()


def compared(ports: int, least: float, tapped: Tried, plain: Tried) -> dict[str, Figure]:
    """The figures at one number of ports."""
    by_outputs = f"by outputs alone: {plain}"
    return {
        f"tapped_fidelity_{ports}": Figure(
            tapped.score.fidelity,
            "1",
            f"mean of {DRAWS} Haar unitaries; {tapped}; {by_outputs}",
            least,
            "higher",
        ),
        f"tapped_infidelity_{ports}": Figure(
            (1.0 - tapped.score.fidelity) / (1.0 - plain.score.fidelity),
            "1",
            "infidelity over that of the same chip calibrated by its outputs alone",
            1.1,
            "lower",
        ),
        f"tapped_settings_{ports}": Figure(
            tapped.taken.settings / plain.taken.settings,
            "1",
            f"{tapped.taken.settings} settings over {plain.taken.settings} by outputs alone",
            0.5,
            "lower",
        ),
        f"tapped_matrices_{ports}": Figure(
            tapped.taken.quality.measurements / plain.taken.quality.measurements,
            "1",
            f"{tapped.taken.quality.measurements} transfer matrices over "
            f"{plain.taken.quality.measurements}; readings of taps come on top",
            1.0,
            "lower",
        ),
    }


def tried(ports: int, *, use_taps: bool) -> Tried:
    """Calibrate the chip once."""
    with chip_elsewhere(unitary_chip(ports) | TAPS, use_taps=use_taps) as chip:
        taken = calibrated(chip)
        score = programmed(chip, taken.known, unitaries(ports, DRAWS))
        chip.all_off()
        off_rad = phase_error_rad(taken.known, chip.truth()["phase_rad"], chip.die_c())
    return Tried(taken, score, off_rad)


def phase_error_rad(known: ChipCalibration, there_rad: NDArray[np.float64], die_c: float) -> float:
    """Rms error of all phases with heaters off; what all outputs share is the light's own."""
    told = phases_rad(known, np.zeros(len(there_rad)), die_c - known.reference_die_c)
    turn = np.exp(1j * (told - there_rad))
    last = turn[-known.architecture.ports :]
    last *= np.conj(last.mean()) / abs(last.mean())
    return float(np.sqrt(np.mean(np.angle(turn) ** 2)))


def with_faults() -> dict[str, Figure]:
    """Settings of a chip some of whose taps are at fault, all of which are named."""
    with chip_elsewhere(unitary_chip(8) | TAPS | WRONG) as chip:
        taken = calibrated(chip)
    named = {(fault.part, fault.channel): fault.fault for fault in taken.known.faults}
    return {
        "tapped_faults": Figure(
            len(NAMED.items() & named.items()) - len(named.items() - NAMED.items()),
            "taps named",
            "a dead, a saturated and two swapped taps of 56, less what is named wrongly; "
            f"transfer known to {taken.quality.transfer_error:.1%}; {taken}",
            len(NAMED),
            "higher",
        )
    }
