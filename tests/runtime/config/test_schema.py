"""The committed JSON Schema is that of the models, and knows every field in use."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from drivers.registry import Registry
from lumina.runtime.config import BenchConfig
from lumina.runtime.config.schema import allowed_range, bench_schema, field_schema
from lumina.theory.units import unit_of

LAB_CONFIGS = Path(__file__).parents[3] / "lab_configs"


def fields(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every path in a tree of values."""
    if path:
        yield path
    if isinstance(value, list):
        value = dict(enumerate(value))
    if isinstance(value, dict):
        for key, below in value.items():
            yield from fields(below, (*path, str(key)))


def test_the_committed_schema_is_current() -> None:
    committed = json.loads((LAB_CONFIGS / "lab_config.schema.json").read_text())
    assert committed == bench_schema(), (
        "run: python -m lumina.runtime.config.schema > lab_configs/lab_config.schema.json"
    )


@pytest.mark.parametrize("path", sorted(LAB_CONFIGS.glob("*.yaml")), ids=lambda path: path.name)
def test_the_schema_knows_every_field_of_every_shipped_config(path: Path) -> None:
    values, schema = yaml.safe_load(path.read_text()), bench_schema()
    unknown = [
        ".".join(field)
        for field in fields(values)
        if "options" not in field and not field_schema(schema, field, values)
    ]
    assert not unknown


def test_the_schema_completes_the_options_of_every_built_in_driver() -> None:
    rules = bench_schema()["$defs"]["InstrumentConfig"]["allOf"]
    options = {
        rule["if"]["properties"]["driver"]["const"]: rule["then"]["properties"]["options"]
        for rule in rules
    }
    assert sorted(options) == Registry.built_in()
    assert options["santec_tsl570"]["properties"]["power_w"]["maximum"] == 0.02
    assert options["santec_tsl570"]["additionalProperties"] is False


def test_a_file_that_extends_another_need_not_repeat_it() -> None:
    schema = bench_schema()
    sections = [schema, *schema["$defs"].values()]
    assert not [section["title"] for section in sections if "required" in section]
    assert schema["properties"]["extends"]["type"] == "string"


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("power_w", "W"),
        ("setpoint_c", "C"),
        ("ramp_k_per_s", "K/s"),
        ("kp_a_per_k", "A/K"),
        ("ki_a_per_k_s", "A/K/s"),
        ("thermo_optic_per_k", "1/K"),
        ("max_rpm", "RPM"),
        ("ports", ""),
        ("c", ""),
    ],
)
def test_a_fields_name_tells_its_unit(name: str, unit: str) -> None:
    assert unit_of(name) == unit


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"minimum": 0, "maximum": 80}, "0 .. 80 C"),
        ({"exclusiveMinimum": 0, "maximum": 0.02}, "above 0, at most 0.02 C"),
        ({"minimum": -40}, "at least -40 C"),
        ({"enum": ["twin", "hardware"]}, "twin, hardware"),
        ({"type": "string"}, None),
    ],
)
def test_a_range_is_said_with_its_unit(schema: dict[str, Any], said: str | None) -> None:
    assert allowed_range(schema, "C") == said


def test_ranges_are_found_in_sections_lists_and_options() -> None:
    values = {"instruments": {"laser": {"driver": "santec_tsl570"}}}
    root = BenchConfig.model_json_schema()

    def maximum(dotted: str) -> Any:
        return field_schema(root, dotted.split("."), values).get("maximum")

    assert maximum("plants.main.tec.limit_a") == 50
    assert maximum("control.default.rails.3.voltage_v") == 60
    assert maximum("instruments.laser.options.power_w") == 0.02
    assert field_schema(root, ["instruments", "nobody", "options", "power_w"], values) == {}
