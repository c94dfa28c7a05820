"""TEC-109x: the driver against the simulated controller on a pty, one plant behind it."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from drivers.instruments.meerstetter_tec109x import MeerstetterTec109x
from drivers.options import MeerstetterTec109xOptions
from drivers.protocols.mecom import (
    PARAMETERS,
    Request,
    acknowledge,
    checksum,
    parse_reply,
    reading,
    setting,
)
from drivers.registry import Mounting
from firmware_sim.faults import Fault, FaultKind
from firmware_sim.instruments import meerstetter_tec109x as firmware
from firmware_sim.servers import PtyEndpoint, Server
from lumina.errors import (
    DeviceConnectionError,
    DeviceTimeoutError,
)
from twin.plant import Plant


@pytest.fixture
def simulated(plant: Plant) -> firmware.MeerstetterTec109x:
    return firmware.MeerstetterTec109x("tec", MeerstetterTec109xOptions(), plant)


@pytest.fixture
def server(simulated: firmware.MeerstetterTec109x) -> Iterator[Server]:
    server = Server("tec", simulated, [PtyEndpoint("tec")], baud=57600)
    server.start()
    yield server
    server.stop()


@pytest_asyncio.fixture
async def tec(server: Server) -> AsyncIterator[MeerstetterTec109x]:
    options = MeerstetterTec109xOptions(current_limit_a=6.0)
    tec = MeerstetterTec109x(Mounting("tec", options, None, server.endpoints[0].resource))
    await tec.connect()
    yield tec
    await tec.close()


async def test_a_late_reply_reaches_nobody(server: Server, tec: MeerstetterTec109x) -> None:
    await tec.set_target_c(30.0)
    server.inject(Fault(FaultKind.STALL, 0.7))
    with pytest.raises(DeviceTimeoutError):
        await tec.read_target_c()
    assert await tec.read_temperature_c() < 29.0  # not the late 30.0


async def test_after_a_power_cycle_settings_return_but_the_output_stays_off(
    server: Server, tec: MeerstetterTec109x, plant: Plant
) -> None:
    await tec.set_target_c(31.0)
    await tec.set_enabled(True)
    server.inject(Fault(FaultKind.POWER_CYCLE, 0.05))
    while tec.power_cycle is None:
        with contextlib.suppress(DeviceConnectionError, DeviceTimeoutError):
            await tec.read_target_c()
        await asyncio.sleep(0.02)
    assert await tec.read_target_c() == 31.0
    assert not await tec.is_enabled()
    assert "output_enable" in str(tec.power_cycle)


def ask(simulated: firmware.MeerstetterTec109x, frame: bytes) -> bytes:
    return b"".join(reply.data for reply in simulated.receive(frame + b"\r"))


def test_replies_have_the_lengths_by_which_clients_tell_them_apart(
    simulated: firmware.MeerstetterTec109x,
) -> None:
    value = ask(simulated, reading(2, 5, PARAMETERS["object_c"]).encode())
    done = ask(simulated, setting(2, 5, PARAMETERS["target_c"], 30.0).encode())
    text = ask(simulated, Request(2, 5, "?IF").encode())
    refused = ask(simulated, setting(2, 5, PARAMETERS["object_c"], 30.0).encode())
    assert re.fullmatch(rb"!020005[0-9A-F]{8}[0-9A-F]{4}\r", value)
    assert len(done) == 1 + 10 + 1
    assert len(text) == 1 + 30 + 1
    assert re.fullmatch(rb"!020005\+06[0-9A-F]{4}\r", refused)


def test_the_golden_setting_is_acknowledged_with_its_own_checksum(
    simulated: firmware.MeerstetterTec109x, plant: Plant
) -> None:
    assert ask(simulated, b"#0215ACVS0BB80141F00000E28C") == b"!0215ACE28C\r"
    assert plant.inputs["regulator_target_c"][0] == 30.0


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ("?XY", 1),
        ("?VR03E8", 4),
        ("?VR000101", 5),
        ("VS03E80141F00000", 6),
        ("VS07DA0100000009", 7),
        ("VS0BB8017FC00000", 7),
        ("?VR03E802", 8),
    ],
)
def test_what_it_cannot_do_it_refuses_by_number(
    simulated: firmware.MeerstetterTec109x, payload: str, code: int
) -> None:
    start = f"#020001{payload}".encode()
    frame = start + b"%04X" % checksum(start)
    reply = ask(simulated, frame).removesuffix(b"\r")
    assert parse_reply(reply, frame).error == code


def test_garbled_frames_and_other_addresses_are_not_answered(
    simulated: firmware.MeerstetterTec109x,
) -> None:
    assert ask(simulated, b"#0215AB?VR03E80134D9") == b""
    assert ask(simulated, reading(3, 1, PARAMETERS["object_c"]).encode()) == b""
    assert ask(simulated, setting(255, 1, PARAMETERS["target_c"], 22.0).encode()) == b""
    assert simulated.target_c() == 22.0
    whole = reading(0, 1, PARAMETERS["target_c"]).encode()
    assert ask(simulated, b"\xff\x00#02" + whole).startswith(b"!02")


def test_unsaved_settings_go_with_the_power(simulated: firmware.MeerstetterTec109x) -> None:
    target, saving = PARAMETERS["target_c"], PARAMETERS["save_mode"]
    ask(simulated, setting(2, 1, target, 28.0).encode())
    ask(simulated, setting(2, 2, saving, 1).encode())
    ask(simulated, setting(2, 3, target, 33.0).encode())
    reset = Request(2, 4, "RS")
    assert ask(simulated, reset.encode()) == acknowledge(2, reset) + b"\r"
    assert simulated.target_c() == 28.0
