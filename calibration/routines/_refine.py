"""Routine `refine`: what measuring single matrices on the chip betters of the calibration."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from calibration.findings import Findings
from calibration.programming import Calibration
from calibration.programming.refining import Refinement
from calibration.result import ROUTINE as MESH
from calibration.result import ChipCalibration
from calibration.rings.result import ROUTINE as RINGS
from calibration.rings.result import BankCalibration
from calibration.routines._fidelity import a_matrix
from calibration.routines._routine import Routine, Workplace
from lumina.errors import CalibrationError

__all__ = ["RefineRoutine"]

MATRICES = 8
TYPICAL_MEASUREMENTS = 15000
"""Measurements of one refinement, roughly."""


class RefineRoutine(Routine):
    """Programs random matrices by the calibration, and refines each.

    It measures through the device, which holds phases meanwhile, and starts over where it was
    interrupted.
    """

    name = "refine"
    finds = "how far random matrices are bettered by what is measured of them on the chip"
    after = (MESH, RINGS)
    usual = False  # it is for judging: a refined matrix is not stored

    def cost(self, place: Workplace) -> int:
        return MATRICES * TYPICAL_MEASUREMENTS

    async def run(self, place: Workplace) -> Findings:
        known = calibration_in(place)
        await place.device.install(known)
        found: list[Refinement] = []
        for number in range(MATRICES):
            await place.device.load(matrix_for(known, place.rng))
            found.append(await place.device.refine())
            place.progress(self.name, (number + 1) / MATRICES)
        columns = ("error_before", "error_after", "uncertainty", "settings", "bench_s")
        table = {name: np.array([getattr(one, name) for one in found]) for name in columns}
        return Findings(self.name, 1, tables={"matrices": table})

    async def apply(self, place: Workplace, findings: Findings) -> None:
        """It is a measure of what refinement is worth, not for use."""

    def figures(self, findings: Findings) -> dict[str, float | int | str]:
        return {name: float(column.mean()) for name, column in findings.tables["matrices"].items()}


def calibration_in(place: Workplace) -> Calibration:
    """What is known of the chip.

    Raises:
        CalibrationError: nothing.
    """
    if MESH in place.known:
        return ChipCalibration.from_findings(place.known[MESH])
    if RINGS in place.known:
        return BankCalibration.from_findings(place.known[RINGS])
    raise CalibrationError(f"{place.device.name}: calibrate the chip first")


def matrix_for(known: Calibration, rng: Generator) -> NDArray[np.complex128]:
    """A random matrix that a chip of this kind computes."""
    if isinstance(known, ChipCalibration):
        return a_matrix(known.architecture, rng)
    ports = known.architecture.ports
    return rng.uniform(-1.0, 1.0, (ports, ports)).astype(np.complex128)
