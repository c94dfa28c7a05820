"""Routine `mesh`: every shifter, coupler and loss of an interferometer mesh."""

from collections.abc import Iterator

import numpy as np

from calibration.chip import mesh_of
from calibration.drift import DriftReport, check_chip
from calibration.faults import ChannelFault, Part
from calibration.findings import Findings
from calibration.mesh.procedure import CalibrationOptions, calibrate_chip
from calibration.result import ChipCalibration
from calibration.routines._routine import Move, Routine, Verdict, Workplace
from lumina.theory.mesh import MeshArchitecture

__all__ = ["MeshRoutine", "moves_in"]


class MeshRoutine(Routine):
    """The whole mesh, from a data sheet to a model that programs matrices."""

    name = "mesh"
    finds = "drive law, offset and drift of every phase shifter; couplers; loss; crosstalk"

    def applies(self, place: Workplace) -> bool:
        return isinstance(place.chip.architecture, MeshArchitecture)

    def cost(self, place: Workplace) -> int:
        mesh, tapped = mesh_of(place.chip), place.chip.taps > 0
        return options_for(place).measurements(mesh, tapped=tapped)

    async def run(self, place: Workplace) -> Findings:
        found = await calibrate_chip(
            place.chip, rng=place.rng, progress=place.progress, options=options_for(place)
        )
        await place.device.install(found)
        return found.to_findings()

    async def apply(self, place: Workplace, findings: Findings) -> None:
        await place.device.install(ChipCalibration.from_findings(findings))

    async def check(self, place: Workplace, findings: Findings) -> Verdict | None:
        known = ChipCalibration.from_findings(findings)
        report = await check_chip(place.chip, known, rng=place.rng, progress=place.progress)
        return Verdict(
            holds=report.holds,
            moves=tuple(moves_in(report)),
            figures={
                "transfer_error": report.transfer_error,
                "noise": report.noise,
                "largest_phase_rad": float(np.abs(report.drift.phase_rad[known.good]).max()),
                "measurements": report.measurements,
            },
            arrays={**report.drift._asdict(), "phase_moved": report.phase_moved},
        )

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


def moves_in(report: DriftReport) -> Iterator[Move]:
    """The channels that a check found moved."""
    drift = report.drift
    for channel in np.flatnonzero(report.phase_moved).tolist():
        by, sigma = float(drift.phase_rad[channel]), float(drift.phase_sigma_rad[channel])
        yield Move(Part.SHIFTER, channel, "phase_rad", by, sigma)
    for channel in np.flatnonzero(report.output_moved).tolist():
        by, sigma = float(drift.output_gain[channel]) - 1.0, float(drift.output_sigma[channel])
        yield Move(Part.OUTPUT, channel, "gain", by, sigma)


def options_for(place: Workplace) -> CalibrationOptions:
    """How much to measure: the defaults, at the device's own set point."""
    return CalibrationOptions(carrier_c=place.device.loop.config.setpoint_c)
