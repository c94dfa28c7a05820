"""Qontrol Q8iv: the driver against the simulated chain on a pty, one chip behind it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import numpy as np
import pytest
import pytest_asyncio

from drivers.instruments.qontrol_q8iv import QontrolQ8iv
from drivers.options import PhaseShifterBankOptions
from drivers.protocols.qontrol import vector
from drivers.registry import Mounting
from firmware_sim.faults import Fault, FaultKind
from firmware_sim.instruments import qontrol_q8iv as firmware
from firmware_sim.servers import PtyEndpoint, Server
from lumina.errors import (
    DeviceConnectionError,
    DeviceStateError,
    DeviceTimeoutError,
)
from twin.config import PlantConfig
from twin.instruments import stand_by
from twin.plant import Plant

CHANNELS = 16


@pytest.fixture
def plant() -> Plant:
    config = PlantConfig.model_validate({"chip": {"ports": 4, "kind": "unitary"}})
    plant = Plant(config, seed=7, chip_seed=3)
    stand_by(plant)
    plant.inputs["laser_on"] = 1.0
    return plant


@pytest.fixture
def simulated(plant: Plant) -> firmware.QontrolQ8iv:
    return firmware.QontrolQ8iv("heaters", PhaseShifterBankOptions(channels=CHANNELS), plant)


@pytest.fixture
def server(simulated: firmware.QontrolQ8iv) -> Iterator[Server]:
    server = Server("heaters", simulated, [PtyEndpoint("heaters")], baud=115200)
    server.start()
    yield server
    server.stop()


def bank_at(server: Server, channels: int = CHANNELS, max_drive_v: float = 10.0) -> QontrolQ8iv:
    options = PhaseShifterBankOptions(channels=channels, max_drive_v=max_drive_v)
    return QontrolQ8iv(Mounting("heaters", options, None, server.endpoints[0].resource))


@pytest_asyncio.fixture
async def bank(server: Server) -> AsyncIterator[QontrolQ8iv]:
    bank = bank_at(server)
    await bank.connect()
    yield bank
    await bank.close()


def one_hot(channel: int, drive_v: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    drive = np.zeros(CHANNELS)
    drive[channel] = drive_v
    return drive


async def test_the_modules_hold_the_limit_themselves(
    bank: QontrolQ8iv, simulated: firmware.QontrolQ8iv
) -> None:
    (reply,) = simulated.receive(b"V3=11\n")
    assert reply.data == b"E01:03\n"


async def test_a_chain_that_is_too_short_is_told(server: Server) -> None:
    bank = bank_at(server, channels=CHANNELS + 1)
    with pytest.raises(DeviceStateError, match="no channel 16"):
        await bank.connect()


async def test_a_late_reply_reaches_nobody(server: Server, bank: QontrolQ8iv) -> None:
    await bank.set_drive_v(one_hot(0, 5.0))
    server.inject(Fault(FaultKind.STALL, 0.7))
    with pytest.raises(DeviceTimeoutError):
        await bank.read_drive_v()
    assert np.abs(await bank.read_current_a()).max() < 0.1  # not the late 5 V


async def test_after_a_power_cycle_the_drive_is_set_again(
    server: Server, bank: QontrolQ8iv, plant: Plant
) -> None:
    await bank.set_drive_v(one_hot(2, 5.0))
    server.inject(Fault(FaultKind.POWER_CYCLE, 0.05))
    while bank.power_cycle is None:
        with contextlib.suppress(DeviceConnectionError, DeviceTimeoutError):
            await bank.read_current_a()
        await asyncio.sleep(0.02)
    assert plant.heater_v[2] == pytest.approx(5.0, abs=1e-3)
    assert "drive" in str(bank.power_cycle)


def ask(simulated: firmware.QontrolQ8iv, data: bytes) -> bytes:
    return b"".join(reply.data for reply in simulated.receive(data))


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        (b"v 3 = 2.5\r\n", b"OK\n"),
        (b"V99?\n", b"E12:99\n"),
        (b"V3=x\n", b"E10:00\n"),
        (b"V3=\n", b"E11:03\n"),
        (b"I3=1\n", b"E13:03\n"),
        (b"FLY\n", b"E10:00\n"),
        (b"NCHAN?\n", b"8\n"),
        (b"VFULL?\n", b"+12.0000 V\n"),
        (b"IFULL?\n", b"+24.0000 mA\n"),
        (b"IMAX0=1\n", b"OK\n"),
        (bytes.fromhex("80 00 00 00 03 12 34"), b"E15:00\n"),
        (vector("V", 12, [1.0] * 5, 12.0), b"E12:16\n"),
    ],
)
def test_commands_are_answered_as_by_a_module(
    simulated: firmware.QontrolQ8iv, sent: bytes, answered: bytes
) -> None:
    assert ask(simulated, sent) == answered


def test_every_channel_may_be_asked_at_once(simulated: firmware.QontrolQ8iv) -> None:
    ask(simulated, b"VVEC8=2.4,4,12\n")
    lines = ask(simulated, b"VALL?\n").decode().splitlines()
    assert lines[7:12] == ["+0.0000 V", "+2.4000 V", "+4.0000 V", "+12.0000 V", "+0.0000 V"]
    assert ask(simulated, bytes.fromhex("a9 00 00 00 00 00 00")).decode().splitlines() == lines
    assert ask(simulated, b"VIPALL?\n").startswith(b"0,0: +0.0000 V, +0.0000 mA\n")
    assert [line[-2:] for line in ask(simulated, b"NUPALL?\n").splitlines()] == [b":0", b":1"]


def test_a_heater_that_draws_too_much_is_switched_off(
    simulated: firmware.QontrolQ8iv, plant: Plant
) -> None:
    ask(simulated, b"IMAX0=2\nV0=1\n")
    assert plant.heater_v[0] == pytest.approx(1.0, abs=1e-3)
    assert ask(simulated, b"V0=5\n") == b"E02:00\n"
    assert plant.heater_v[0] == 0.0


def test_half_a_command_is_given_up_after_a_while(
    simulated: firmware.QontrolQ8iv, plant: Plant
) -> None:
    assert ask(simulated, b"\x82\x00\x00") == b""
    plant.step(200)
    assert ask(simulated, b"NCHAN?\n") == b"8\n"
