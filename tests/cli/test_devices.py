"""`lumina devices`: what this installation can drive, and what is plugged in."""

import json
import sys
from pathlib import Path

import pytest

from firmware_sim.instrument import Reply, SimulatedInstrument, Wiring
from firmware_sim.servers import HislipEndpoint, Server
from lumina.cli import main
from lumina.cli.scan import serial_ports, visa_instruments


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["lumina", "devices", *arguments])
    with pytest.raises(SystemExit) as exit_of:
        main()
    return int(exit_of.value.code or 0)


def test_every_driver_is_listed_with_role_and_backends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["drivers"]["meerstetter_tec109x"] == {
        "role": "temperature_controller",
        "description": "Meerstetter TEC-109x temperature controller",
        "backends": ["twin", "firmware", "hardware"],
    }
    assert "serial_ports" not in told


def test_the_table_says_what_a_scan_cannot_see(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--scan") == 0
    out = capsys.readouterr().out
    assert "qontrol_q8iv" in out
    assert "Ports are listed, not asked who they are." in out


def test_serial_ports_are_named_by_what_stays_the_same(tmp_path: Path) -> None:
    device = tmp_path / "ttyUSB3"
    device.touch()
    by_id = tmp_path / "by-id"
    by_id.mkdir()
    link = by_id / "usb-Lumina_NPU-16_0001-if00"
    link.symlink_to(device)
    named = {"address": str(link), "device": str(device), "description": "n/a"}
    assert named in serial_ports(by_id)
    assert named not in serial_ports(tmp_path / "nothing")


class Speaker(SimulatedInstrument):
    """Says one thing to whatever it is told."""

    wiring = Wiring(serial=False, hislip=True)

    def receive(self, data: bytes) -> list[Reply]:
        return [Reply(b"Lumina,Speaker,1,2.0\n")]

    def power_cycle(self) -> None:
        """It remembers nothing."""


@pytest.mark.timeout(30)
def test_visa_instruments_say_who_they_are_or_why_not() -> None:
    endpoint = HislipEndpoint("it", "127.0.0.1")
    server = Server("it", Speaker(), [endpoint])
    server.start()
    try:
        there, gone = endpoint.resource, "TCPIP::127.0.0.1::1::SOCKET"
        answers, silent = visa_instruments(lambda: [there, gone])
    finally:
        server.stop()
    assert answers == {"resource": there, "identity": "Lumina,Speaker,1,2.0"}
    assert silent["resource"] == gone
    assert silent["error"]
