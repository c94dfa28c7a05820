"""A chip without a board in a run: up, watched, recorded and down, beside the board's."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drivers.registry import Backend
from firmware_sim.faults import FaultKind
from lumina.control.records import Tier
from lumina.errors import ConfigError, DeviceRangeError
from lumina.runtime import Bench, open_bench
from lumina.runtime.device import DeviceState
from lumina.runtime.main_job.session import SessionPlan, run_session
from lumina.runtime.recording.journal import Journal
from lumina.runtime.virtual_time import run_virtual
from lumina.store import open_run
from tests.runtime.conftest import Log

SPARE = """
extends: {small}
name: spare
plants:
  spare: {{chip: {{ports: 4, kind: unitary}}}}
control:
  spare_tec:
    setpoint_c: 28.0
    tec: {{current_limit_a: {limit_a}}}
    instruments: {{fan: spare_fan, rate_hz: {rate_hz}}}
instruments:
  spare_tec: {{driver: {tec}, plant: spare}}
  spare_fan: {{driver: ebmpapst_ec_fan, plant: spare}}
  spare_laser: {{driver: santec_tsl570, plant: spare}}
  spare_heaters: {{driver: qontrol_q8iv, plant: spare}}
job: {{settle_s: 0.5}}
"""
BACKENDS = [Backend.TWIN, Backend.FIRMWARE]


def config(tmp_path: Path, small: Path, **changes: Any) -> Path:
    values = {"rate_hz": 10, "tec": "meerstetter_tec109x", "limit_a": 8.0} | changes
    path = tmp_path / "spare.yaml"
    path.write_text(SPARE.format(small=small, **values))
    return path


def plant_of(bench: Bench) -> Any:
    return bench.carriers["spare_tec"].plant


def told(log: Log, source: str) -> list[str]:
    return [event.message for event in log.events if event.source == source]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_run_holds_it_records_it_and_takes_it_down(
    tmp_path: Path, small: Path, backend: Backend
) -> None:
    plan = SessionPlan(
        config=config(tmp_path, small),
        backend=backend,
        virtual=True,
        seed=1,
        chip_seed=1,
        root=tmp_path / "runs",
        calibrations=None,
        duration_s=5.0,
        command=("test",),
    )
    found = run_session(plan, lambda: datetime(2000, 1, 1, tzinfo=UTC))
    carrier = found["carriers"]["spare_tec"]
    assert carrier["state"] == "shutdown"
    assert carrier["counters"]["emergencies"] == 0
    with open_run(tmp_path / "runs", Path(found["run"]).name).frames() as frames:
        assert {"telemetry", "rails", "drive", "spare_tec_telemetry"} == set(frames.tables)
        rows = frames.rows("spare_tec_telemetry")
    assert rows["t_s"][-1] - rows["t_s"][0] == pytest.approx(0.1 * (len(rows) - 1))
    held = (rows["setpoint_c"] == 28.0) & (rows["t_s"] > 8.0)
    assert held.sum() > 30
    assert np.abs(rows["carrier_c"][held] - 28.0).max() < 0.02
    assert np.isnan(rows["die_estimate_c"]).all()
    assert np.nanmax(np.abs(rows["true_carrier_c"][held] - 28.0)) < 0.02


@pytest.mark.parametrize("backend", BACKENDS)
def test_it_comes_up_beside_the_board_and_goes_down_with_it(
    tmp_path: Path, small: Path, log: Log, backend: Backend
) -> None:
    async def main() -> None:
        opened = open_bench(config(tmp_path, small), backend=backend, journal=Journal(log))
        async with opened as bench:
            station, plant = bench.carriers["spare_tec"], plant_of(bench)
            assert station.device.state is DeviceState.READY
            assert station.device.is_regulated
            assert plant.temperatures_c()["carrier"] == pytest.approx(28.0, abs=0.05)
            assert bench.device.state is DeviceState.READY  # the only processor, still
        assert plant.inputs["instrument_tec_on"][0] == 0.0
        assert plant.inputs["instrument_fan_rpm"][0] == 0.0

    run_virtual(main())
    texts = told(log, "spare_tec")
    assert any("gains by SIMC leave" in text for text in texts)
    assert [text for text in texts if "spare_tec is" in text] == [
        "spare_tec is ready",
        "spare_tec is down",
    ]
    assert any("no watchdog" in text for text in texts) == (backend is Backend.TWIN)


@pytest.mark.parametrize("backend", BACKENDS)
def test_when_its_loop_stops_the_tec_is_switched_off_beside_it(
    tmp_path: Path, small: Path, log: Log, backend: Backend
) -> None:
    async def main() -> None:
        opened = open_bench(config(tmp_path, small), backend=backend, journal=Journal(log))
        async with opened as bench:
            station, plant = bench.carriers["spare_tec"], plant_of(bench)
            assert plant.inputs["instrument_tec_on"][0] == 1.0
            station.runner.stop()
            await asyncio.sleep(1.0)
            assert plant.inputs["instrument_tec_on"][0] == 0.0
            assert station.device.state is DeviceState.ERROR
            await asyncio.sleep(2.0)
            assert plant.inputs["instrument_fan_rpm"][0] == pytest.approx(4000.0, abs=1.0)
            assert bench.device.state is DeviceState.READY

    run_virtual(main())
    assert "the 10 Hz loop has stopped" in told(log, "spare_tec")
    assert "the 10 Hz loop is still silent: TEC off and fan at full speed" in told(log, "spare_tec")


@pytest.mark.parametrize("instrument", ["spare_tec", "spare_fan"])
def test_a_lost_instrument_makes_everything_safe_and_is_brought_up_again_on_demand(
    tmp_path: Path, small: Path, log: Log, instrument: str
) -> None:
    async def main() -> None:
        opened = open_bench(config(tmp_path, small), backend=Backend.FIRMWARE, journal=Journal(log))
        async with opened as bench:
            station, plant = bench.carriers["spare_tec"], plant_of(bench)
            (laser,) = (one for one, _ in station.lasers)
            await laser.set_emission(True)
            bench.simulators.disturb_wire(instrument, FaultKind.DISCONNECT, 6.0, 1)
            await asyncio.sleep(3.0)
            assert station.device.tier is Tier.EMERGENCY
            assert not await laser.is_emitting()
            await asyncio.sleep(10.0)
            assert station.device.lifecycle is DeviceState.UNINITIALISED
            assert plant.inputs["instrument_tec_on"][0] == 0.0
            station.device.loop.reset_guard()
            await asyncio.sleep(0.5)
            await bench.bring_up("spare_tec")
            assert station.device.state is DeviceState.READY
            assert plant.temperatures_c()["carrier"] == pytest.approx(28.0, abs=0.05)

    run_virtual(main())
    kinds = [event.event for event in log.events if event.source == instrument]
    assert kinds.index("lost") < kinds.index("back")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rate_hz": 50}, "50 Hz asked of instruments whose exchange takes .* at most 1[0-9]"),
        (
            {"rate_hz": 5, "limit_a": "8.0, pid: {kp: 400.0, ki: 300.0, kd: 60.0}"},
            "unstable on the plant of thermal_model: .* where none are given, bring-up finds",
        ),
        (
            {"rate_hz": 10, "limit_a": "8.0, pid: {kp: 143.0, ki: 250.0, kd: 30.0}"},
            "at 10 Hz with .* phase margin of 4. degrees .allowed: 45 or more",
        ),
    ],
)
def test_a_rate_or_gains_that_cannot_work_are_refused(
    tmp_path: Path, small: Path, changes: dict[str, Any], words: str
) -> None:
    async def main() -> None:
        async with open_bench(config(tmp_path, small, **changes), backend=Backend.FIRMWARE):
            pytest.fail("it came up")

    with pytest.raises((DeviceRangeError, ConfigError), match=words):
        run_virtual(main())


def test_a_slower_controller_with_less_current_holds_as_well(tmp_path: Path, small: Path) -> None:
    changes = {"rate_hz": 5, "tec": "thermostat_8451", "limit_a": 2.0}

    async def main() -> None:
        path = config(tmp_path, small, **changes)
        async with open_bench(path, backend=Backend.FIRMWARE) as bench:
            assert bench.carriers["spare_tec"].device.state is DeviceState.READY
            await asyncio.sleep(10.0)
            carrier_c = plant_of(bench).temperatures_c()["carrier"]
            assert carrier_c == pytest.approx(28.0, abs=0.02)

    run_virtual(main())
