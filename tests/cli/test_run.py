"""`lumina run`, as a user calls it: one process, real signals, real files."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lumina.store import open_run

ROOT = Path(__file__).parents[2]
LUMINA = [sys.executable, "-c", "from lumina.cli import main; main()"]
DIGITAL, CALIBRATED, COMPENSATED = "digital", "calibrated", "disturbed_compensated"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A small bench with one seed and a short disturbance, that records into tmp_path."""
    path = tmp_path / "bench.yaml"
    path.write_text(
        f"extends: {ROOT}/lab_configs/small.yaml\n"
        "name: quick\n"
        f"record: {{folder: {tmp_path}/runs}}\n"
        "job:\n"
        "  seeds: 2\n"
        "  disturbance: {compute_step_w: 30.0, ambient_ramp_s: 2.0, dwell_s: 3.0}\n"
    )
    return path


def lumina(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [*LUMINA, *map(str, arguments)]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=ROOT, timeout=240
    )


def start(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*LUMINA, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def test_the_same_seed_gives_the_same_run_and_control_saves_the_accuracy(config: Path) -> None:
    documents: list[dict[str, Any]] = []
    for seeds in ((), ("--seeds", 1)):  # two as the config says, and the first of them alone
        done = lumina("run", config, "--virtual", "--seed", 3, *seeds, "--json")
        assert done.returncode == 0, done.stderr
        documents.append(json.loads(done.stdout))
    first, alone = documents
    assert alone["per_seed"] == first["per_seed"][:1]
    assert alone["accuracy"] == first["per_seed"][0]["accuracy"]
    assert alone["trace_hash"] == first["per_seed"][0]["trace_hash"]
    assert [entry["seed"] for entry in first["per_seed"]] == [3, 4]
    accuracy = first["accuracy"]
    assert accuracy[CALIBRATED] > accuracy[DIGITAL] - 0.015
    assert accuracy["disturbed_no_control"] < accuracy[CALIBRATED] - 0.10
    assert accuracy[COMPENSATED] > accuracy["disturbed_tec_only"] + 0.03
    assert accuracy[COMPENSATED] > accuracy[CALIBRATED] - 0.01
    assert Path(first["report"]).is_file()


@pytest.mark.parametrize("moment", ["rail detectors_5v on", "npu is ready"])
def test_ctrl_c_takes_the_rails_down_in_order_and_leaves_a_readable_run(
    config: Path, moment: str
) -> None:
    process = start("run", config, "--duration", 600)
    assert process.stderr is not None
    for line in process.stderr:
        if moment in line:
            break
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)  # the impatient press it twice
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 1
    assert rest.rstrip().endswith("interrupted")
    record = open_run(config.parent / "runs", "last")
    assert record.state == "interrupted"
    rails = [e.data for e in record.events().events if e.event == "rail"]
    up = [rail["rail"] for rail in rails if rail["state"] == "RAMPING_UP"]
    down = [rail["rail"] for rail in rails if rail["state"] == "OFF"]
    assert down == up[::-1]
    with record.frames() as frames:
        assert frames.count("telemetry") > 10


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.yaml"], "missing.yaml"),
        (["lab_configs/twin.yaml", "--backend", "magic"], "no such backend"),
        (["lab_configs/twin.yaml", "--fault", "fan_stal@3"], "allowed: sensor_stuck, "),
        (["lab_configs/hardware_example.yaml", "--fault", "fan_stall@3"], "real hardware"),
    ],
)
def test_what_cannot_run_exits_with_2_and_starts_nothing(
    arguments: list[str], message: str
) -> None:
    done = lumina("run", *arguments, "--json")
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stdout == ""


def test_an_instrument_that_is_not_there_is_named_with_its_address() -> None:
    done = lumina("run", "lab_configs/hardware_example.yaml", "--json")
    assert done.returncode == 1
    assert done.stderr.startswith("npu: ")
    assert "/dev/serial/by-id/usb-Lumina_NPU-16_0001-if00" in done.stderr
    assert done.stdout == ""


def test_a_run_that_a_fault_ends_tells_what_happened_and_leaves_a_report(config: Path) -> None:
    done = lumina("run", config, "--virtual", "--fault", "sensor_open@20", "--json")
    assert done.returncode == 1, done.stderr
    document = json.loads(done.stdout)
    assert document["error"].startswith("ThermallyUnsafeError: npu: refused")
    (fault,) = document["faults"]
    assert (fault["spec"], fault["struck_s"]) == ("sensor_open:die@20", pytest.approx(20.0))
    guard = next(r for r in document["reactions"] if r["event"] == "tier")
    assert "normal -> emergency" in guard["message"]
    assert 0.0 < guard["after_s"] < 0.02
    assert document["devices"]["npu"]["counters"]["emergencies"] == 1
    assert Path(document["report"]).is_file()
    assert open_run(config.parent / "runs", "last").state == "failed"


def test_a_run_lives_through_a_fault_that_ends(config: Path) -> None:
    faults = ["--fault", "fan_stall@16..18", "--fault", "heater_open:3@17"]
    done = lumina("run", config, "--virtual", "--duration", 10, *faults, "--json")
    assert done.returncode == 0, done.stderr
    stalled, broken = json.loads(done.stdout)["faults"]
    assert (stalled["struck_s"], stalled["lifted_s"]) == (pytest.approx(16), pytest.approx(18))
    assert (broken["place"], broken["lifted_s"]) == ("3", None)
