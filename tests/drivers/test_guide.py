"""The guide "Add a driver" is true: its driver is loaded and its test is run."""

import inspect
import re
import sys
import types
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import yaml

from drivers.config import InstrumentConfig
from drivers.registry import ENTRY_POINT_GROUP, Backend, Registry

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "add_a_driver.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE.read_text("utf-8"), re.M | re.S)


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The guide's driver, importable under the name that the guide gives it."""
    module = types.ModuleType("keysight_lasers")
    monkeypatch.setitem(sys.modules, "keysight_lasers", module)
    exec(compile(blocks("python")[0], str(GUIDE), "exec"), module.__dict__)
    return module


async def test_the_guides_test_passes(driver: types.ModuleType) -> None:
    space: dict[str, object] = {"__name__": "test_of_the_guide"}
    exec(compile(blocks("python")[1], str(GUIDE), "exec"), space)
    tests = [call for name, call in space.items() if name.startswith("test_")]
    assert len(tests) == 1
    for test in tests:
        assert inspect.iscoroutinefunction(test)
        await test()


def test_the_guides_entry_point_leads_to_the_driver(driver: types.ModuleType) -> None:
    (name, value) = re.findall(r'^(\w+) = "(.+)"$', blocks("toml")[0], re.M)[0]
    known = Registry.of([EntryPoint(name, value, ENTRY_POINT_GROUP)])
    assert known.entry(name) is driver.DRIVER
    assert not known.broken()


def test_the_guides_config_is_valid(
    driver: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Registry.of(
        [EntryPoint("keysight_n7776c", "keysight_lasers:DRIVER", ENTRY_POINT_GROUP)]
    )
    monkeypatch.setattr("drivers.config.registry", lambda: known)
    document = yaml.safe_load(blocks("yaml")[0])["instruments"]["laser"]
    config = InstrumentConfig.model_validate(document)
    assert config.backend is Backend.HARDWARE


def test_a_scpi_driver_takes_about_a_page() -> None:
    assert len([line for line in blocks("python")[0].splitlines() if line.strip()]) <= 65
