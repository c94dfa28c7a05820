"""One plant behind all instruments: what one client does, another sees with its instrument.

`lumina firmware` serves them; every client is a process of its own that knows nothing of
this code, only the instrument's protocol.
"""

import json
import select
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(120)

ROOT = Path(__file__).parents[2]
CLIENT_TIMEOUT_S = 60.0

BENCH = f"""
extends: {ROOT}/lab_configs/small.yaml
name: one_plant
instruments:
  meter: {{driver: thorlabs_pm100d, options: {{port: 0}}}}
  heaters: {{driver: qontrol_q8iv, options: {{channels: 40}}}}
  tec: {{driver: meerstetter_tec109x}}
"""

LASER = """
    import socket, sys
    host, port, power_mw = sys.argv[1:]
    laser = socket.create_connection((host, int(port)), 10)
    laser.sendall(f":POW:UNIT 1\\r\\n:POW {power_mw}\\r\\n:POW:STAT 1\\r\\n:POW?\\r\\n".encode())
    print(float(laser.makefile(newline="\\r").readline()))
"""

SUPPLY = """
    import socket, sys
    supply = socket.create_connection((sys.argv[1], int(sys.argv[2])), 10)
    supply.sendall(b"APPL CH1,5,4\\nOUTP ON,(@1)\\nMEAS:VOLT? (@1)\\n")
    print(float(supply.makefile().readline()))
"""

METER = """
    import socket, sys
    meter = socket.create_connection((sys.argv[1], int(sys.argv[2])), 10)
    meter.sendall(b"SENS:CORR:WAV 1550\\nSENS:AVER:COUN 100\\nMEAS:POW?\\n")
    print(float(meter.makefile().readline()))
"""

HEATERS = """
    import serial, sys
    path, drive_v = sys.argv[1:]
    with serial.Serial(path, 115200, timeout=10) as heaters:
        for channel in range(36):
            heaters.write(f"V{channel}={drive_v}\\n".encode())
            assert heaters.readline().strip() == b"OK"
        heaters.write(b"V0?\\n")
        print(float(heaters.readline().split()[0]))
"""

CARRIER = """
    import binascii, serial, struct, sys
    with serial.Serial(sys.argv[1], 57600, timeout=10) as tec:
        ask = b"#0007D1?VR03E801"  # parameter 1000: object temperature
        tec.write(ask + b"%04X\\r" % binascii.crc_hqx(ask, 0))
        reply = tec.read_until(b"\\r")
        print(struct.unpack(">f", bytes.fromhex(reply[7:15].decode()))[0])
"""


class Firmware:
    """The served bench, and clients for it."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.instruments, self._control = document["instruments"], document["control"]

    def client(self, program: str, name: str, *arguments: str) -> float:
        """Run a client program with the instrument's address; what it prints."""
        resource = self.instruments[name]["resource"]
        address = [resource]
        if resource.startswith("TCPIP::"):
            address = resource.split("::")[1:3]
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program), *address, *arguments],
            capture_output=True,
            text=True,
            timeout=CLIENT_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return float(done.stdout)

    def order(self, **order: Any) -> dict[str, Any]:
        """Use the control channel."""
        host, port = self._control.removeprefix("tcp://").split(":")
        with socket.create_connection((host, int(port)), 10.0) as wire:
            wire.sendall(json.dumps(order).encode() + b"\n")
            answer: dict[str, Any] = json.loads(wire.makefile().readline())
        return answer


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firmware]:
    config = tmp_path_factory.mktemp("bench") / "bench.yaml"
    config.write_text(BENCH)
    command = [sys.executable, "-c", "from lumina.cli import main; main()", "firmware"]
    with subprocess.Popen(
        [*command, str(config), "--json"], cwd=ROOT, stdout=subprocess.PIPE
    ) as server:
        assert server.stdout is not None
        try:
            ready, _, _ = select.select([server.stdout], [], [], 60.0)
            assert ready, "no addresses"
            yield Firmware(json.loads(server.stdout.readline()))
        finally:
            server.send_signal(signal.SIGINT)
            assert server.wait(20) == 0, "interrupted is how it ends"


