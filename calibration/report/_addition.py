"""From a run folder to the parts of its report that are about calibration."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Any

from calibration.findings import Findings
from calibration.report import _charts as charts
from calibration.report import _tables as tables
from calibration.report._instruments import instrument_section
from calibration.report._rings import bank_sections, bank_tiles
from calibration.report._thermal import thermal_sections, thermal_tiles
from calibration.result import ROUTINE as MESH
from calibration.result import ChipCalibration
from calibration.rings import BankCalibration
from calibration.rings.result import ROUTINE as RINGS
from calibration.routines import InstrumentRoutine, Routine, routine
from calibration.store import CalibrationStore, Section, StoredCalibration
from calibration.tape import Looks, looks_on, read_tape
from calibration.thermal.result import ROUTINE as THERMAL
from calibration.thermal.result import ThermalIdentification
from lumina.errors import CalibrationError, StoreError
from lumina.store import RunRecord
from lumina.store.report import Addition, kit

__all__ = ["calibration_addition"]


@dataclass(frozen=True)
class _Device:
    """What a run has found of one device, and what it had found when it was cut short."""

    name: str
    sections: Mapping[str, Section]
    results: Mapping[str, Any]

    @property
    def mesh(self) -> ChipCalibration | None:
        """The mesh, if it was measured in this run."""
        section = self.sections.get(MESH)
        return None if section is None else ChipCalibration.from_findings(section.findings)

    @property
    def bank(self) -> BankCalibration | None:
        """The bank of rings, if it was measured in this run."""
        section = self.sections.get(RINGS)
        return None if section is None else BankCalibration.from_findings(section.findings)

    @property
    def thermal(self) -> ThermalIdentification | None:
        """The thermal plant, if it was identified in this run."""
        section = self.sections.get(THERMAL)
        return None if section is None else ThermalIdentification.from_findings(section.findings)


def calibration_addition(record: RunRecord) -> Addition:
    """The calibration's part of a report; nothing for other runs.

    What is damaged is named in its place.
    """
    results = record.manifest.results if record.manifest is not None else {}
    try:
        devices = list(_devices(record.path, results))
        sections = [part for device in devices for part in _sections(record.path, device)]
        tiles = [tile for device in devices for tile in _tiles(device)]
    except (StoreError, CalibrationError) as error:
        return Addition(sections=[kit.section("Calibration", note=f"cannot be shown: {error}")])
    return Addition(
        tiles,
        [*_checks(record.path, results), *sections, _unfinished(record.path, devices)],
        tells=frozenset({"calibrations", "checks"}),
    )


def _devices(run: Path, results: Mapping[str, Any]) -> Iterator[_Device]:
    """The devices that the run folder's own store knows."""
    for folder in sorted((run / "calibrations").glob("*/*")):
        store = CalibrationStore(run / "calibrations", folder.parent.name, folder.name)
        stored: StoredCalibration = store.read(store.versions()[-1])
        told = results.get("calibrations", {}).get(folder.name, {})
        yield _Device(folder.name, stored.sections, told)


def _unfinished(run: Path, devices: list[_Device]) -> kit.Html | None:
    """Tapes of routines that did not come to their end; None if all did."""
    done = {section.provenance.raw for device in devices for section in device.sections.values()}
    cut = [
        path
        for path in sorted(run.glob("*.tape"))
        if path.name not in done and (run / "calibration.json").exists()
    ]
    if not cut:
        return None
    lines = (
        kit.tag(
            "p",
            f"{path.stem}: {sum(1 for _ in read_tape(path))} answers on tape; ",
            kit.tag("code", "lumina calibrate CONFIG --resume"),
            " goes on with them.",
        )
        for path in cut
    )
    return kit.section("Cut short", *lines)


