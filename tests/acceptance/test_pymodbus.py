"""pymodbus' own clients, in a process of their own, against the simulated fan and T7."""

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pymodbus.client import ModbusSerialClient, ModbusTcpClient
from pymodbus.client.mixin import ModbusClientMixin

from tests.served_firmware import START_TIMEOUT_S, Firmware

pytestmark = pytest.mark.timeout(START_TIMEOUT_S + 60.0)


@pytest.fixture
def fan(firmware: Firmware) -> Iterator[ModbusSerialClient]:
    with ModbusSerialClient(
        firmware.resource("spare_fan"), baudrate=19200, parity="N", timeout=1.0
    ) as client:
        yield client


@pytest.fixture
def daq(firmware: Firmware) -> Iterator[ModbusTcpClient]:
    address = re.fullmatch(r"tcp://([\d.]+):(\d+)", firmware.resource("spare_diodes"))
    assert address is not None
    with ModbusTcpClient(address[1], port=int(address[2]), timeout=1.0) as client:
        yield client


def number(client: ModbusTcpClient, address: int, kind: ModbusClientMixin.DATATYPE) -> Any:
    reply = client.read_holding_registers(address, count=2, device_id=1)
    assert not reply.isError()
    return client.convert_from_registers([*reply.registers], kind)


def speed_word(client: ModbusSerialClient) -> int:
    reply = client.read_input_registers(0xD010, count=1, device_id=1)
    assert not reply.isError()
    return int(reply.registers[0])


def test_the_fan_is_set_and_read(fan: ModbusSerialClient) -> None:
    for register, value in ((0xD101, 1), (0xD106, 0), (0xD001, 32000)):
        reply = fan.write_register(register, value, device_id=1)
        assert not reply.isError()
        assert [*reply.registers] == [value]
    assert wait_for(lambda: speed_word(fan) > 31000)
    status = fan.read_input_registers(0xD011, count=2, device_id=1)
    assert [*status.registers] == [0, 0]


def test_the_fan_runs_up_when_its_host_falls_silent(fan: ModbusSerialClient) -> None:
    for register, value in ((0xD101, 1), (0xD106, 0), (0xD001, 0)):
        fan.write_register(register, value, device_id=1)
    assert wait_for(lambda: speed_word(fan) < 16000)
    reply = fan.write_registers(0xD15C, [1, 64000, 5], device_id=1)
    assert not reply.isError()
    time.sleep(1.5)  # noqa: TID251 - the silence that is tested
    assert speed_word(fan) > 30000
    fan.write_register(0xD15C, 0, device_id=1)


def test_the_fan_refuses_by_exception(fan: ModbusSerialClient) -> None:
    assert fan.read_holding_registers(0x0000, count=1, device_id=1).exception_code == 2
    assert fan.read_input_registers(0xD000, count=10, device_id=1).exception_code == 3
    assert fan.write_register(0xD100, 248, device_id=1).exception_code == 3
    assert fan.read_coils(0, count=1, device_id=1).exception_code == 1


def test_the_t7_is_a_t7(daq: ModbusTcpClient, firmware: Firmware) -> None:
    firmware.order(do="set", plant="spare", input="laser_on", value=0)
    assert number(daq, 55100, daq.DATATYPE.UINT32) == 0x00112233
    assert number(daq, 60000, daq.DATATYPE.FLOAT32) == 7.0
    assert abs(number(daq, 0, daq.DATATYPE.FLOAT32)) < 1e-3  # it is dark


def test_the_t7s_outputs_are_written_in_pairs_of_registers(daq: ModbusTcpClient) -> None:
    words = daq.convert_to_registers(2.5, daq.DATATYPE.FLOAT32)
    assert not daq.write_registers(1000, words, device_id=1).isError()
    assert number(daq, 1000, daq.DATATYPE.FLOAT32) == 2.5
    assert daq.write_register(1000, words[0], device_id=1).exception_code == 2


def wait_for(holds: Any) -> bool:
    for _ in range(200):
        if holds():
            return True
        time.sleep(0.02)  # noqa: TID251 - another process lives in real time
    return False
