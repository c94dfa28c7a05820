"""EC fan and LabJack T7: drivers against simulated firmware on a pty and on TCP."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack

import pytest
import pytest_asyncio

from drivers.config import InstrumentConfig, build_instrument
from drivers.instruments.ebmpapst_ec_fan import EbmpapstEcFan
from drivers.instruments.labjack_t7 import LabjackT7
from drivers.options import EbmpapstEcFanOptions, LabjackT7Options
from drivers.photodiodes import PhotodiodeMeter
from drivers.registry import Mounting
from firmware_sim.faults import Fault, FaultKind
from firmware_sim.instruments import ebmpapst_ec_fan, labjack_t7
from firmware_sim.servers import PtyEndpoint, Server, TcpEndpoint
from lumina.errors import (
    DeviceConnectionError,
    DeviceStateError,
    DeviceTimeoutError,
    IdentityError,
)
from twin.plant import Plant

FAST = {"fail_safe_s": 0.5}


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def fan_server(plant: Plant, stack: ExitStack) -> Server:
    device = ebmpapst_ec_fan.EbmpapstEcFan("fan", EbmpapstEcFanOptions(), plant)
    return started(Server("fan", device, [PtyEndpoint("fan")], baud=19200), stack)


@pytest.fixture
def t7_server(plant: Plant, stack: ExitStack) -> Server:
    device = labjack_t7.LabjackT7("daq", LabjackT7Options(channels=3, port=1), plant)
    return started(Server("daq", device, [TcpEndpoint("daq", "127.0.0.1")]), stack)


def started(server: Server, stack: ExitStack) -> Server:
    server.start()
    stack.callback(server.stop)
    return server


def fan_at(server: Server, **options: object) -> EbmpapstEcFan:
    settings = EbmpapstEcFanOptions.model_validate(options)
    return EbmpapstEcFan(Mounting("fan", settings, None, server.endpoints[0].resource))


def t7_at(server: Server, **options: object) -> LabjackT7:
    settings = LabjackT7Options.model_validate({"channels": 3, "port": 1, **options})
    return LabjackT7(Mounting("daq", settings, None, server.endpoints[0].resource))


@pytest_asyncio.fixture
async def fan(fan_server: Server) -> AsyncIterator[EbmpapstEcFan]:
    fan = fan_at(fan_server)
    await fan.connect()
    yield fan
    await fan.close()


@pytest_asyncio.fixture
async def t7(t7_server: Server) -> AsyncIterator[LabjackT7]:
    t7 = t7_at(t7_server)
    await t7.connect()
    yield t7
    await t7.close()


def commanded_rpm(plant: Plant) -> float:
    return float(plant.inputs["instrument_fan_rpm"][0])


def shine(plant: Plant) -> None:
    plant.inputs["laser_on"] = 1.0
    plant.actuator.head["laser_scale"] = 1.0
    plant.step(5)


async def test_without_its_host_the_fan_runs_up(fan_server: Server, plant: Plant) -> None:
    fan = fan_at(fan_server, **FAST)
    await fan.connect()
    await fan.set_speed_rpm(1000.0)
    await fan.close()
    plant.step(600)  # silence, as the fan counts it
    await until(lambda: commanded_rpm(plant) == 4000.0)


async def test_a_waiting_host_keeps_speaking_to_the_fan(fan_server: Server, plant: Plant) -> None:
    fan = fan_at(fan_server, **FAST)
    await fan.connect()
    await fan.set_speed_rpm(1000.0)
    for _ in range(8):
        plant.step(100)
        await asyncio.sleep(0.1)
    assert commanded_rpm(plant) == 1000.0
    await fan.close()


async def test_a_fan_with_a_password_gets_its_fail_safe_by_it(
    plant: Plant, stack: ExitStack
) -> None:
    settings = EbmpapstEcFanOptions(password="secret")
    device = ebmpapst_ec_fan.EbmpapstEcFan("fan", settings, plant)
    server = started(Server("fan", device, [PtyEndpoint("fan")], baud=19200), stack)
    with pytest.raises(DeviceStateError, match=r"give the customer's password"):
        await fan_at(server).connect()
    fan = fan_at(server, password="secret")
    await fan.connect()
    await fan.close()
    server.stop()
    assert device.get("fail_safe_source") == 1


async def test_a_frame_takes_its_time_on_the_line(fan: EbmpapstEcFan) -> None:
    loop = asyncio.get_running_loop()
    begin_s = loop.time()
    for _ in range(5):
        await fan.read_speed_rpm()
    # 8 + 7 bytes of 10 bits, and the 3.5 characters of silence around them.
    assert loop.time() - begin_s > 5 * (15 * 10 / 19200 + 0.002)


async def test_a_late_speed_is_not_taken_for_the_motor_status(
    fan: EbmpapstEcFan, fan_server: Server, plant: Plant
) -> None:
    await fan.set_speed_rpm(4000.0)
    plant.step(5000)
    fan_server.inject(Fault(FaultKind.LATE, 1.2))
    with pytest.raises(DeviceTimeoutError, match="no answer"):
        await fan.read_speed_rpm()
    assert not await fan.is_stalled()  # 64000 has the bit that says blocked
    assert await fan.read_speed_rpm() == pytest.approx(4000.0, abs=1.0)


async def test_a_cancelled_read_leaves_nothing_behind(fan: EbmpapstEcFan, plant: Plant) -> None:
    await fan.set_speed_rpm(4000.0)
    plant.step(5000)
    for _ in range(3):
        reading = asyncio.create_task(fan.read_speed_rpm())
        await asyncio.sleep(0.004)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert not await fan.is_stalled()


@pytest.mark.parametrize("kind", [FaultKind.TRUNCATED, FaultKind.GARBLED, FaultKind.DROPPED])
async def test_a_broken_reply_is_a_time_out_and_then_all_is_well(
    fan: EbmpapstEcFan, fan_server: Server, kind: FaultKind
) -> None:
    fan_server.inject(Fault(kind))
    with pytest.raises(DeviceTimeoutError):
        await fan.read_speed_rpm()
    assert await fan.read_speed_rpm() == 0.0


async def test_a_doubled_reply_harms_nobody(fan: EbmpapstEcFan, fan_server: Server) -> None:
    fan_server.inject(Fault(FaultKind.DOUBLED))
    assert await fan.read_speed_rpm() == 0.0
    assert not await fan.is_stalled()


async def test_a_power_cycled_fan_gets_its_speed_again(
    fan: EbmpapstEcFan, fan_server: Server, plant: Plant
) -> None:
    await fan.set_speed_rpm(1000.0)
    fan_server.inject(Fault(FaultKind.POWER_CYCLE, 0.2))
    await until(lambda: commanded_rpm(plant) == 0.0)
    with pytest.raises(DeviceConnectionError):
        await fan.read_speed_rpm()
    await until(lambda: fan.power_cycle is not None)
    assert commanded_rpm(plant) == 1000.0
    assert "speed: 1000.0" in str(fan.power_cycle)


async def test_nobody_on_the_line_is_a_connection_error(
    fan_server: Server,
) -> None:
    with pytest.raises(DeviceConnectionError, match="nobody answers"):
        await fan_at(fan_server, unit=5).connect()


async def test_the_t7_agrees_with_its_twin(t7: LabjackT7, plant: Plant) -> None:
    shine(plant)
    config = InstrumentConfig.model_validate(
        {"driver": "labjack_t7", "options": {"channels": 3, "port": 1}}
    )
    twin = build_instrument("daq", config, plant)
    await twin.connect()
    assert isinstance(twin, PhotodiodeMeter)
    assert await t7.read_power_w() == pytest.approx(await twin.read_power_w(), rel=1e-6)


@pytest.mark.parametrize(
    ("address", "resource"),
    [
        ("tcp://10.0.0.7", "tcp://10.0.0.7:502"),
        ("tcp://10.0.0.7:1502", "tcp://10.0.0.7:1502"),
        ("TCPIP0::10.0.0.7::1502::SOCKET", "tcp://10.0.0.7:1502"),
    ],
)
def test_an_address_names_a_plain_socket(address: str, resource: str) -> None:
    t7 = LabjackT7(Mounting("daq", LabjackT7Options(), None, address))
    assert t7.bus.resource == resource


async def test_a_late_transaction_is_told_by_its_number(
    t7: LabjackT7, t7_server: Server, plant: Plant
) -> None:
    t7_server.inject(Fault(FaultKind.LATE, 1.1))
    with pytest.raises(DeviceTimeoutError):
        await t7.read_power_w()
    shine(plant)
    assert (await t7.read_power_w()).min() > 1e-7  # not the darkness of before


async def test_a_lost_t7_comes_back(t7: LabjackT7, t7_server: Server) -> None:
    t7_server.inject(Fault(FaultKind.DISCONNECT, 0.2))
    await asyncio.sleep(0.1)
    with pytest.raises(DeviceConnectionError, match=r"tcp://127\.0\.0\.1"):
        await t7.read_power_w()
    await until_answered(t7)


async def test_another_modbus_device_is_told_apart(plant: Plant, stack: ExitStack) -> None:
    device = labjack_t7.LabjackT7("daq", LabjackT7Options(), plant)
    device.put("test", 0)
    server = started(Server("daq", device, [TcpEndpoint("daq", "127.0.0.1")]), stack)
    with pytest.raises(IdentityError, match="no LabJack"):
        await t7_at(server).connect()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5.0):
        while not holds():  # noqa: ASYNC110 - a thread that knows no event makes it true
            await asyncio.sleep(0.02)


async def until_answered(t7: LabjackT7) -> None:
    async with asyncio.timeout(5.0):
        while True:
            try:
                await t7.read_power_w()
                return
            except DeviceConnectionError:
                await asyncio.sleep(0.02)
