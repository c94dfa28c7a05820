"""Instruments on a plant without a board: what is found of them is true, faults are named."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.instruments_process import Key, of_detectors, of_laser, of_wires
from calibration.faults import ChannelFault, Fault
from calibration.instruments.result import Measured
from calibration.report import calibration_addition
from calibration.routines import routine
from calibration.store import CalibrationStore
from drivers.registry import Backend
from lumina.errors import CalibrationError
from lumina.runtime import open_bench
from lumina.runtime.bench import Bench
from lumina.runtime.calibrating import CalibrationPlan, run_calibration, run_check
from lumina.runtime.calibrating._place import workplace
from lumina.runtime.config import BenchConfig, load_config
from lumina.runtime.wall_clock import utc_now
from lumina.store import open_run
from lumina.store.report import render_report
from twin.instruments import HeaterWires, LaserSource, PhotodiodeAmplifiers, PhotodiodeHead
from twin.plant import Plant

SMALL = Path(__file__).parents[3] / "lab_configs/small.yaml"

LONE = """
extends: {small}
name: lone
plants:
  spare:
    chip: {{ports: 4, kind: unitary, heater: {{resistance_follows_die: true}}}}
    wiring: {{dead_heaters: {dead}}}
    instruments: {{errors: {errors}}}
instruments:
  spare_laser: {{driver: santec_tsl570, plant: spare}}
  spare_meter: {{driver: thorlabs_pm100d, plant: spare}}
  spare_heaters: {{driver: qontrol_q8iv, plant: spare, options: {{channels: 4, heater_ohm: 800}}}}
  spare_tec: {{driver: meerstetter_tec109x, plant: spare, options: {{target_c: 30}}}}
  spare_diodes:
    {{driver: labjack_t7, plant: spare, options: {{transimpedance_v_per_a: {ohm}}}}}
