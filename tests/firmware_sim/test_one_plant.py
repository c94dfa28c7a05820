"""A bench that `lumina firmware` serves: time, the world beside the wires, faults by order.

Every client is a process of its own that knows nothing of this code, only the instrument's
protocol; tests/acceptance/test_one_plant.py shows that one plant is behind them all.
"""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.served_firmware import ROOT, START_TIMEOUT_S, Firmware, served

pytestmark = pytest.mark.timeout(START_TIMEOUT_S + 60.0)

BENCH = f"""
extends: {ROOT}/lab_configs/small.yaml
name: one_plant
instruments:
  meter: {{driver: thorlabs_pm100d, options: {{port: 0}}}}
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


@pytest.fixture(scope="module")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firmware]:
    config = tmp_path_factory.mktemp("bench") / "bench.yaml"
    config.write_text(BENCH)
    with served(config) as firmware:
        yield firmware


def test_the_meter_sees_the_laser(firmware: Firmware) -> None:
    assert firmware.client(SUPPLY, "supply") == 5.0
    assert firmware.client(LASER, "laser", "4") == 4.0
    dim_w = firmware.client(METER, "meter")
    assert firmware.client(LASER, "laser", "12") == 12.0
    bright_w = firmware.client(METER, "meter")
    assert dim_w > 1e-8
    assert bright_w == pytest.approx(3.0 * dim_w, rel=0.02)


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
