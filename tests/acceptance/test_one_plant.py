"""One plant behind all instruments: what one client does, another sees with its instrument.

Three clients, each a process of its own that knows nothing of this code: the makers' package
on the Qontrol, PyMeasure on the Thorlabs meter, and bytes by hand on the Meerstetter, whose
makers publish no package that runs without a native library.
"""

import pytest

from tests.served_firmware import START_TIMEOUT_S, Firmware

pytest.importorskip("pymeasure", reason="`make test` installs it")
pytest.importorskip("qontrol", reason="`make test` installs it")

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(START_TIMEOUT_S + 120.0)]

LASER = """
    import socket, sys
    laser = socket.create_connection((sys.argv[1], int(sys.argv[2])), 10)
    laser.sendall(b":POW:UNIT 1\\r:POW 12\\r:POW:STAT 1\\r:POW:STAT?\\r")
    print(float(laser.makefile(newline="\\r").readline()))
"""

HEATERS = """
    import contextlib, io, sys
    from qontrol import QXOutput
    with contextlib.redirect_stdout(io.StringIO()):
        heaters = QXOutput(serial_port_name=sys.argv[1], response_timeout=1.0)
        for channel in range(heaters.n_chs):
            heaters.v[channel] = float(sys.argv[2])
        drive_v = heaters.v[0]
        heaters.close()
    print(drive_v)
"""

METER = """
    import sys
    from pymeasure.instruments.thorlabs import ThorlabsPM100USB
    host, port = sys.argv[1:]
    meter = ThorlabsPM100USB(
        f"TCPIP::{host}::{port}::SOCKET",
        visa_library="@py", read_termination="\\n", write_termination="\\n", timeout=10_000,
    )
    meter.wavelength = 1550
    print(meter.power)
"""

CARRIER = """
    import binascii, serial, struct, sys
    with serial.Serial(sys.argv[1], 57600, timeout=10) as tec:
        ask = b"#0007D1?VR03E801"  # parameter 1000: object temperature
        tec.write(ask + b"%04X\\r" % binascii.crc_hqx(ask, 0))
        reply = tec.read_until(b"\\r")
        print(struct.unpack(">f", bytes.fromhex(reply[7:15].decode()))[0])
"""

WARMER_K = 0.05


def test_the_meter_sees_the_fringe_and_the_tec_controller_the_heat_of_the_heaters(
    firmware: Firmware,
) -> None:
    assert firmware.client(LASER, "spare_laser") == 1.0
    powers_w = []
    for drive_v in (0.0, 4.0, 10.0):
        told_v = firmware.client(HEATERS, "spare_heaters", str(drive_v))
        assert told_v == pytest.approx(drive_v, abs=0.01)
        powers_w.append(firmware.client(METER, "spare_meter"))
        if drive_v == 0.0:
            cold_c = firmware.client(CARRIER, "spare_tec")
    assert max(powers_w) > 1.2 * min(powers_w), "the light moves between the ports"
    for _ in range(200):  # a watt warms the carrier by 0.02 K/s
        warm_c = firmware.client(CARRIER, "spare_tec")
        if warm_c > cold_c + WARMER_K:
            break
    assert warm_c > cold_c + WARMER_K
    truth = firmware.order(do="read", plant="spare")
    assert truth["heater_drive_v"][0] == pytest.approx(10.0, abs=0.01)
    assert truth["temperatures_c"]["carrier"] == pytest.approx(warm_c, abs=0.1)
    firmware.client(HEATERS, "spare_heaters", "0.0")
