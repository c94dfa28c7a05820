"""The registry: built-in drivers, drivers of other packages, and names that are neither."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from pydantic import ValidationError

from drivers.config import InstrumentConfig, build_instrument
from drivers.interfaces import ROLES
from drivers.options import ROLE_OPTIONS, DriverOptions
from drivers.registry import ENTRY_POINT_GROUP, Backend, Registry, registry
from lumina.errors import UsageError
from twin.plant import Plant

ACME = """
from drivers.options import FanOptions, LaserOptions
from drivers.registry import Backend, DriverEntry
from drivers.twin import TwinLaser

LASER = DriverEntry("acme_laser", "laser", "Acme laser", LaserOptions, {Backend.TWIN: TwinLaser})
MISNAMED = LASER
NO_ROLE = DriverEntry("no_role", "toaster", "", LaserOptions, {})
WRONG_OPTIONS = DriverEntry("wrong_options", "laser", "", FanOptions, {})
TEXT = "not an entry"
"""


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Another package's module of drivers, importable."""
    (tmp_path / "acme_drivers.py").write_text(ACME)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("acme_drivers", None)


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, ENTRY_POINT_GROUP)


def test_every_role_has_a_built_in_driver_with_a_twin() -> None:
    entries = Registry.of([]).entries()
    assert {entry.role for entry in entries} == set(ROLES)
    assert {entry.role for entry in entries if Backend.TWIN in entry.factories} == set(ROLES)
    assert all(issubclass(entry.options, ROLE_OPTIONS[entry.role]) for entry in entries)


def test_an_unknown_driver_is_answered_with_the_nearest_and_all_names() -> None:
    with pytest.raises(UsageError) as caught:
        registry().entry("santec_tsl50")
    said = str(caught.value)
    assert said.startswith("unknown driver 'santec_tsl50'; did you mean santec_tsl570?")
    assert "(known: ebmpapst_ec_fan, " in said


def test_a_backend_that_a_driver_lacks_is_told() -> None:
    whole = registry().entry("rohde_hmp4040")
    real_only = replace(whole, factories={Backend.HARDWARE: whole.factory(Backend.HARDWARE)})
    with pytest.raises(UsageError) as caught:
        real_only.factory(Backend.TWIN)
    assert str(caught.value) == 'driver rohde_hmp4040 has no backend "twin" (has: hardware)'


@pytest.mark.parametrize("driver", Registry.built_in())
def test_every_driver_of_ours_has_every_backend(driver: str, plant: Plant) -> None:
    assert set(registry().entry(driver).factories) == set(Backend)
    for backend in Backend:
        config = InstrumentConfig.model_validate(
            {"driver": driver, "backend": backend, "address": "tcp://127.0.0.1:502"}
        )
        assert build_instrument("it", config, plant).name == "it"


@pytest.mark.usefixtures("acme")
def test_another_packages_driver_joins_by_its_entry_point() -> None:
    known = Registry.of([point("acme_laser", "acme_drivers:LASER")])
    assert "acme_laser" in known.names()
    assert known.entry("acme_laser").description == "Acme laser"
    assert "acme_laser" in [entry.name for entry in known.entries()]


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("gone", "acme_lost:DRIVER", "ModuleNotFoundError: No module named 'acme_lost'"),
        ("no_object", "acme_drivers:NOTHING", "AttributeError: "),
        ("text", "acme_drivers:TEXT", "TypeError: is a str, not a drivers.registry.DriverEntry"),
        ("other", "acme_drivers:MISNAMED", "ValueError: calls its driver 'acme_laser'"),
        ("no_role", "acme_drivers:NO_ROLE", "ValueError: unknown role 'toaster'"),
        ("wrong_options", "acme_drivers:WRONG_OPTIONS", "TypeError: options must derive from "),
    ],
)
def test_a_broken_entry_point_is_named_and_harms_no_other(
    name: str, value: str, reason: str
) -> None:
    known = Registry.of([point(name, value), point("acme_laser", "acme_drivers:LASER")])
    with pytest.raises(UsageError) as caught:
        known.entry(name)
    start = f"driver '{name}' cannot be loaded, entry point {name} = {value}: {reason}"
    assert str(caught.value).startswith(start)
    assert {"acme_laser", *Registry.built_in()} == {entry.name for entry in known.entries()}
    assert list(known.broken()) == [f"{name} = {value}"]


@pytest.mark.usefixtures("acme")
def test_an_installed_package_is_found(tmp_path: Path) -> None:
    info = tmp_path / "acme_drivers-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-drivers\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        f"[{ENTRY_POINT_GROUP}]\nacme_laser = acme_drivers:LASER\nlost = acme_lost:DRIVER\n"
    )
    registry.cache_clear()
    try:
        config = InstrumentConfig.model_validate({"driver": "acme_laser"})
        assert config.entry.description == "Acme laser"
        with pytest.raises(UsageError, match="lost = acme_lost:DRIVER of acme-drivers"):
            registry().entry("lost")
    finally:
        registry.cache_clear()


def test_an_entry_point_cannot_take_a_built_in_name() -> None:
    known = Registry.of([point("lumina_npu", "acme_drivers:LASER")])
    assert known.entry("lumina_npu").description == "Lumina NPU board"
    assert known.broken() == {
        "lumina_npu = acme_drivers:LASER": "the name lumina_npu is taken already"
    }


def test_options_are_checked_by_their_driver() -> None:
    with pytest.raises(ValidationError, match=r"options\.power_w"):
        InstrumentConfig.model_validate({"driver": "santec_tsl570", "options": {"power_w": 1}})
    with pytest.raises(ValidationError, match=r"channel 2 gives up to 25.75 V and 1.03 A"):
        InstrumentConfig.model_validate(
            {"driver": "keysight_e36312a", "options": {"board_channel": 2, "voltage_v": 24}}
        )


def test_options_of_an_unknown_driver_are_not_judged() -> None:
    with pytest.raises(ValidationError) as caught:
        InstrumentConfig.model_validate({"driver": "santec", "options": {"power_w": 1}})
    assert [error["loc"] for error in caught.value.errors()] == [("driver",)]


def test_a_twin_needs_a_plant() -> None:
    config = InstrumentConfig(driver="lumina_npu", options=DriverOptions())
    with pytest.raises(UsageError, match="npu: its twin needs a plant"):
        build_instrument("npu", config, None)
