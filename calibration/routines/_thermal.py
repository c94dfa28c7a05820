"""Routine `thermal`: the plant that the loop regulates, and the gains for it."""

from calibration.findings import Findings
from calibration.routines._routine import Device, Routine, Workplace
from calibration.thermal.procedure import identify_and_install, install
from calibration.thermal.result import ROUTINE, ThermalIdentification

__all__ = ["ThermalRoutine"]


class ThermalRoutine(Routine):
    """Heat capacities, TEC, fan, sensors; PID gains with their margins."""

    name = ROUTINE
    finds = "heat capacities and resistances, TEC, fan, sensor lags; gains and their margins"
    usual = False  # once per board: a chip is measured far more often than its heat sink
    before_lock = True

    def cost(self, place: Workplace) -> int:
        return 0

    async def run(self, place: Workplace) -> Findings:
        found = await identify_and_install(place.device, progress=place.progress)
        return found.to_findings()

    async def apply(self, device: Device, findings: Findings) -> None:
        await install(device, ThermalIdentification.from_findings(findings))

    def figures(self, findings: Findings) -> dict[str, float | int | str]:
        return ThermalIdentification.from_findings(findings).figures()
