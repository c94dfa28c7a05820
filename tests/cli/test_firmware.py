"""`lumina firmware`: what it prints, what it refuses, how it ends."""

import json
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(90)

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from lumina.cli import main; main()", "firmware"]


def bench(folder: Path, more: str = "") -> Path:
    config = folder / "bench.yaml"
    config.write_text(f"extends: {ROOT}/lab_configs/small.yaml\nname: served\n{more}")
    return config


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_the_first_line_says_where_they_are_and_a_signal_ends_it(
    tmp_path: Path, how: signal.Signals
) -> None:
    command = [*COMMAND, str(bench(tmp_path)), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as served:
        assert served.stdout is not None
        try:
            ready, _, _ = select.select([served.stdout], [], [], 60.0)
            assert ready, "no addresses"
            document = json.loads(served.stdout.readline())
        finally:
            served.send_signal(how)
            code = served.wait(20)
    assert code == 0
    assert set(document["instruments"]) == {"npu", "laser", "supply"}
    assert document["instruments"]["laser"]["driver"] == "santec_tsl570"
    assert document["instruments"]["laser"]["resource"].startswith("TCPIP::127.0.0.1::")
    assert document["control"].startswith("tcp://127.0.0.1:")


def test_a_port_in_use_is_named_with_the_instrument(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        laser = f"{{backend: firmware, address: 'tcp://127.0.0.1:{port}'}}"
        config = bench(tmp_path, f"instruments:\n  laser: {laser}\n")
        done = subprocess.run(
            [*COMMAND, str(config)], capture_output=True, text=True, timeout=80, check=False
        )
    assert done.returncode == 1
    assert f"laser: cannot be served on 127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_broken_config_is_told_as_ever(tmp_path: Path) -> None:
    config = bench(tmp_path, "instruments:\n  meter: {driver: thorlabs_pm1000}\n")
    done = subprocess.run(
        [*COMMAND, str(config)], capture_output=True, text=True, timeout=80, check=False
    )
    assert done.returncode == 2
    assert "did you mean thorlabs_pm100d?" in done.stderr
