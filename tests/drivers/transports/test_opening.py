"""Opening a wire: what cannot be opened says why, and names device and resource."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from drivers.bus.bus import Bus, LineFramer, Resync
from drivers.transports import LoopTransport, Transport, open_transport
from drivers.transports.serial_port import SerialPort
from drivers.transports.tcp import Tcp
from lumina.errors import DeviceConnectionError, UsageError

HOLD_PORT = """
import sys
from drivers.transports import open_transport
port = open_transport(sys.argv[1])
port.open()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def pty() -> Iterator[str]:
    """A pseudo-terminal that nobody serves."""
    master, slave = os.openpty()
    yield os.ttyname(slave)
    os.close(slave)
    os.close(master)


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


async def refusal(address: str) -> str:
    bus = Bus("meter", open_transport(address), LineFramer(), Resync.scpi())
    with pytest.raises(DeviceConnectionError) as caught:
        await bus.open()
    assert not bus.is_open
    return str(caught.value)


async def test_a_port_that_is_not_there() -> None:
    said = await refusal("/dev/ttyUSB_none")
    assert said == "meter: /dev/ttyUSB_none: there is no such port; is it plugged in?"


async def test_a_visa_port_that_is_not_there() -> None:
    assert (await refusal("ASRL/dev/ttyUSB_none::INSTR")).startswith("meter: ASRL/dev/ttyUSB_none")


@pytest.mark.parametrize("form", ["tcp://127.0.0.1:{}", "TCPIP::127.0.0.1::{}::SOCKET"])
async def test_nobody_listens(form: str, free_port: int) -> None:
    address = form.format(free_port)
    said = await refusal(address)
    assert said.startswith(f"meter: {address}: nobody listens on this port")


async def test_nobody_is_plugged_in() -> None:
    assert "nobody is plugged in" in await refusal("memory:nobody")


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_no_permission(pty: str) -> None:
    os.chmod(pty, 0o600)
    code = (
        "import os\n"
        "from drivers.transports import TransportError\n"
        "from drivers.transports.serial_port import SerialPort\n"
        "os.setuid(65534)\n"
        f"try: SerialPort({pty!r}).open()\n"
        "except TransportError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=10, check=False
    )
    assert done.stdout.startswith("no permission; is this user in the group"), done.stderr


@pytest.fixture(params=["{}", "ASRL{}::INSTR"])
def held(request: pytest.FixtureRequest, pty: str) -> Iterator[str]:
    """A pseudo-terminal that another process has opened, as serial port or by VISA."""
    command = [sys.executable, "-c", HOLD_PORT, request.param.format(pty)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        yield pty
        other.communicate(timeout=5)


async def test_a_port_in_use_by_another_process(held: str) -> None:
    assert await refusal(held) == f"meter: {held}: in use by another process"
    assert (await refusal(f"ASRL{held}::INSTR")).endswith("in use by another process")


async def test_a_closed_port_is_free_again(pty: str) -> None:
    for _ in range(2):
        port = open_transport(pty)
        assert isinstance(port, SerialPort)
        port.open()
        port.close()


@pytest.mark.parametrize(
    ("address", "kind", "resource"),
    [
        ("/dev/ttyUSB0", SerialPort, "/dev/ttyUSB0"),
        ("serial:/dev/ttyUSB0?baud=9600&parity=even", SerialPort, "/dev/ttyUSB0"),
        ("tcp://10.0.0.7:5025", Tcp, "tcp://10.0.0.7:5025"),
        ("TCPIP::10.0.0.7::hislip0::INSTR", Transport, "TCPIP::10.0.0.7::hislip0::INSTR"),
        ("memory:it", LoopTransport, "memory:it"),
    ],
)
def test_an_address_names_its_wire(address: str, kind: type, resource: str) -> None:
    wire = open_transport(address)
    assert isinstance(wire, kind)
    assert wire.resource == resource


@pytest.mark.parametrize(
    "address",
    [
        "COM3",
        "",
        "tcp://host",
        "tcp://host:99999",
        "tcp://host:1/path",
        "serial:/dev/ttyS0?baud=fast",
        "serial:/dev/ttyS0?parity=maybe",
        "serial:/dev/ttyS0?flow=on",
        "/dev/ttyS0?fast",
        "TCPIP::host::5025::SOCKET?baud=9600",
        "ftp://host:21",
    ],
)
def test_an_address_that_names_nothing_says_which_do(address: str) -> None:
    with pytest.raises(UsageError, match="address"):
        open_transport(address)
