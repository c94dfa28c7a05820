"""`lumina check`: what it says of good benches, and what a new user reads of bad ones."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from drivers.registry import Backend, registry
from lumina.cli import main

LAB_CONFIGS = Path(__file__).parents[2] / "lab_configs"

BROKEN = {
    "unknown_key": (
        """
        plants:
          main:
            tec: {limt_a: 6.0}
        speed: 3
        """,
        [
            "line 5: plants.main.tec.limt_a: unknown key; did you mean 'limit_a'?",
            "line 6: speed: unknown key (allowed: name, description, plants, control, "
            "instruments, job, calibration, record, facility)",
        ],
    ),
    "out_of_range": (
        """
        plants: {main: {tec: {limit_a: 80}, chip: {ports: 65}}}
        control:
          default: {setpoint_c: -3.5}
        record: {rate_hz: 5000}
        """,
        [
            "line 3: plants.main.tec.limit_a: 80 is out of range (allowed: above 0, at most 50 A)",
            "line 3: plants.main.chip.ports: 65 is out of range (allowed: 2 .. 64)",
            "line 5: control.default.setpoint_c: -3.5 is out of range (allowed: 0 .. 80 C)",
            "line 6: record.rate_hz: 5000 is out of range (allowed: 10 .. 1000 Hz)",
        ],
    ),
    "wrong_kind": (
        """
        plants:
          main:
            chip: {ports: "16", kind: svdd}
            fan: 4000
        job: {settle_s: }
        control: {default: {compensation: {enabled: on}}}
        """,
        [
            "line 5: plants.main.chip.ports: is '16', must be a whole number (allowed: 2 .. 64)",
            "line 5: plants.main.chip.kind: unknown value 'svdd'; did you mean svd? "
            "(allowed: svd, unitary, triangular, rings)",
            "line 6: plants.main.fan: is 4000, must be a mapping",
            "line 7: job.settle_s: is empty, must be a number (allowed: 0 .. 600 s)",
            "line 8: control.default.compensation.enabled: is 'on', must be true or false",
        ],
    ),
    "unknown_driver": (
        """
        instruments:
          laser: {driver: santec_tsl750}
        """,
        [
            "line 4: instruments.laser.driver: unknown driver 'santec_tsl750'; did you mean "
            "santec_tsl570? (known: {drivers})",
        ],
    ),
    "duplicate_name": (
        """
        instruments:
          meter: {driver: thorlabs_pm100d}
          npu: {}
          meter: {driver: thorlabs_pm100d}
        """,
        ["line 6: instruments.meter: given twice; the first is on line 4"],
    ),
    "options_of_the_driver": (
        """
        instruments:
          laser: {options: {power_w: 0.5, power_mw: 3}}
          supply: {options: {voltage_v: 12.0, over_voltage_v: 13.0}}
        """,
        [
            "line 4: instruments.laser.options.power_w: 0.5 is out of range "
            "(allowed: 3.2e-05 .. 0.02 W)",
            "line 4: instruments.laser.options.power_mw: unknown key; did you mean 'power_w'?",
            "line 5: instruments.supply.options: channel 1 gives up to 6.18 V and 5.15 A, "
            "not 12 V and 5 A",
        ],
    ),
    "names_that_lead_nowhere": (
        """
        instruments:
          meter: {driver: thorlabs_pm100d, plant: mian, options: {port: 2}}
          laser: {backend: hardware}
          npu2: {driver: lumina_npu}
        control:
          npu3: {setpoint_c: 40}
        """,
        [
            "line 4: instruments.meter.plant: no plant 'mian' under plants; did you mean 'main'? "
            "(allowed: main)",
            "line 5: instruments.laser.address: the hardware backend needs an address",
            "line 6: instruments.npu2.plant: plant 'main' has a photonic processor already, npu; "
            "give this one a plant of its own",
            "line 8: control.npu3: there is no photonic processor or TEC controller of that name "
            "(allowed: default, npu, npu2)",
        ],
    ),
    "too_large_and_too_strong": (
        """
        plants:
          main:
            chip: {ports: 32}
            tec: {limit_a: 5.0}
        instruments: {meter: {driver: thorlabs_pm100d, options: {port: 40}}}
        """,
        [
            "line 5: plants.main.chip.ports: a mesh of 32 ports (svd) has 2080 phase shifters, "
            "more than an NPU board drives (allowed: at most 1024 phase shifters)",
            "line 7: instruments.meter.options.port: the chip of plant 'main' has no output "
            "port 40 (allowed: 0 .. 31)",
            "{base}, line {limit}: control.default.tec.current_limit_a: 8 A is more than plant "
            "'main' takes (allowed: at most 5 A (plants.main.tec.limit_a))",
        ],
    ),
    "unsafe_guard": (
        """
        control:
          default:
            setpoint_c: 70
        """,
        ["line 4: control.default: setpoint_c must stay 10 K below guard.warning_c (75 C)"],
    ),
    "gains_that_cannot_work": (
        """
        control:
          default:
            tec:
              pid: {kp: 90000, ki: 0}
        """,
        [
            "line 4: control.default: the TEC's gains are unstable on the plant of thermal_model: "
            "lower gains, or `lumina calibrate CONFIG thermal` finds some"
        ],
    ),
    "rail_that_trips_at_once": (
        """
        control:
          default:
            rails:
              - {name: dac_1v8, voltage_v: 1.8, current_limit_a: 2.0, over_voltage_v: 1.7}
        """,
        ["line 6: control.default.rails.0: over_voltage_v must lie above voltage_v"],
    ),
    "other_rails": (
        """
        control:
          default:
            rails:
              - {name: main_12v, voltage_v: 12.0, current_limit_a: 9.0, over_voltage_v: 14.0}
        """,
        [
            "line 5: control.default.rails: rails differ from those of plant 'main' in name, "
            "voltage or order (allowed: dac_1v8 1.8 V, detectors_5v 5 V, tec_12v 12 V, "
            "heaters_12v 12 V, laser_3v3 3.3 V)",
        ],
    ),
    "not_a_number": (
        """
        plants: {main: {environment: {ambient_c: .nan}}}
        job: {disturbance: {dwell_s: .inf}}
        """,
        [
            "line 3: plants.main.environment.ambient_c: .nan is not a finite number",
            "line 4: job.disturbance.dwell_s: .inf is not a finite number",
        ],
    ),
    "tab": ("plants:\n\tmain: {}", ["line 4: a tab; indent with spaces"]),
}


def lumina(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command line in this process; returns its exit code."""
    monkeypatch.setattr(sys, "argv", ["lumina", *arguments])
    with pytest.raises(SystemExit) as exit_of:
        main()
    return int(exit_of.value.code or 0)


