"""Routine `fidelity`: what programmed matrices come out as, before and after calibration."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from calibration.findings import Findings
from calibration.model import between_ports
from calibration.result import ROUTINE as MESH
from calibration.result import ChipCalibration
from calibration.routines._routine import Routine, Workplace
from lumina.errors import CalibrationError
from lumina.theory.fidelity import fidelity
from lumina.theory.haar import haar_unitary
from lumina.theory.mesh import MeshArchitecture

__all__ = ["FidelityRoutine"]

ComplexArray = NDArray[np.complex128]

MATRICES = 8
REPEATS = 8
"""Measurements averaged of each programmed matrix, so that noise does not count as error."""


class FidelityRoutine(Routine):
    """Programs random matrices with the data sheet and with the calibration, and looks."""

    name = "fidelity"
    finds = "how well random matrices come out, by the data sheet and by the calibration"
    after = (MESH,)

    def applies(self, place: Workplace) -> bool:
        return isinstance(place.chip.architecture, MeshArchitecture)

    def cost(self, place: Workplace) -> int:
        return 2 * MATRICES * REPEATS

    async def run(self, place: Workplace) -> Findings:
        if MESH not in place.known:
            raise CalibrationError(f"{place.device.name}: calibrate the mesh first")
        device, known = place.device, ChipCalibration.from_findings(place.known[MESH])
        wanted = [a_matrix(known.architecture, place.rng) for _ in range(MATRICES)]
        sheet = device.data_sheet()
        assert isinstance(sheet, ChipCalibration)
        seen = {
            name: await self._seen(name, calibration, wanted, place)
            for name, calibration in (("before", sheet), ("after", known))
        }
        table = {
            f"{figure}_{name}": np.array([of(w, s) for w, s in zip(wanted, matrices, strict=True)])
            for name, matrices in seen.items()
            for figure, of in (("fidelity", fidelity), ("error", relative_error))
        }
        return Findings(self.name, 1, tables={"matrices": table})

    async def _seen(
        self, name: str, calibration: ChipCalibration, wanted: list[ComplexArray], place: Workplace
    ) -> list[ComplexArray]:
        """The matrices as measured, programmed with one calibration."""
        await place.device.install(calibration)
        seen = []
        for number, matrix in enumerate(wanted):
            await place.device.load(matrix)
            transfer = await place.chip.measure_transfer(REPEATS)
            seen.append(between_ports(calibration, transfer) * np.linalg.norm(matrix, 2))
            place.progress(name, (number + 1) / len(wanted))
        return seen

    async def apply(self, place: Workplace, findings: Findings) -> None:
        """It is a measure of the mesh's findings, not for use."""

    def figures(self, findings: Findings) -> dict[str, float | int | str]:
        return {name: float(column.mean()) for name, column in findings.tables["matrices"].items()}


def a_matrix(architecture: MeshArchitecture, rng: Generator) -> ComplexArray:
    """A random matrix that a perfect chip of this kind computes: real for "svd", else Haar."""
    ports = architecture.ports
    if architecture.kind != "svd":
        return haar_unitary(ports, rng)
    plain = rng.standard_normal((ports, ports)).astype(complex)
    return np.asarray(plain / np.linalg.norm(plain, 2))


def relative_error(wanted: ComplexArray, seen: ComplexArray) -> float:
    """Relative Frobenius error, with phase and size counted."""
    return float(np.linalg.norm(seen - wanted) / np.linalg.norm(wanted))
