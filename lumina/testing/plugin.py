"""Entry point of the pytest plugin: options and markers.

pytest loads this module in every run of every project that has Lumina installed, so it
imports nothing heavy and does without pytest-asyncio where that is not installed.

Options (pytest.ini, pyproject.toml):
    lumina_config: lab config that the `bench` fixture opens, relative to the root
        directory; `lab_configs/small.yaml` by default.

Markers:
    lumina(config=..., backend="twin", seed=0, chip_seed=0): what the `bench` fixture opens for
        this test.
    virtual_time: run this async test on a clock that jumps, without a bench.
"""

import importlib

import pytest

__all__ = ["pytest_addoption", "pytest_configure"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the plugin's options."""
    parser.addini(
        "lumina_config",
        "lab config that the bench fixture opens, relative to the root directory",
        default="lab_configs/small.yaml",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers; offer the fixtures where async tests can run."""
    config.addinivalue_line(
        "markers",
        "lumina(config, backend, seed, chip_seed): what the bench fixture opens for this test",
    )
    config.addinivalue_line("markers", "virtual_time: run this async test in virtual time")
    if config.pluginmanager.hasplugin("asyncio"):
        fixtures = importlib.import_module("lumina.testing.fixtures")
        config.pluginmanager.register(fixtures, "lumina.testing.fixtures")
