"""`lumina calibrate`, as a user calls it: one process, real files."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lumina.runtime.bench import open_bench
from lumina.runtime.stored import Calibrations
from lumina.runtime.virtual_time import run_virtual
from lumina.runtime.wall_clock import utc_now

ROOT = Path(__file__).parents[2]
LUMINA = [sys.executable, "-c", "from lumina.cli import main; main()"]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A small bench that records into tmp_path."""
    path = tmp_path / "bench.yaml"
    path.write_text(
        f"extends: {ROOT}/lab_configs/small.yaml\n"
        "name: quick\n"
        f"record: {{folder: {tmp_path}/runs}}\n"
    )
    return path


def lumina(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [*LUMINA, *map(str, arguments)]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=ROOT, timeout=240
    )


def calibrated(*arguments: object) -> dict[str, Any]:
    done = lumina("calibrate", *arguments, "--virtual", "--json")
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_a_chip_is_learned_stored_and_known_at_the_next_bring_up(config: Path) -> None:
    first = calibrated(config)
    stored = first["calibrations"]["npu"]
    assert stored["version"] == 1
    assert Path(stored["file"]) == config.parent / "calibrations/quick/npu/0001.json"
    mesh = stored["routines"]["mesh"]
    assert mesh["transfer_error"] < 0.01
    assert (mesh["measurements"], mesh["faults"]) == (512, [])
    assert Path(first["report"]).is_file()
    assert (Path(first["run"]) / "npu_mesh.tape").is_file()

    again = calibrated(config, "mesh")
    assert again["calibrations"]["npu"]["version"] == 2
    assert again["trace_hash"] == first["trace_hash"]

    async def bring_up(chip_seed: int) -> dict[str, int]:
        kept = Calibrations(config.parent / "calibrations", utc_now())
        async with open_bench(config, chip_seed=chip_seed, calibrations=kept) as bench:
            return bench.device.uses

    assert run_virtual(bring_up(chip_seed=0)) == {"mesh": 2}
    assert run_virtual(bring_up(chip_seed=1)) == {}


def test_a_routine_that_does_not_exist_is_refused_with_those_that_do(config: Path) -> None:
    done = lumina("calibrate", config, "mush", "--virtual", "--json")
    assert done.returncode == 2
    assert "no routine mush (allowed: mesh" in done.stderr
    assert done.stdout == ""
