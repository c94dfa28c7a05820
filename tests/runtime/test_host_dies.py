"""The host's process is killed in real time: what hangs on its wires makes itself safe."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.served_firmware import ROOT, Firmware, served

LAB = f"""
extends: {ROOT}/lab_configs/small.yaml
name: lone_host
plants:
  spare: {{chip: {{ports: 4, kind: unitary}}}}
control:
  spare_tec:
    setpoint_c: 28.0
    instruments: {{fan: spare_fan, rate_hz: 10, watchdog_s: 2.0}}
instruments:
  spare_tec: {{driver: meerstetter_tec109x, plant: spare}}
  spare_fan: {{driver: ebmpapst_ec_fan, plant: spare}}
job: {{lock_tolerance_k: 0.5, settle_s: 0.5}}
"""

HOST = """
import asyncio, sys
from lumina.runtime import open_bench

async def main():
    async with open_bench(sys.argv[1]):
        print("up", flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""

FAIL_SAFE_RPM, SOON_S, LOOK_S = 4000.0, 30.0, 0.1


@pytest.mark.timeout(300)
def test_board_controller_and_fan_are_safe_without_their_host(tmp_path: Path) -> None:
    lab = tmp_path / "lab.yaml"
    lab.write_text(LAB)
    with served(lab) as firmware:
        command = [sys.executable, "-c", HOST, str(host_of(firmware, lab))]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as host:
            assert host.stdout is not None
            assert host.stdout.readline() == "up\n"
            assert inputs(firmware, "spare")["instrument_tec_on"] == 1.0
            host.kill()
        asyncio.run(becomes_safe(firmware))


def host_of(firmware: Firmware, lab: Path) -> Path:
    """The same bench, whose instruments are where they are served."""
    lines = [f"extends: {lab}", "instruments:"]
    lines += [
        f"  {name}: {{backend: hardware, address: '{firmware.resource(name)}'}}"
        for name in firmware.instruments
    ]
    path = lab.with_name("host.yaml")
    path.write_text("\n".join(lines))
    return path


def inputs(firmware: Firmware, plant: str) -> dict[str, Any]:
    found: dict[str, Any] = firmware.order(do="read", plant=plant)["inputs"]
    return found


async def becomes_safe(firmware: Firmware) -> None:
    for _ in range(round(SOON_S / LOOK_S)):
        if is_safe(firmware):
            return
        await asyncio.sleep(LOOK_S)
    pytest.fail(f"not safe {SOON_S:g} s after the host was killed")


def is_safe(firmware: Firmware) -> bool:
    """The lone TEC off and its fan at full speed; the board's heaters off."""
    lone = inputs(firmware, "spare")
    drive_v = firmware.order(do="read", plant="main")["heater_drive_v"]
    off = lone["instrument_tec_on"] == 0.0 and not any(drive_v)
    return bool(off and abs(lone["instrument_fan_rpm"] - FAIL_SAFE_RPM) < 10.0)
