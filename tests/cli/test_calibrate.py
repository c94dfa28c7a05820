"""`lumina calibrate`, as a user calls it: one process, real files."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from calibration.store import CalibrationStore, StoredCalibration
from lumina.cli.calibrate import calibrate
from lumina.errors import StoreError, UsageError
from lumina.runtime.bench import open_bench
from lumina.runtime.calibrating._checkpoint import read_checkpoint
from lumina.runtime.stored import Calibrations
from lumina.runtime.virtual_time import run_virtual
from lumina.runtime.wall_clock import utc_now
from lumina.store import open_run

ROOT = Path(__file__).parents[2]
LUMINA = [sys.executable, "-c", "from lumina.cli import main; main()"]


def bench_in(folder: Path) -> Path:
    """A small bench that records into a folder."""
    path = folder / "bench.yaml"
    path.write_text(
        f"extends: {ROOT}/lab_configs/small.yaml\nname: quick\nrecord: {{folder: {folder}/runs}}\n"
    )
    return path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return bench_in(tmp_path)


def lumina(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [*LUMINA, *map(str, arguments)]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=ROOT, timeout=600
    )


def mesh_of(document: dict[str, Any]) -> dict[str, Any]:
    """What a calibration tells of the mesh."""
    mesh: dict[str, Any] = document["calibrations"]["npu"]["routines"]["mesh"]
    return mesh


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
    mesh = mesh_of(first)
    assert mesh["transfer_error"] < 0.01
    assert mesh["measurements"] > 500
    assert mesh["faults"] == []
    assert Path(first["report"]).is_file()
    assert (Path(first["run"]) / "npu_mesh.tape").is_file()

    again = calibrated(config)
    assert again["calibrations"]["npu"]["version"] == 2
    assert again["trace_hash"] == first["trace_hash"]

    compared = lumina("calibrate", config, "--diff", "1..2", "--json")
    assert compared.returncode == 0, compared.stderr
    assert json.loads(compared.stdout)["diff"]["npu"]["changes"] == []  # the same seed

    async def bring_up(chip_seed: int) -> dict[str, int]:
        kept = Calibrations(config.parent / "calibrations", utc_now())
        async with open_bench(config, chip_seed=chip_seed, calibrations=kept) as bench:
            return bench.device.uses

    used = dict.fromkeys(("laser", "converters", "mesh", "fidelity"), 2)
    assert run_virtual(bring_up(chip_seed=0)) == used
    assert run_virtual(bring_up(chip_seed=1)) == {}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> StoredCalibration:
    """What a run that nobody kills finds."""
    config = bench_in(tmp_path_factory.mktemp("undisturbed"))
    calibrated(config, "--seed", 5)
    return the_one_stored(config)


def the_one_stored(config: Path) -> StoredCalibration:
    store = CalibrationStore(config.parent / "calibrations", "quick", "npu")
    assert store.versions() == [1]
    return store.read(1)


def killed(config: Path, *arguments: object, exchanges: int) -> None:
    """Kill a calibration once its checkpoint lies at or beyond so many exchanges."""
    with subprocess.Popen(
        [*LUMINA, "calibrate", str(config), "--virtual", "--seed", "5", *map(str, arguments)],
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
    ) as process:
        while reached(config) < exchanges:
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.01)  # noqa: TID251 - another process is waited for
        process.kill()


def reached(config: Path) -> int:
    """Exchanges at the newest run's checkpoint."""
    runs = sorted((config.parent / "runs").glob("*"))
    path = runs[-1] / "checkpoint.npz" if runs else config.parent / "none"
    return read_checkpoint(path).exchanges if path.exists() else -1


def test_a_run_that_is_killed_twice_finds_the_same_bit_for_bit(
    config: Path, undisturbed: StoredCalibration
) -> None:
    killed(config, exchanges=200)
    killed(config, "--resume", exchanges=500)
    done = calibrated(config, "--seed", 5, "--resume")
    assert len(done["resumed_from"]) == 2
    stored = the_one_stored(config)
    mesh, known = stored.sections["mesh"], undisturbed.sections["mesh"]
    assert mesh.findings.same_as(known.findings)
    assert mesh.provenance.raw_sha256 == known.provenance.raw_sha256
    assert mesh.provenance.bench_time_s == known.provenance.bench_time_s
    log = open_run(config.parent / "runs", "last").events()
    (resumed,) = [e for e in log.events if e.event == "resumed" and "exchanges" in e.data]
    assert resumed.data["exchanges"] >= 500
    assert not [e for e in log.events if e.level == "warning"]


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_a_kill_in_real_time_costs_nothing_that_was_measured(config: Path) -> None:
    firmware = ["--backend", "firmware", "--json"]
    with subprocess.Popen([*LUMINA, "calibrate", str(config), "mesh", *firmware], cwd=ROOT) as run:
        while tape_bytes(config) < 90_000:
            assert run.poll() is None, "it ended before it could be killed"
            time.sleep(0.1)  # noqa: TID251 - another process is waited for
        run.kill()
    done = lumina("calibrate", config, "mesh", *firmware, "--resume")
    assert done.returncode == 0, done.stderr
    assert "goes on after " in done.stderr
    mesh = mesh_of(json.loads(done.stdout))
    undisturbed = mesh_of(calibrated(config, "mesh", "--backend", "firmware"))
    assert mesh["measurements"] == undisturbed["measurements"]
    assert mesh["transfer_error"] < 0.01


def tape_bytes(config: Path) -> int:
    """How long the newest run's tape is."""
    tapes = sorted((config.parent / "runs").glob("*/npu_mesh.tape"))
    return tapes[-1].stat().st_size if tapes else 0


@pytest.mark.parametrize(
    ("arguments", "error", "complaint"),
    [
        ({"diff": "latest"}, UsageError, "such as 2..3"),
        ({"diff": "1..2"}, StoreError, r"0001\.json: cannot be read: No such file"),
        ({"check": True, "resume": True}, UsageError, "one at a time"),
        ({"check": True, "routines": ["mesh"]}, UsageError, "one at a time"),
        ({"routines": ["mush"]}, UsageError, r"no routine mush \(allowed: .*mesh"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_starts(
    config: Path, arguments: dict[str, Any], error: type[Exception], complaint: str
) -> None:
    with pytest.raises(error, match=complaint):
        calibrate(config, **arguments)
    assert not (config.parent / "runs").exists()