def _tiles(device: _Device) -> Iterator[tuple[str, str, str]]:
    mesh = device.mesh
    if mesh is not None and mesh.quality is not None:
        quality, good = mesh.quality, int(mesh.good.sum())
        error = (
            f"{100 * quality.transfer_error:.2f} %" if quality.transfer_error else "in the noise"
        )
        yield error, "prediction error", "of matrices that no fit has seen"
        phase = f"{1e3 * quality.residual_rad:.2f} mrad" if quality.residual_rad else "in the noise"
        yield phase, "phase error", "rms, that would cost as much"
        yield f"{good}/{len(mesh.good)}", "phase shifters", "calibrated"
    if device.bank is not None:
        yield from bank_tiles(device.bank)
    if device.thermal is not None:
        yield from thermal_tiles(device.thermal)
    if "fidelity" in device.sections:
        column = device.sections["fidelity"].findings.tables["matrices"]["fidelity_after"]
        yield f"{column.mean():.5f}", "fidelity", f"mean of {len(column)} random matrices"


def _sections(run: Path, device: _Device) -> Iterator[kit.Html | None]:
    name, mesh = device.name, device.mesh
    if device.thermal is not None:
        yield from thermal_sections(name, device.thermal)
    if mesh is not None:
        tape = run / str(device.sections[MESH].provenance.raw)
        looks = looks_on(read_tape(tape), mesh.architecture.shifters) if tape.exists() else None
        yield kit.section(f"Calibration of {name}", *_summary(device), tables.faults(mesh.faults))
        carrier_c = device.sections[MESH].provenance.carrier_c
        yield from _mesh_sections(name, mesh, looks, nan if carrier_c is None else carrier_c)
    if device.bank is not None:
        yield from bank_sections(name, device.bank)
    if "fidelity" in device.sections:
        matrices = device.sections["fidelity"].findings.tables["matrices"]
        yield kit.section(
            f"Programmed matrices of {name}",
            charts.fidelities(matrices),
            tables.fidelities(matrices),
            note="Random matrices, programmed by the data sheet and by this calibration, each "
            "measured in the light.",
        )
    if mesh is None and any(told_by_instruments(routine(other)) for other in device.sections):
        yield kit.section(f"Calibration of {name}", *_summary(device))
    for other, section in device.sections.items():
        of = routine(other)
        if of is not None and told_by_instruments(of):
            yield instrument_section(name, of, section.findings)
        elif other not in (MESH, "fidelity"):
            yield kit.figures_section(f"Routine {other} on {name}", figures_of(section.findings))
    yield tables.changes(name, device.results.get("changes", ()))


def told_by_instruments(of: Routine | None) -> bool:
    """Whether a routine is about the instruments around a chip."""
    return isinstance(of, InstrumentRoutine)


def figures_of(findings: Findings) -> Mapping[str, Any]:
    """What a routine says of its own findings."""
    of = routine(findings.routine)
    return {} if of is None else of.figures(findings)


def _summary(device: _Device) -> Iterator[kit.Html | None]:
    """Which routines ran, how long, on what, and what was stored."""
    yield tables.routines(device.sections)
    if "file" in device.results:
        told = device.results
        words = f"Stored as version {told['version']} of chip {told['chip']}, in "
        yield kit.tag("p", words, kit.tag("code", told["file"]), class_="note")


def _mesh_sections(
    name: str, mesh: ChipCalibration, looks: Looks | None, carrier_c: float
) -> Iterator[kit.Html | None]:
    if looks is not None and len(looks.t_s):
        yield charts.fringes_section(name, mesh, looks)
        yield charts.residuals_section(name, mesh, looks)
        yield charts.temperature_section(name, looks, carrier_c)
    yield charts.crosstalk_section(name, mesh)
    yield kit.section(
        f"What is known of {name}",
        tables.uncertainties(mesh),
        kit.tag("div", *charts.distributions(mesh), class_="grid"),
        tables.channels(mesh),
    )


def _checks(run: Path, results: Mapping[str, Any]) -> Iterator[kit.Html | None]:
    """What `--check` saw of each device."""
    for name, check in results.get("checks", {}).items():
        for checked, verdict in check["routines"].items():
            seen = run / f"{name}_check_{checked}.npz"
            yield kit.section(
                f"Does {checked} of calibration {check['version']} of {name} hold?",
                tables.verdict(verdict),
                charts.drift(seen),
            )
