"""Routine `mesh`: every shifter, coupler and loss of an interferometer mesh."""

from calibration.findings import Findings
from calibration.mesh.procedure import CalibrationOptions, calibrate_chip
from calibration.result import ChannelFault, ChipCalibration
from calibration.routines._routine import Device, Routine, Workplace

__all__ = ["MeshRoutine"]


class MeshRoutine(Routine):
    """The whole mesh, from a data sheet to a model that programs matrices."""

    name = "mesh"
    finds = "drive law, offset and drift of every phase shifter; couplers; loss; crosstalk"

    def cost(self, place: Workplace) -> int:
        return options_for(place).measurements(place.chip.architecture)

    async def run(self, place: Workplace) -> Findings:
        found = await calibrate_chip(
            place.chip, rng=place.rng, progress=place.progress, options=options_for(place)
        )
        await place.device.install(found)
        return found.to_findings()

    async def apply(self, device: Device, findings: Findings) -> None:
        await device.install(ChipCalibration.from_findings(findings))

    def faults(self, findings: Findings) -> tuple[ChannelFault, ...]:
        return ChipCalibration.from_findings(findings).faults

    def figures(self, findings: Findings) -> dict[str, float | int | str]:
        found = ChipCalibration.from_findings(findings)
        if found.quality is None:
            return {}
        return {
            "transfer_error": found.quality.transfer_error,
            "residual_rad": found.quality.residual_rad,
            "shifters": found.architecture.shifters,
            "shifters_good": int(found.good.sum()),
        }


def options_for(place: Workplace) -> CalibrationOptions:
    """How much to measure: the defaults, at the device's own set point."""
    return CalibrationOptions(carrier_c=place.device.loop.config.setpoint_c)
