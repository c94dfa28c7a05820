"""`pytest --hardware CONFIG`, on simulated instruments at the addresses of real ones."""

import subprocess
import sys
from pathlib import Path

import pytest

from drivers.options import SantecTsl570Options
from firmware_sim.instruments.santec_tsl570 import SantecTsl570
from firmware_sim.servers import PtyEndpoint, Server
from twin.plant import Plant

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.timeout(900)


def bench(folder: Path, instruments: str) -> Path:
    config = folder / "bench.yaml"
    config.write_text(
        f"extends: {ROOT}/lab_configs/small.yaml\nname: real\ninstruments: {instruments}\n"
    )
    return config


def contract(config: Path | str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/contract"]
    return subprocess.run(
        [*command, "--hardware", str(config), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_only_the_real_instruments_are_tried_and_left_safe(plant: Plant, tmp_path: Path) -> None:
    laser = SantecTsl570("laser", SantecTsl570Options(), plant)
    server = Server("laser", laser, [PtyEndpoint("laser")])
    server.start()
    try:
        at = f"{{laser: {{backend: hardware, address: {server.resources[0]}}}}}"
        done = contract(bench(tmp_path, at))
    finally:
        server.stop()
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout
    assert laser.settings.power_w == 0.01, "as the bench's config says, not as after power-up"
    assert not laser.settings.emission


def test_an_instrument_that_is_not_there_fails_with_name_and_address(tmp_path: Path) -> None:
    config = bench(tmp_path, "{laser: {backend: hardware, address: /dev/ttyUSB_none}}")
    done = contract(config, "-x")
    assert done.returncode == 1
    assert "laser: /dev/ttyUSB_none: there is no such port" in done.stdout


def test_a_bench_without_real_instruments_is_refused(tmp_path: Path) -> None:
    done = contract(bench(tmp_path, "{}"))
    assert done.returncode != 0
    assert "no instrument there has backend: hardware" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
