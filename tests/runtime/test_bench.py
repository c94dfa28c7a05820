"""The life of a bench: up in order, safe down whatever happens."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from drivers.interfaces import PhaseShifterBank, TemperatureController
from lumina.control.records import RailState, TecMode, Tier
from lumina.errors import (
    ConfigError,
    DeviceStateError,
    MatrixError,
    RailFaultError,
    ThermallyUnsafeError,
)
from lumina.runtime import Bench, open_bench
from lumina.runtime.device import DeviceState
from lumina.runtime.recording.journal import Journal
from lumina.runtime.virtual_time import run_virtual
from tests.runtime.conftest import Log

RAILS = ["dac_1v8", "detectors_5v", "tec_12v", "heaters_12v", "laser_3v3"]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(3600):
        while not condition():  # noqa: ASYNC110 - the loop's state has no event to wait for
            await asyncio.sleep(0.01)


def rail_order(log: Log, state: RailState) -> list[str]:
    return [e.data["rail"] for e in log.kinds("rail") if e.data["state"] == state.name]


def assert_safe(bench: Bench) -> None:
    """Everything dark, cold and unpowered, as the plant itself sees it."""
    station = next(iter(bench.stations.values()))
    assert station.plant is not None
    plant = station.plant
    assert plant.inputs["laser_on"][0] == 0.0
    assert plant.inputs["supply_on"][0] == 0.0
    assert not plant.actuator.heater_code.any()
    assert not plant.actuator.head["rail_set_v"].any()
    assert plant.actuator.head["tec_current_a"][0] == 0.0
    assert station.device.state is DeviceState.SHUTDOWN


def test_rails_come_up_in_order_and_go_down_in_reverse(small: Path, log: Log) -> None:
    async def main() -> Bench:
        async with open_bench(small, journal=Journal(log)) as bench:
            assert bench.device.state is DeviceState.READY
            assert bench.device.die_temperature_c() == pytest.approx(45.0, abs=0.1)
            return bench

    assert_safe(run_virtual(main()))
    assert rail_order(log, RailState.ON) == RAILS
    assert rail_order(log, RailState.OFF) == RAILS[::-1]


def test_an_exception_inside_shuts_the_bench_down_and_passes_on(small: Path) -> None:
    opened: list[Bench] = []

    async def main() -> None:
        async with open_bench(small) as bench:
            opened.append(bench)
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        run_virtual(main())
    assert_safe(opened[0])


@pytest.mark.parametrize("after_s", [0.0005, 0.002, 0.05, 0.35, 5.0, 15.0, 20.0])
def test_cancellation_at_any_moment_shuts_the_bench_down(
    small: Path, log: Log, after_s: float
) -> None:
    async def life() -> None:
        async with open_bench(small, journal=Journal(log)):
            await asyncio.sleep(1000)

    async def main() -> None:
        task = asyncio.create_task(life())
        await asyncio.sleep(after_s)
        task.cancel()
        for _ in range(3):  # whoever is impatient changes nothing
            await asyncio.sleep(0.02)
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run_virtual(main())
    up, down = rail_order(log, RailState.RAMPING_UP), rail_order(log, RailState.OFF)
    assert down == up[::-1]


def test_work_is_refused_while_the_guard_says_so_and_goes_on_after(small: Path) -> None:
    async def main() -> None:
        async with open_bench(small) as bench:
            device = bench.device
            assert bench.environment is not None
            await device.settling.applied(device.loop.set_tec_mode(TecMode.OFF))
            bench.environment.set_ambient_c(90.0)
            await until(lambda: device.tier >= Tier.CRITICAL)
            assert device.state is DeviceState.THERMAL_LIMIT
            with pytest.raises(ThermallyUnsafeError, match="npu: refused, thermal guard"):
                await device.measure_transfer()
            with pytest.raises(ThermallyUnsafeError):
                await device.load(np.eye(4))
            assert device.counters.failures == 1
            bench.environment.set_ambient_c(25.0)
            await until(lambda: device.state is DeviceState.READY)
            await device.measure_transfer()

    run_virtual(main())


def test_an_emergency_darkens_the_laser_itself_and_takes_the_rails_down(
    small: Path, log: Log
) -> None:
    async def main() -> None:
        async with open_bench(small, journal=Journal(log)) as bench:
            station = next(iter(bench.stations.values()))
            assert station.plant is not None
            station.plant.inputs["sensor_fault"][0, 2] = 1.0  # the die's thermistor opens
            await asyncio.sleep(2.0)
            assert station.device.tier is Tier.EMERGENCY
            assert station.plant.inputs["laser_on"][0] == 0.0
            assert station.device.loop.counters()["emergencies"] == 1

    run_virtual(main())
    assert rail_order(log, RailState.OFF) == RAILS[::-1]
    assert [e.data["after"] for e in log.kinds("tier")] == ["EMERGENCY"]


def test_a_shorted_rail_ends_the_bring_up_with_its_name(small: Path, log: Log) -> None:
    async def main() -> None:
        async with open_bench(small, journal=Journal(log)) as bench:
            station = next(iter(bench.stations.values()))
            assert station.plant is not None
            station.plant.inputs["rail_short"][0, 2] = 1.0
            await asyncio.sleep(1.0)
            assert station.device.state is DeviceState.ERROR
            with pytest.raises(DeviceStateError, match="state: error"):
                await station.device.load(np.eye(4))

    run_virtual(main())
    faults = [e for e in log.kinds("rail") if e.data["state"] == "FAULT"]
    assert [e.data["rail"] for e in faults] == ["tec_12v"]
    assert "over-current" in faults[0].message or "under-voltage" in faults[0].message


def test_a_rail_limit_that_is_too_low_trips_on_the_way_up(tmp_path: Path, small: Path) -> None:
    config = tmp_path / "weak.yaml"
    rails = "\n".join(
        f"      - {{name: {name}, voltage_v: {volts}, current_limit_a: {amps}, "
        f"over_voltage_v: {volts * 1.2}}}"
        for name, volts, amps in [
            ("dac_1v8", 1.8, 0.01),
            ("detectors_5v", 5.0, 1.0),
            ("tec_12v", 12.0, 12.0),
            ("heaters_12v", 12.0, 6.0),
            ("laser_3v3", 3.3, 1.0),
        ]
    )
    config.write_text(f"extends: {small}\ncontrol:\n  default:\n    rails:\n{rails}\n")

    async def main() -> None:
        async with open_bench(config):
            pytest.fail("the bench came up on a shorted rail")

    with pytest.raises(RailFaultError, match="npu: rail dac_1v8 tripped: over-current"):
        run_virtual(main())


def test_before_calibration_a_matrix_is_refused(small: Path) -> None:
    async def main() -> None:
        async with open_bench(small) as bench:
            with pytest.raises(DeviceStateError, match="calibrate the chip first"):
                await bench.device.load(np.eye(4))

    run_virtual(main())


@pytest.mark.parametrize(
    ("matrix", "problem"),
    [
        (np.eye(5), r"shape \(5, 5\) does not fit"),
        (np.full((4, 4), np.nan), "must be finite"),
        (np.full((4, 4), np.inf), "must be finite"),
    ],
)
def test_a_matrix_that_cannot_be_is_refused(small: Path, matrix: np.ndarray, problem: str) -> None:
    async def main() -> None:
        async with open_bench(small) as bench:
            with pytest.raises(MatrixError, match=problem):
                await bench.device.load(matrix)

    run_virtual(main())


def test_the_same_seed_gives_the_same_frames_and_another_does_not(small: Path) -> None:
    async def rows(seed: int) -> bytes:
        async with open_bench(small, seed=seed) as bench:
            await asyncio.sleep(1.0)
            rows, _, _ = bench.device.loop.rows_since(0)
            return rows.tobytes()

    assert run_virtual(rows(1)) == run_virtual(rows(1))
    assert run_virtual(rows(1)) != run_virtual(rows(2))


def test_in_real_time_the_same_bench_locks_and_reports_lateness(small: Path, log: Log) -> None:
    async def main() -> None:
        async with open_bench(small, journal=Journal(log)) as bench:
            station = next(iter(bench.stations.values()))
            lateness = station.runner.lateness()
            assert lateness is not None
            assert lateness.ticks > 1000
            assert lateness.tier is not None

    asyncio.run(main())
    assert rail_order(log, RailState.OFF) == RAILS[::-1]


def test_nothing_starts_on_a_config_that_is_wrong(tmp_path: Path, log: Log) -> None:
    async def main() -> None:
        async with open_bench(tmp_path / "missing.yaml", journal=Journal(log)):
            pytest.fail("opened")

    with pytest.raises(ConfigError, match=r"missing\.yaml"):
        run_virtual(main())
    assert log.events == []


def test_instruments_on_a_chip_without_a_board_live_beside_it(small: Path, tmp_path: Path) -> None:
    config = tmp_path / "two_chips.yaml"
    config.write_text(
        f"extends: {small}\nname: two_chips\nplants: {{spare: {{chip: {{ports: 4}}}}}}\n"
        "instruments:\n"
        "  heaters: {driver: qontrol_q8iv, plant: spare}\n"
        "  smu: {driver: keithley_2450, plant: spare, options: {first_heater: 8}}\n"
        "  tec: {driver: meerstetter_tec109x, plant: spare}\n"
    )

    async def main() -> tuple[float, float]:
        async with open_bench(config) as bench:
            tec, smu = bench.instruments["tec"], bench.instruments["smu"]
            assert isinstance(tec, TemperatureController)
            assert isinstance(smu, PhaseShifterBank)
            await tec.set_target_c(30.0)
            await tec.set_enabled(True)
            await smu.set_drive_v(np.array([3.0]))
            await asyncio.sleep(60.0)
            return await tec.read_temperature_c(), float((await smu.read_current_a())[0])

    temperature_c, current_a = run_virtual(main())
    assert temperature_c == pytest.approx(30.0, abs=0.05)
    assert current_a > 1e-3


def test_readings_at_the_end_of_the_converters_range_are_counted(small: Path) -> None:
    async def main() -> None:
        async with open_bench(small, lock=False) as bench:
            await bench.device.measure_transfer()
            assert bench.device.counters.saturated == 0
            assert bench.environment is not None
            bench.environment.write("stray_light_w", 0.05)
            await asyncio.sleep(0.01)
            await bench.device.measure_transfer(2)
            assert bench.device.counters.saturated == 2 * 4 * 4

    run_virtual(main())
