"""Routine `drift`: the phases that have moved since the mesh was calibrated, and only those."""

from calibration.drift import DriftOptions, follow_drift
from calibration.findings import Findings
from calibration.result import ROUTINE as MESH
from calibration.result import ChipCalibration
from calibration.routines._mesh import moves_in
from calibration.routines._routine import Routine, Workplace
from lumina.errors import CalibrationError

__all__ = ["DriftRoutine"]


class DriftRoutine(Routine):
    """Brings a stored calibration of a mesh up to date, at a fraction of the cost of a new one."""

    name = "drift"
    finds = "phases that moved since the mesh was calibrated, refitted; all else is kept"
    after = (MESH,)
    usual = False

    def applies(self, place: Workplace) -> bool:
        return MESH in place.known

    def cost(self, place: Workplace) -> int:
        options = DriftOptions()
        return (options.settings + options.unseen) * options.repeats

    async def run(self, place: Workplace) -> Findings:
        known = ChipCalibration.from_findings(place.known[MESH])
        found, report = await follow_drift(
            place.chip, known, rng=place.rng, progress=place.progress
        )
        moves = list(moves_in(report))
        for move in moves:
            place.tell(str(move))
        if not moves:
            place.tell("nothing has moved")
        await place.device.install(found)
        return found.to_findings()

    async def apply(self, place: Workplace, findings: Findings) -> None:
        """Its findings are those of the mesh, and are applied as such.

        Raises:
            CalibrationError: always.
        """
        raise CalibrationError(f"{place.name}: {self.name} stores nothing under its own name")