"""

ROUTINES = ("photodiodes", "laser", "converters", "heaters")
BACKENDS = [Backend.TWIN, Backend.FIRMWARE]


def file_in(folder: Path, *, dead: str = "[]", ohm: str = "1.0e+4", errors: str = "1") -> Path:
    path = folder / "lone.yaml"
    path.write_text(LONE.format(small=SMALL, dead=dead, ohm=ohm, errors=errors))
    return path


def config_in(folder: Path, backend: Backend, **faults: str) -> BenchConfig:
    return load_config(file_in(folder, **faults), backend=backend, to_run=True)


async def found_by(name: str, bench: Bench) -> Measured:
    """What one routine finds on the lone plant."""
    of = routine(name)
    assert of is not None
    place = workplace(bench, "spare", {})
    assert of.applies(place)
    return Measured.from_findings(await of.run(place))


def plant_of(bench: Bench) -> Plant:
    return bench.plants.get("spare") or bench.simulators.plants["spare"]


def faults_of(found: Measured) -> dict[tuple[str, int], Fault]:
    return {(fault.part, fault.channel): fault.fault for fault in found.faults}


def truth_of(plant: Plant) -> dict[Key, float]:
    """What is true of instruments by these names, whoever answers for them."""
    sheet = plant.config.instruments
    wires = HeaterWires(plant, "spare_heaters", sheet.heater_drivers, 0, 4)
    laser = LaserSource(plant, "spare_laser", top_w=0.02, meter_noise=0.0)
    diodes = PhotodiodeAmplifiers(plant, "spare_diodes", 0, 4, 1.0, 1e4)
    head = PhotodiodeHead(plant, "spare_meter", 0, 3e-3, sheet.pm100d_spread)
    detectors: dict[str, dict[str, Any]] = {
        "spare_diodes": {"_amplifiers": diodes},
        "spare_meter": {"_heads": [head]},
    }
    known = of_wires(plant, "spare_heaters", wires) | of_laser(plant, "spare_laser", laser)
    # The chip's reference is 45 C, the carrier stands at 30 C.
    warmth = 1.0 + plant.config.chip.heater.die_tempco_per_k * (30.0 - 45.0)
    for channel in range(4):
        known["spare_heaters", channel, "resistance_ohm"] *= warmth
        for quantity in ("self_heating_per_w", "tempco_per_k"):
            known["spare_heaters", channel, quantity] /= warmth
    return known | of_detectors(plant, detectors)


@pytest.mark.virtual_time
@pytest.mark.parametrize("backend", BACKENDS)
async def test_perfect_instruments_are_found_perfect(backend: Backend, tmp_path: Path) -> None:
    """Readings without any noise have no spread to divide by."""
    config = config_in(tmp_path, backend, errors="0")
    async with open_bench(config, seed=2, chip_seed=4, lock=False) as bench:
        found = {name: await found_by(name, bench) for name in ROUTINES}
        truth = truth_of(plant_of(bench))
    quantities = [one for measured in found.values() for one in measured.quantities]
    assert np.isfinite([(one.value, one.sigma) for one in quantities]).all()
    for one in found["heaters"].of("resistance_ohm").values():
        there = truth[one.instrument, one.channel, one.name]
        assert one.value == pytest.approx(there, rel=1e-3)
        assert one.sigma < 1e-3 * there


@pytest.mark.virtual_time
@pytest.mark.parametrize("backend", BACKENDS)
async def test_what_is_found_is_true_within_its_own_uncertainty(
    backend: Backend, tmp_path: Path
) -> None:
    async with open_bench(config_in(tmp_path, backend), seed=2, chip_seed=4, lock=False) as bench:
        found = {name: await found_by(name, bench) for name in ROUTINES}
        truth = truth_of(plant_of(bench))
    assert not [fault for one in found.values() for fault in one.faults]
    errors = {
        (q.instrument, q.channel, q.name): (q.value - truth[key]) / q.sigma
        for one in found.values()
        for q in one.quantities
        if (key := (q.instrument, q.channel, q.name)) in truth
    }
    assert len(errors) > 40
    assert {key: error for key, error in errors.items() if abs(error) > 5.0} == {}
    assert np.mean(np.abs(list(errors.values())) < 1.96) > 0.85
    ohms = found["heaters"].of("resistance_ohm").values()
    assert all(one.sigma < 1e-3 * one.value for one in ohms)


@pytest.mark.virtual_time
@pytest.mark.parametrize("backend", BACKENDS)
async def test_open_and_shorted_heaters_are_named_and_the_rest_is_measured(
    backend: Backend, tmp_path: Path
) -> None:
    async with open_bench(
        config_in(tmp_path, backend, dead="[1]"), chip_seed=4, lock=False
    ) as bench:
        plant_of(bench).inputs["heater_short"] = 1 + 2
        found = await found_by("heaters", bench)
    assert faults_of(found) == {
        ("spare_heaters", 1): Fault.OPEN,
        ("spare_heaters", 2): Fault.SHORTED,
    }
    assert set(found.of("resistance_ohm")) == {("spare_heaters", 0), ("spare_heaters", 3)}


@pytest.mark.virtual_time
@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_saturated_detector_is_named_and_the_others_are_measured(
    backend: Backend, tmp_path: Path
) -> None:
    async with open_bench(
        config_in(tmp_path, backend, ohm="3.0e+7"), chip_seed=4, lock=False
    ) as bench:
        found = await found_by("photodiodes", bench)
    named = faults_of(found)
    assert named
    assert set(named.values()) == {Fault.SATURATED}
    assert {part for part, _ in named} == {"spare_diodes"}
    assert ("spare_meter", 0) in found.of("reading_per_w")


@pytest.mark.virtual_time
@pytest.mark.parametrize("backend", BACKENDS)
async def test_a_laser_that_stays_dark_ends_it_and_is_named(
    backend: Backend, tmp_path: Path
) -> None:
    async with open_bench(config_in(tmp_path, backend), chip_seed=4, lock=False) as bench:
        plant_of(bench).inputs["laser_dip"] = 1.0
        with pytest.raises(CalibrationError, match="spare_laser: laser off: it is switched on"):
            await found_by("laser", bench)
        assert not await bench.instruments["spare_laser"].is_emitting()  # type: ignore[attr-defined]


@pytest.mark.virtual_time
async def test_a_detector_without_light_is_named(tmp_path: Path) -> None:
    path = file_in(tmp_path)
    path.write_text(path.read_text().replace("transimpedance", "channels: 5, transimpedance"))
    async with open_bench(load_config(path, to_run=True), chip_seed=4, lock=False) as bench:
        found = await found_by("photodiodes", bench)
    assert faults_of(found) == {("spare_diodes", 4): Fault.DARK}, "the chip has four ports"
    assert ("spare_diodes", 3) in found.of("reading_per_w")


@pytest.fixture
def plan(tmp_path: Path) -> CalibrationPlan:
    return CalibrationPlan(
        config=file_in(tmp_path),
        backend=None,
        virtual=True,
        seed=3,
        chip_seed=4,
        root=tmp_path / "runs",
        calibrations=tmp_path / "calibrations",
        command=("lumina", "calibrate"),
        routines=ROUTINES,
        resume=True,
    )


def test_a_plant_without_a_board_is_stored_checked_and_used(
    plan: CalibrationPlan,
) -> None:
    result = run_calibration(plan, utc_now)
    spare: Mapping[str, Any] = result["calibrations"]["spare"]
    assert list(spare["routines"]) == list(ROUTINES)
    stored = CalibrationStore(plan.store, "lone", "spare").read(1)
    assert stored.chip.model == "5 instruments"
    provenance = stored.sections["heaters"].provenance
    assert provenance.carrier_c is None
    assert provenance.measurements == spare["routines"]["heaters"]["measurements"] > 100
    assert set(provenance.instruments) >= {"spare_laser", "spare_heaters", "spare_tec"}

    checked = run_check(plan, utc_now)
    assert checked["holds"], checked
    log = open_run(plan.root, "last").events()
    assert any("photodiodes of calibration 1 is used" in event.message for event in log.events)


def test_a_killed_run_goes_on_and_finds_the_same_bit_for_bit(
    plan: CalibrationPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = routine("heaters")
    assert of is not None
    with monkeypatch.context() as patch:
        patch.setattr(type(of), "measure", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run_calibration(plan, utc_now)
    again = run_calibration(plan, utc_now)
    assert len(again["resumed_from"]) == 1
    whole = run_calibration(plan, utc_now)
    assert whole["resumed_from"] == []
    assert whole["calibrations"]["spare"]["changes"] == []
    assert whole["bench_time_s"] == again["bench_time_s"]


async def interrupted(self: object, place: object) -> Measured:
    raise KeyboardInterrupt


def test_findings_come_back_from_the_store_as_they_were() -> None:
    fault = ChannelFault("heaters", 3, Fault.OPEN, "no current")
    found = Measured((), (fault,), 7, {"reference": "the laser"}, {"set_v": np.arange(3.0)})
    back = Measured.from_findings(found.to_findings("heaters"))
    assert back.faults == (fault,)
    assert (back.readings, dict(back.notes)) == (7, {"reference": "the laser"})
    damaged = replace(found.to_findings("heaters"), values={})
    with pytest.raises(CalibrationError, match="not a calibration"):
        Measured.from_findings(damaged)


def test_the_report_shows_every_quantity_of_every_channel(plan: CalibrationPlan) -> None:
    run = run_calibration(replace(plan, routines=("heaters",)), utc_now)["run"]
    text = render_report(open_run(plan.root, Path(run).name), calibration_addition)
    for shown in ("Calibration of spare", "Routine heaters on spare", "spare_heaters 3"):
        assert shown in text
    assert "Resistance" in text
    assert "±" in text