def test_the_meter_sees_the_laser(firmware: Firmware) -> None:
    assert firmware.client(SUPPLY, "supply") == 5.0
    assert firmware.client(LASER, "laser", "4") == 4.0
    dim_w = firmware.client(METER, "meter")
    assert firmware.client(LASER, "laser", "12") == 12.0
    bright_w = firmware.client(METER, "meter")
    assert dim_w > 1e-8
    assert bright_w == pytest.approx(3.0 * dim_w, rel=0.02)


def test_the_meter_sees_the_fringe_and_the_tec_controller_the_heat_of_the_heaters(
    firmware: Firmware,
) -> None:
    firmware.client(SUPPLY, "supply")
    firmware.client(LASER, "laser", "12")
    cold_c, powers_w = firmware.client(CARRIER, "tec"), []
    for drive_v in ("0", "4", "8"):
        assert firmware.client(HEATERS, "heaters", drive_v) == pytest.approx(
            float(drive_v), abs=0.01
        )
        powers_w.append(firmware.client(METER, "meter"))
    assert max(powers_w) > 1.2 * min(powers_w), "the light moves between the ports"
    for _ in range(200):  # 3 W warm the carrier by 0.07 K/s
        warm_c = firmware.client(CARRIER, "tec")
        if warm_c > cold_c + 0.1:
            break
    assert warm_c > cold_c + 0.1
    truth = firmware.order(do="read", plant="main")
    assert truth["heater_drive_v"][0] == pytest.approx(8.0, abs=0.01)
    assert truth["temperatures_c"]["carrier"] == pytest.approx(warm_c, abs=0.2)
    firmware.client(HEATERS, "heaters", "0")


def test_the_surroundings_are_set_beside_the_wires(firmware: Firmware) -> None:
    assert firmware.order(do="set", plant="main", input="ambient_c", value=31.5) == {"ok": True}
    assert firmware.order(do="read", plant="main")["inputs"]["ambient_c"] == 31.5
    firmware.order(do="set", plant="main", input="ambient_c", value=25.0)


def test_time_passes_at_the_pace_of_the_room(firmware: Firmware) -> None:
    first = firmware.order(do="read", plant="main")["tick"]
    with socket.create_server(("127.0.0.1", 0)) as pause:  # a wait without a clock
        pause.settimeout(0.5)
        with pytest.raises(TimeoutError):
            pause.accept()
    passed = firmware.order(do="read", plant="main")["tick"] - first
    assert 400 < passed < 1500


def test_a_fault_is_ordered_while_it_runs(firmware: Firmware) -> None:
    order = {"do": "fault", "instrument": "meter", "kind": "garbled"}
    assert firmware.order(**order) == {"ok": True}
    with pytest.raises(AssertionError, match="could not convert"):
        firmware.client(METER, "meter")
    assert firmware.client(METER, "meter") > -1.0


@pytest.mark.parametrize(
    ("order", "why"),
    [
        ({"do": "fault", "instrument": "nobody", "kind": "late"}, "no instrument nobody"),
        ({"do": "fault", "instrument": "meter", "kind": "moody"}, "kind"),
        ({"do": "set", "plant": "main", "input": "weather", "value": 1}, "no input weather"),
        (
            {"do": "set", "plant": "main", "input": "sensor_fault", "value": 1},
            "sensor_fault[0]",
        ),
        ({"do": "read", "plant": "garden"}, "no plant garden"),
        ({"do": "sing"}, "do"),
    ],
)
def test_a_wrong_order_is_refused_in_words(
    firmware: Firmware, order: dict[str, Any], why: str
) -> None:
    answer = firmware.order(**order)
    assert not answer["ok"]
    assert why in answer["error"]


def test_what_an_instrument_did_not_know_is_told(firmware: Firmware) -> None:
    firmware.client(METER.replace("MEAS:POW?", "TUNE:IT 3\\nMEAS:POW?"), "meter")
    assert firmware.order(do="unknown", instrument="meter")["unknown"][-1] == "TUNE:IT"