def unindented(text: str) -> str:
    return "\n".join(line.removeprefix(" " * 8) for line in text.strip("\n ").split("\n"))


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_config_is_explained_line_by_line(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    text, expected = BROKEN[name]
    file = tmp_path / "broken.yaml"
    file.write_text(f"extends: {LAB_CONFIGS / 'small.yaml'}\nname: broken\n{unindented(text)}\n")
    assert lumina(monkeypatch, "check", str(file)) == 2
    out, err = capsys.readouterr()
    head, *lines = err.rstrip("\n").split("\n")
    base = LAB_CONFIGS / "reference_plant.yaml"
    limit = base.read_text().split("\n").index("      current_limit_a: 8.0") + 1
    drivers = ", ".join(sorted(registry().names()))
    count = f"{len(expected)} problem{'s' if len(expected) != 1 else ''}"
    assert out == ""
    assert head == f"{file}: {count}"
    assert [line.strip() for line in lines] == [
        line.format(base=base, limit=limit, drivers=drivers) for line in expected
    ]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (None, "no such file"),
        (b"", "the file is empty; see lab_configs/small.yaml for a start"),
        (b"name: caf\xe9\n", "not UTF-8 text (byte 9); save the file as UTF-8"),
        (b"- npu\n", "line 1: a lab config is a mapping: lines of 'key: value'"),
        (b"name: x\nextends: none.yaml\n", "line 2: extends: no such file: {folder}/none.yaml"),
        (b"extends: bench.yaml\n", "line 1: extends: bench.yaml leads back to this file"),
        (b"extends: 3\n", "line 1: extends: must be the path of another lab config, as text"),
    ],
)
def test_a_file_that_is_no_config_is_explained(
    content: bytes | None,
    line: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "bench.yaml"
    if content is not None:
        file.write_bytes(content)
    assert lumina(monkeypatch, "check", str(file)) == 2
    said = capsys.readouterr().err.rstrip("\n").split("\n")
    assert said == [f"{file}: 1 problem", f"  {line.format(folder=tmp_path)}"]


@pytest.mark.parametrize("path", sorted(LAB_CONFIGS.glob("*.yaml")), ids=lambda path: path.name)
def test_every_shipped_config_is_explained(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lumina(monkeypatch, "check", str(path)) == 0
    out = capsys.readouterr().out
    first_c = 70 if path.name == "profile_photonic.yaml" else 75
    tiers = f"throttles from {first_c} C, refuses work from {first_c + 10} C, shuts down at"
    assert f"{tiers} {first_c + 20} C" in out
    assert "of the sink: 70, 80, 90 C" in out
    assert out.index("dac_1v8") < out.index("laser_3v3")


def test_the_explanation_tells_mesh_instruments_and_frames(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lumina(monkeypatch, "check", str(LAB_CONFIGS / "bench64.yaml")) == 0
    out = capsys.readouterr().out
    assert "8x8 unitary, 28 interferometers, 64 phase shifters" in out
    assert "1000 per second of 192 bytes; a board would need a serial line of 3 Mbaud" in out
    assert "keysight_e36312a" in out
    assert out.rstrip().endswith("is valid and can run.")


def test_a_bench_that_cannot_run_yet_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = registry().entry("keysight_n7744a")
    real_only = replace(whole, factories={Backend.HARDWARE: whole.factory(Backend.HARDWARE)})
    monkeypatch.setitem(registry()._entries, whole.name, real_only)
    config = tmp_path / "ports.yaml"
    config.write_text(
        f"extends: {LAB_CONFIGS / 'small.yaml'}\nname: ports\n"
        "instruments:\n  ports: {driver: keysight_n7744a}\n"
    )
    assert lumina(monkeypatch, "check", str(config)) == 0
    out = capsys.readouterr().out
    assert "is valid, but cannot run yet" in out
    assert 'driver keysight_n7744a has no backend "twin" (has: hardware)' in out


def test_the_hardware_example_can_run_where_its_instruments_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lumina(monkeypatch, "check", str(LAB_CONFIGS / "hardware_example.yaml")) == 0
    out = capsys.readouterr().out
    assert "USB0::0x1313::0x8078::P0000001::INSTR\n" in out
    assert out.rstrip().endswith("is valid and can run.")


def test_json_is_one_document_with_the_same_facts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lumina(monkeypatch, "check", str(LAB_CONFIGS / "twin.yaml"), "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["can_run"] is True
    assert told["processors"]["npu"]["mesh"]["shifters"] == 528
    assert told["processors"]["npu"]["tiers_c"]["emergency"] == 95.0
    assert told["processors"]["npu"]["sink_tiers_c"]["emergency"] == 90.0
    assert told["processors"]["npu"]["rails"][0]["name"] == "dac_1v8"
    assert told["instruments"]["meter"]["role"] == "optical_power_meter"
