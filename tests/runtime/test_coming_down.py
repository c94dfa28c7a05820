"""A station that comes down by itself says why, and comes up again in order."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from drivers.registry import Backend
from firmware_sim.faults import FaultKind
from lumina.control.records import RailState
from lumina.errors import DeviceConnectionError, DeviceStateError
from lumina.runtime import Bench, open_bench
from lumina.runtime.config import load_config
from lumina.runtime.device import DeviceState
from lumina.runtime.firmware import Simulators, describe, in_memory
from lumina.runtime.recording.journal import Journal
from lumina.runtime.virtual_time import VirtualTimeLoop, run_virtual
from tests.runtime.conftest import Log


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - instruments have no event to wait for
            await asyncio.sleep(0.01)


def is_ready(bench: Bench) -> bool:
    return bench.device.state is DeviceState.READY


def rails_are(bench: Bench, state: RailState) -> bool:
    return bool((bench.device.loop.arrays.rails["state"] == state).all())


def test_a_board_that_was_powered_down_is_brought_up_again_on_request(
    small: Path, log: Log
) -> None:
    async def main() -> None:
        async with open_bench(small, journal=Journal(log)) as bench:
            device = bench.device
            plant = next(iter(bench.stations.values())).plant
            assert plant is not None
            with pytest.raises(DeviceStateError, match="it is up"):
                await bench.bring_up()
            plant.arrays.state["locked_out"] = 1  # as a board tells that was without power
            await asyncio.sleep(0.2)
            assert device.state is DeviceState.UNINITIALISED
            assert plant.inputs["laser_on"][0] == 0.0
            assert rails_are(bench, RailState.OFF)
            with pytest.raises(DeviceStateError, match=r"powered down.* bring the device up again"):
                await device.load(np.eye(4))
            plant.arrays.state["locked_out"] = 0
            await bench.bring_up()
            assert is_ready(bench)
            assert rails_are(bench, RailState.ON)
            await device.measure_transfer()

    run_virtual(main())
    assert len(log.kinds("lockout")) == 1


def test_who_waits_for_a_lock_is_told_when_the_board_goes_away_meanwhile(small: Path) -> None:
    async def main() -> None:
        async with open_bench(small) as bench:
            plant = next(iter(bench.stations.values())).plant
            assert plant is not None
            waiting = asyncio.create_task(bench.device.set_carrier_c(60.0))
            await asyncio.sleep(0.5)
            plant.arrays.state["locked_out"] = 1
            began_s = asyncio.get_running_loop().time()
            with pytest.raises(DeviceStateError, match="bring the device up again"):
                await waiting
            assert asyncio.get_running_loop().time() - began_s < 1.0

    run_virtual(main())


@pytest.fixture
def cool(tmp_path: Path, small: Path) -> Path:
    """A small bench with a meter that locks quickly: its set point is close to the room."""
    path = tmp_path / "cool.yaml"
    path.write_text(
        f"extends: {small}\nname: cool\ncontrol:\n  default: {{setpoint_c: 26.0}}\n"
        "job: {settle_s: 0.5}\ninstruments:\n  meter: {driver: thorlabs_pm100d}\n"
    )
    return path


@asynccontextmanager
async def on_simulators(cool: Path, log: Log) -> AsyncIterator[tuple[Bench, Simulators]]:
    """The bench on simulators that somebody else serves, as if they were real; in memory."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    with in_memory(describe(load_config(cool, backend=Backend.FIRMWARE)), loop) as simulators:
        found = simulators.addresses.items()
        addresses = {f"instruments.{name}.address": address for name, address in found}
        hardware = load_config(cool, addresses, backend=Backend.HARDWARE)
        async with open_bench(hardware, journal=Journal(log)) as bench:
            yield bench, simulators


@pytest.mark.virtual_time
async def test_lost_instruments_are_noticed_and_those_that_act_bring_the_bench_down(
    cool: Path, log: Log
) -> None:
    async with on_simulators(cool, log) as (bench, simulators):
        device = bench.device
        simulators.disturb_wire("laser", FaultKind.GARBLED, 0.0, 2)  # no reason to give up
        simulators.disturb_wire("meter", FaultKind.DISCONNECT, 2.5, 1)
        await until(lambda: [e.source for e in log.kinds("lost")] == ["meter"])
        assert is_ready(bench)  # it only measures
        await until(lambda: [e.source for e in log.kinds("back")] == ["meter"])

        simulators.disturb_wire("laser", FaultKind.DISCONNECT, 4.0, 1)
        await until(lambda: device.state is DeviceState.ERROR)
        with pytest.raises(DeviceStateError, match="laser is lost; bring the device up again"):
            await device.measure_transfer()
        with pytest.raises(DeviceConnectionError, match="laser"):
            await bench.bring_up()
        await until(lambda: rails_are(bench, RailState.OFF))
        await until(lambda: [e.source for e in log.kinds("back")] == ["meter", "laser"])
        await bench.bring_up()
        assert is_ready(bench)

        simulators.disturb_wire("laser", FaultKind.POWER_CYCLE, 0.2, 1)
        await until(lambda: device.state is DeviceState.UNINITIALISED)
        with pytest.raises(DeviceStateError, match="laser: power-cycled"):
            await device.measure_transfer()
        await until(lambda: rails_are(bench, RailState.OFF))


@pytest.mark.virtual_time
@pytest.mark.parametrize("fault", [FaultKind.DISCONNECT, FaultKind.POWER_CYCLE])
async def test_a_lost_board_brings_the_bench_down_and_is_brought_up_again(
    cool: Path, log: Log, fault: FaultKind
) -> None:
    async with on_simulators(cool, log) as (bench, simulators):
        device = bench.device
        await device.set_drive_v(np.full(device.loop.heaters, 2.0))
        before = await device.measure_transfer(16)
        simulators.disturb_wire("npu", fault, 3.0, 1)
        await until(lambda: device.state is DeviceState.ERROR)
        with pytest.raises((DeviceStateError, DeviceConnectionError), match="the board is gone"):
            await device.measure_transfer()
        with pytest.raises(DeviceConnectionError, match="the board is gone"):
            await bench.bring_up()
        await until(lambda: device.state is DeviceState.UNINITIALISED)
        with pytest.raises(DeviceStateError, match="bring the device up again"):
            await device.load(np.eye(4))
        await until(lambda: rails_are(bench, RailState.OFF))
        await bench.bring_up()
        assert is_ready(bench)
        await device.set_drive_v(np.full(device.loop.heaters, 2.0))
        after = await device.measure_transfer(16)
    assert np.linalg.norm(after - before) < 0.05 * np.linalg.norm(before)
