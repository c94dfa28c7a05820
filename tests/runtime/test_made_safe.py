"""Whoever is lost, the bench ends in its safe state, and the journal says why."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from lumina.control.records import RailState, Tier
from lumina.errors import ThermallyUnsafeError
from lumina.frames import SAFE_STATE
from lumina.runtime import Bench, open_bench
from lumina.runtime.config import load_config
from lumina.runtime.device import DeviceState
from lumina.runtime.recording.journal import Journal
from lumina.runtime.virtual_time import run_virtual
from tests.runtime.conftest import Log


def plant_of(bench: Bench) -> Any:
    plant = next(iter(bench.stations.values())).plant
    assert plant is not None
    return plant


def tier_of(bench: Bench) -> Tier:
    return bench.device.tier


def told(log: Log, kind: str) -> list[str]:
    return [event.message for event in log.kinds(kind)]


def test_the_host_is_lost(small: Path, log: Log) -> None:
    """Its event loop hangs: the 1 kHz loop goes on without it, and makes safe what it can."""

    async def main() -> None:
        config = load_config(small, {"control.default.guard.heartbeat_s": 1.0}, to_run=True)
        async with open_bench(config, journal=Journal(log)) as bench:
            runner = next(iter(bench.stations.values())).runner
            runner.advance(900)
            assert tier_of(bench) is Tier.NORMAL
            runner.advance(12_000)  # more than telemetry is kept of
            assert tier_of(bench) is Tier.EMERGENCY
            assert plant_of(bench).actuator.head["flags"][0] == SAFE_STATE
            assert (bench.device.loop.arrays.rails["state"] == RailState.OFF).all()
            await asyncio.sleep(0.2)

    run_virtual(main())
    assert told(log, "reason")[:1] == ["guard: the host has stopped posting heartbeats"]
    assert "rows lost: the reader was late" in told(log, "telemetry")[0]
    kinds = [event.event for event in log.events]
    assert kinds.index("telemetry") < kinds.index("reason")


def test_the_loop_is_lost(small: Path, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its thread hangs: laser off in half a second, the board's supply in two."""

    async def main() -> None:
        async with open_bench(small, journal=Journal(log)) as bench:
            (station,) = bench.stations.values()
            advance = station.runner.advance
            monkeypatch.setattr(station.runner, "advance", lambda ticks: None)
            await asyncio.sleep(0.7)
            assert bench.device.state is DeviceState.ERROR
            assert plant_of(bench).inputs["laser_on"][0] == 0.0
            assert plant_of(bench).inputs["supply_on"][0] == 1.0
            await asyncio.sleep(1.6)
            assert plant_of(bench).inputs["supply_on"][0] == 0.0
            monkeypatch.setattr(station.runner, "advance", advance)

    run_virtual(main())
    assert "still silent: bench supplies off" in told(log, "power")[0]


@pytest.mark.parametrize(
    ("sensor", "fault", "words"),
    [
        (2, 1.0, "guard: the die's sensor is lost, die is open or shorted"),
        (2, 3.0, "guard: the die's sensor is lost, die is stuck"),
    ],
)
def test_the_die_sensor_is_lost(
    small: Path, log: Log, sensor: int, fault: float, words: str
) -> None:
    async def main() -> None:
        async with open_bench(small, journal=Journal(log)) as bench:
            plant_of(bench).inputs["sensor_fault"][0, sensor] = fault
            await asyncio.sleep(1.0)
            assert tier_of(bench) is Tier.EMERGENCY
            assert plant_of(bench).inputs["laser_on"][0] == 0.0
            assert plant_of(bench).arrays.state["tec_current_a"][0] == 0.0
            with pytest.raises(ThermallyUnsafeError):
                await bench.device.measure_transfer()

    run_virtual(main())
    assert words in told(log, "reason")


def test_a_carrier_sensor_is_lost_and_the_bench_goes_on_with_the_other(
    small: Path, log: Log
) -> None:
    async def main() -> None:
        async with open_bench(small, journal=Journal(log)) as bench:
            plant_of(bench).inputs["sensor_fault"][0, 0] = 3.0
            await asyncio.sleep(2.0)
            assert tier_of(bench) is Tier.WARNING
            assert plant_of(bench).temperatures_c()["carrier"] == pytest.approx(45.0, abs=0.01)
            await bench.device.measure_transfer()

    run_virtual(main())
    assert told(log, "reason") == [
        "guard: one of the carrier's two sensors is not believed, carrier_a is stuck"
    ]


def test_the_fan_is_lost_and_the_sink_decides_how_much_work_is_left(small: Path, log: Log) -> None:
    async def main() -> None:
        async with open_bench(small, journal=Journal(log)) as bench:
            plant = plant_of(bench)
            plant.inputs["fan_stall"] = 1.0
            plant.inputs["compute_power_w"] = 60.0
            await asyncio.sleep(300.0)
            assert plant.temperatures_c()["sink"] < 80.0
            assert 0.0 < plant.arrays.state["compute_power_w"][0] < 50.0
            assert tier_of(bench) is Tier.WARNING

    run_virtual(main())
    assert told(log, "reason")[:2] == [
        "guard: the fan turns far slower than commanded",
        "guard: the heat sink is too warm",
    ]
