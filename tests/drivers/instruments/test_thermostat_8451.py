"""Thermostat 8451: the driver against the simulated box on TCP, one plant behind it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from drivers.instruments.thermostat_8451 import Thermostat8451
from drivers.options import Thermostat8451Options
from drivers.registry import Mounting
from firmware_sim.faults import Fault, FaultKind
from firmware_sim.instruments import thermostat_8451 as firmware
from firmware_sim.servers import Server, TcpEndpoint
from lumina.errors import (
    DeviceConnectionError,
    DeviceTimeoutError,
)
from twin.plant import Plant
from twin.records import BOARD


@pytest.fixture
def simulated(plant: Plant) -> firmware.Thermostat8451:
    return firmware.Thermostat8451("tec", Thermostat8451Options(), plant)


@pytest.fixture
def server(simulated: firmware.Thermostat8451) -> Iterator[Server]:
    server = Server("tec", simulated, [TcpEndpoint("tec", "127.0.0.1")])
    server.start()
    yield server
    server.stop()


@pytest_asyncio.fixture
async def tec(server: Server) -> AsyncIterator[Thermostat8451]:
    options = Thermostat8451Options(current_limit_a=1.5)
    tec = Thermostat8451(Mounting("tec", options, None, server.endpoints[0].resource))
    await tec.connect()
    yield tec
    await tec.close()


async def test_a_late_reply_reaches_nobody(server: Server, tec: Thermostat8451) -> None:
    server.inject(Fault(FaultKind.STALL, 1.2))
    with pytest.raises(DeviceTimeoutError):
        await tec.read_target_c()
    assert await tec.read_temperature_c() < 40.0


async def test_after_a_power_cycle_the_target_returns_but_the_output_stays_off(
    server: Server, tec: Thermostat8451, plant: Plant
) -> None:
    plant.step(10_000)
    await tec.set_target_c(31.0)
    await tec.set_enabled(True)
    assert await tec.is_enabled()
    server.inject(Fault(FaultKind.POWER_CYCLE, 0.05))
    while tec.power_cycle is None:
        with contextlib.suppress(DeviceConnectionError, DeviceTimeoutError):
            await tec.read_temperature_c()
        await asyncio.sleep(0.02)
    assert await tec.read_target_c() == 31.0
    assert not await tec.is_enabled()
    assert "output" in str(tec.power_cycle)


def ask(simulated: firmware.Thermostat8451, line: str) -> Any:
    (reply,) = simulated.receive(line.encode() + b"\n")
    return json.loads(reply.data)


def test_a_report_has_every_key_of_the_manual(simulated: firmware.Thermostat8451) -> None:
    keys = (
        "channel time interval adc sens temperature pid_engaged i_set dac_value dac_feedback "
        "i_tec tec_i tec_u_meas pid_output"
    )
    for report in ask(simulated, "report"):
        assert set(report) == set(keys.split())


def test_currents_are_clamped_without_a_word(simulated: firmware.Thermostat8451) -> None:
    assert ask(simulated, "output 0 max_i_pos 3") == {}
    assert ask(simulated, "output")[0]["max_i_pos"] == 2.0


def test_settings_are_kept_with_save(simulated: firmware.Thermostat8451) -> None:
    ask(simulated, "pid 0 target 28")
    ask(simulated, "save 0")
    ask(simulated, "pid 0 target 33")
    simulated.power_cycle()
    assert ask(simulated, "pid")[0]["target"] == 28.0


def test_its_fan_is_the_plants_once_it_is_set(
    simulated: firmware.Thermostat8451, plant: Plant
) -> None:
    assert ask(simulated, "fan")["auto_mode"]
    assert plant.inputs["fan_source"][0] == BOARD
    assert ask(simulated, "fan 50") == {}
    plant.step(5_000)
    assert plant.arrays.state["fan_rpm"][0] == pytest.approx(2000.0, rel=0.01)
    assert "error" in ask(simulated, "fan 0")


def test_nonsense_is_answered_by_an_error(simulated: firmware.Thermostat8451) -> None:
    assert "error" in ask(simulated, "pid 2 target 25")
    assert "error" in ask(simulated, "\xff\xfb nonsense")
