"""Routine `rings`: every ring of a weight bank, its resonance, its drift, its neighbours."""

import numpy as np

from calibration.findings import Findings
from calibration.rings import BankCalibration, BankOptions, calibrate_bank
from calibration.rings.plan import tuning_rad
from calibration.routines._routine import Routine, Workplace
from lumina.theory.rings import WeightBank

__all__ = ["RingsRoutine"]


class RingsRoutine(Routine):
    """The whole bank, from a data sheet to a model that programs weights."""

    name = "rings"
    finds = "resonance, width, drift and drive law of every ring; its channel; crosstalk"

    def applies(self, place: Workplace) -> bool:
        return isinstance(place.chip.architecture, WeightBank)

    def cost(self, place: Workplace) -> int:
        bank = place.chip.architecture
        return options_for(place).measurements(bank) if isinstance(bank, WeightBank) else 0

    async def run(self, place: Workplace) -> Findings:
        found = await calibrate_bank(
            place.chip, rng=place.rng, progress=place.progress, options=options_for(place)
        )
        await place.device.install(found)
        return found.to_findings()

    async def apply(self, place: Workplace, findings: Findings) -> None:
        await place.device.install(BankCalibration.from_findings(findings))

    def figures(self, findings: Findings) -> dict[str, float | int | str]:
        found = BankCalibration.from_findings(findings)
        by_number = np.arange(found.architecture.shifters) % found.architecture.ports
        return {
            "weight_error": found.weight_error,
            "phase_uncertainty_rad": float(np.median(found.phase_uncertainty_rad)),
            "drift_rad_per_k": float(found.tempco_rad_per_k.mean()),
            "tuning_rad": float(tuning_rad(found, found.channel).mean()),
            "tuning_by_number_rad": float(tuning_rad(found, by_number).mean()),
            "rings": found.architecture.shifters,
        }


def options_for(place: Workplace) -> BankOptions:
    """How much to measure: the defaults, at the device's own set point."""
    return BankOptions(carrier_c=place.device.loop.config.setpoint_c)
