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
        found = ThermalIdentification.from_findings(findings)
        margins = [one.margins for one in found.tuning.margins]
        return {
            "duration_s": found.duration_s,
            "gain_margin_db": min(min(m.gain_db, m.gain_reduction_db) for m in margins),
            "phase_margin_deg": min(m.phase_deg for m in margins),
            "sensitivity": max(m.sensitivity for m in margins),
            "carrier_residual_k": found.channels["carrier_c"].residual_rms,
            **{name: getattr(found.model, name) for name in found.sigma},
            **{f"{name}_sigma": sigma for name, sigma in found.sigma.items()},
        }
