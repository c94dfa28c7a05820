"""`lumina devices`: what this installation can drive, and what is plugged in."""

import json
import sys
from pathlib import Path

import pytest

from lumina.cli import main
from lumina.cli.devices import serial_ports


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
        "backends": ["twin"],
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
    (by_id / "usb-Lumina_NPU-16_0001-if00").symlink_to(device)
    assert serial_ports(by_id) == [
        {"address": str(by_id / "usb-Lumina_NPU-16_0001-if00"), "device": str(device)}
    ]
    assert serial_ports(tmp_path / "nothing") == []
