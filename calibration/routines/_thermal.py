"""Routine `thermal`: the plant that the loop regulates, and the gains for it."""

from calibration.findings import Findings
from calibration.routines._routine import Move, Routine, Verdict, Workplace
from calibration.thermal.check import check_response
from calibration.thermal.procedure import identify_and_install, install
from calibration.thermal.result import ROUTINE, ThermalIdentification

__all__ = ["ThermalRoutine"]

GAIN_SIGMA, PHASE_SIGMA_DEG = 0.015, 0.5
"""What a few swings of a relay tell: the harmonics of the square limit it, not the noise."""

MOVED = 4.0
"""Sigmas from which something has moved."""


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

    async def apply(self, place: Workplace, findings: Findings) -> None:
        await install(place.device, ThermalIdentification.from_findings(findings))

    async def check(self, place: Workplace, findings: Findings) -> Verdict | None:
        found = ThermalIdentification.from_findings(findings)
        seen = await check_response(place.device, found, place.progress)
        moves = [
            Move("carrier loop", None, quantity, by, sigma)
            for quantity, by, sigma in (
                ("response_share", seen.gain_share, GAIN_SIGMA),
                ("response_turned_deg", seen.turned_deg, PHASE_SIGMA_DEG),
            )
            if abs(by) > MOVED * sigma
        ]
        figures = {
            "response_share": 1.0 + seen.gain_share,
            "response_turned_deg": seen.turned_deg,
            "swing_period_s": seen.swing.period_s,
        }
        return Verdict(holds=not moves, moves=tuple(moves), figures=figures)

    def figures(self, findings: Findings) -> dict[str, float | int | str]:
        return ThermalIdentification.from_findings(findings).figures()
