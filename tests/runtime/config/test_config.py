"""Lab configs: what loads, what inherits, and that nothing but ConfigError comes out."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from drivers.options import SantecTsl570Options
from drivers.registry import Backend, registry
from lumina.errors import ConfigError
from lumina.runtime.config import BenchConfig, backend_problems, load_config

LAB_CONFIGS = Path(__file__).parents[3] / "lab_configs"
SHIPPED = sorted(LAB_CONFIGS.glob("*.yaml"), key=lambda path: path.name)


def write(folder: Path, text: str, name: str = "bench.yaml") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def child(folder: Path, text: str, base: str = "small.yaml") -> Path:
    """A config in `folder` that changes a shipped one."""
    return write(folder, f"extends: {LAB_CONFIGS / base}\n{text}")


def problems(file: Path, **how: object) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(file, **how)  # type: ignore[arg-type]
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_every_shipped_config_loads(path: Path) -> None:
    assert load_config(path).name == path.stem


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_every_shipped_config_says_what_it_is_and_names_its_schema(path: Path) -> None:
    first, second = path.read_text().splitlines()[:2]
    assert first == "# yaml-language-server: $schema=lab_config.schema.json"
    assert second.startswith("# ")


@pytest.mark.parametrize(
    ("name", "shifters"),
    [("reference_plant", 16), ("twin", 528), ("bench64", 64), ("small", 36)],
)
def test_shipped_benches_have_the_meshes_they_promise(name: str, shifters: int) -> None:
    config = load_config(LAB_CONFIGS / f"{name}.yaml", to_run=True)
    assert config.plants["main"].chip.architecture().shifters == shifters


def test_the_reference_plant_carries_the_published_figures() -> None:
    plant = load_config(LAB_CONFIGS / "reference_plant.yaml").plants["main"]
    tec, fan, nodes = plant.tec, plant.fan, plant.thermal.nodes
    assert (tec.seebeck_v_per_k, tec.resistance_ohm, tec.conductance_w_per_k) == (0.05, 0.8, 0.9)
    assert tec.limit_a == 8.0
    assert [nodes[name].capacity_j_per_k for name in ("die", "carrier", "sink")] == [1, 40, 140]
    assert plant.thermal.links[0].resistance_k_per_w == 0.15
    assert (fan.still_air_k_per_w, fan.full_speed_k_per_w, fan.full_speed_rpm) == (1.04, 0.15, 4000)
    assert plant.chip.imbalance_sigma_m == 100e-6
    assert (plant.compute.meter_gain_error, plant.compute.meter_delay_s) == (0.05, 0.01)


def test_the_hardware_example_is_the_twin_bench_but_for_who_answers() -> None:
    real = load_config(LAB_CONFIGS / "hardware_example.yaml", backend=Backend.TWIN)
    twin = load_config(LAB_CONFIGS / "twin.yaml")
    assert (real.plants, real.control) == (twin.plants, twin.control)
    assert {n: i.driver for n, i in real.instruments.items()} == {
        n: i.driver for n, i in twin.instruments.items()
    }


def test_a_driver_without_the_backend_is_told_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = registry().entry("keysight_n7744a")
    real_only = replace(whole, factories={Backend.HARDWARE: whole.factory(Backend.HARDWARE)})
    monkeypatch.setitem(registry()._entries, whole.name, real_only)
    file = child(tmp_path, "instruments: {ports: {driver: keysight_n7744a}}")
    assert len(backend_problems(load_config(file))) == 1
    assert problems(file, to_run=True) == [
        "line 2: instruments.ports.backend: "
        'driver keysight_n7744a has no backend "twin" (has: hardware)'
    ]


def test_a_backend_for_the_whole_bench_replaces_each_instruments_own() -> None:
    config = load_config(LAB_CONFIGS / "small.yaml", backend=Backend.FIRMWARE, to_run=True)
    assert {i.backend for i in config.instruments.values()} == {Backend.FIRMWARE}


def test_a_child_changes_only_what_it_says(tmp_path: Path) -> None:
    file = child(tmp_path, "plants: {main: {tec: {seebeck_v_per_k: 0.04}}}")
    changed, base = load_config(file), load_config(LAB_CONFIGS / "small.yaml")
    assert changed.plants["main"].tec.seebeck_v_per_k == 0.04
    assert changed.plants["main"].chip == base.plants["main"].chip
    assert changed.control == base.control


def test_a_list_in_a_child_replaces_its_parents(tmp_path: Path) -> None:
    file = child(
        tmp_path,
        "plants: {main: {rails: [{name: all, voltage_v: 12.0}]}}\n"
        "control: {default: {rails: [{name: all, voltage_v: 12.0, current_limit_a: 9, "
        "over_voltage_v: 14}]}}",
    )
    assert [rail.name for rail in load_config(file).control_for("npu").rails] == ["all"]


def test_control_of_one_processor_inherits_what_holds_for_all(tmp_path: Path) -> None:
    file = child(tmp_path, "control: {npu: {setpoint_c: 40}}")
    config = load_config(file)
    assert config.control_for("npu").setpoint_c == 40
    assert config.control_for("npu").rails == config.control_for("another").rails
    assert config.control_for("another").setpoint_c == 45


def test_options_become_the_drivers_own_model() -> None:
    laser = load_config(LAB_CONFIGS / "small.yaml").instruments["laser"]
    assert laser.options == SantecTsl570Options(wavelength_m=1.55e-6, power_w=0.01)


def test_a_config_survives_being_written_down_and_read_again() -> None:
    config = load_config(LAB_CONFIGS / "twin.yaml")
    assert BenchConfig.model_validate_json(config.model_dump_json()) == config


def test_a_config_made_in_python_is_checked_too() -> None:
    with pytest.raises(ValidationError, match="no photonic processors on the bench"):
        BenchConfig(name="empty", instruments={})


def test_overrides_lie_over_the_file() -> None:
    config = load_config(LAB_CONFIGS / "small.yaml", {"record.rate_hz": 10, "job.seeds": 1})
    assert (config.record.rate_hz, config.job.seeds) == (10, 1)
    assert config.record.folder == "runs"


def test_a_wrong_override_is_not_blamed_on_the_file() -> None:
    assert problems(LAB_CONFIGS / "small.yaml", overrides={"record.rate_hz": -1}) == [
        "overrides, record.rate_hz: -1 is out of range (allowed: 10 .. 1000 Hz)"
    ]


def test_sixteen_processors_are_a_bench_and_seventeen_are_not(tmp_path: Path) -> None:
    def bench(count: int) -> Path:
        names = range(1, count)
        boards = "\n".join(f"  npu{n}: {{driver: lumina_npu, plant: p{n}}}" for n in names)
        rails = yaml.safe_load((LAB_CONFIGS / "reference_plant.yaml").read_text())
        plant = {"rails": rails["plants"]["main"]["rails"]}
        plants = "\n".join(f"  p{n}: {yaml.dump(plant, default_flow_style=True)}" for n in names)
        return child(tmp_path, f"instruments:\n{boards}\nplants:\n{plants}")

    assert len(load_config(bench(16)).processors) == 16
    told = problems(bench(17))
    assert any("17 photonic processors on the bench (allowed: 1 .. 16)" in line for line in told)


def test_problems_in_a_parent_name_the_parents_file_and_line(tmp_path: Path) -> None:
    parent = child(tmp_path, "record:\n  rate_hz: 0")
    file = write(
        tmp_path, f"extends: {parent.name}\nname: child\njob: {{seeds: 0}}\n", "child.yaml"
    )
    assert problems(file) == [
        "line 3: job.seeds: 0 is out of range (allowed: 1 .. 100)",
        f"{parent}, line 3: record.rate_hz: 0 is out of range (allowed: 10 .. 1000 Hz)",
    ]


def test_names_are_checked_even_where_other_fields_are_wrong(tmp_path: Path) -> None:
    file = child(
        tmp_path,
        "plants: {main: {tec: {limit_a: 80}}}\n"
        "instruments:\n  laser: {plant: mian}\n  supply: {driver: keysight}\n",
    )
    assert [line.split(" ", 3)[2] for line in problems(file)] == [
        "plants.main.tec.limit_a:",
        "instruments.laser.plant:",
        "instruments.supply.driver:",
    ]


KEYS = st.sampled_from(
    ["name", "extends", "plants", "main", "control", "default", "instruments", "npu", "driver",
     "options", "backend", "rails", "chip", "ports", "thermal", "nodes", "links", "<<", "1", ""]
)  # fmt: skip
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["lumina_npu", "twin", "hardware", "small.yaml", "svd", "santec_tsl570"])
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def loads_or_says_why(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.mktemp("any") / "bench.yaml"
    file.write_bytes(content)
    said = None
    try:
        load_config(file)
    except ConfigError as error:
        said = error
    assert said is None or (said.problems and str(said).encode())


@patient
@given(text=st.text(max_size=80) | st.text("{}[]:-&*!|>'\"%@`#,? \n\tax1.", max_size=40))
def test_any_text_loads_or_says_why(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    loads_or_says_why(tmp_path_factory, text.encode("utf-8", "surrogatepass"))


@patient
@given(tree=st.dictionaries(KEYS, TREES, max_size=5))
def test_any_tree_of_values_loads_or_says_why(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[str, object]
) -> None:
    loads_or_says_why(tmp_path_factory, yaml.dump(tree, allow_unicode=True).encode("utf-8"))


@patient
@given(content=st.binary(max_size=60))
def test_any_bytes_load_or_say_why(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    loads_or_says_why(tmp_path_factory, content)


WELL_FORMED = (LAB_CONFIGS / "reference_plant.yaml").read_text()


@patient
@given(
    where=st.integers(0, len(WELL_FORMED) - 1),
    length=st.integers(0, 12),
    text=st.text(max_size=6),
)
def test_a_damaged_config_loads_or_says_why(
    tmp_path_factory: pytest.TempPathFactory, where: int, length: int, text: str
) -> None:
    damaged = WELL_FORMED[:where] + text + WELL_FORMED[where + length :]
    loads_or_says_why(tmp_path_factory, damaged.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize(
    ("banks", "said"),
    [
        (
            "{a: {driver: qontrol_q8iv, plant: spare}, b: {driver: keithley_2450, plant: spare}}",
            "instruments.b.options.first_heater: heaters of plant 'spare' are wired to a already",
        ),
        (
            "{a: {driver: keithley_2450, plant: spare, options: {first_heater: 16}}}",
            "instruments.a.options.first_heater: the chip of plant 'spare' has no heater 16 "
            "(allowed: 0 .. 15)",
        ),
    ],
)
def test_two_twins_drive_no_heater_together(tmp_path: Path, banks: str, said: str) -> None:
    file = child(tmp_path, f"plants: {{spare: {{chip: {{ports: 4}}}}}}\ninstruments: {banks}")
    assert [problem.split(": ", 1)[1] for problem in problems(file)] == [said]
