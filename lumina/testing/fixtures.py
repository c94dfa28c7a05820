"""What the pytest plugin offers to async tests: virtual time and the `bench` fixture.

    @pytest.mark.lumina(config="lab_configs/twin.yaml", seed=3)
    async def test_the_chip_is_warm(bench):
        await asyncio.sleep(600.0)
        assert abs(bench.device.die_temperature_c() - 45.0) < 0.1

Async tests that use `bench`, or that are marked `virtual_time`, run on a
`VirtualTimeLoop`; all others keep the loop that they would have had without this plugin.
The bench's modules are imported by the first test that uses one.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
import pytest_asyncio

if TYPE_CHECKING:
    from lumina.runtime.bench import Bench

__all__ = ["bench", "pytest_asyncio_loop_factories"]

SIMULATED = ("twin", "firmware")
"""Backends of a test's bench."""

LoopFactories = Mapping[str, Callable[[], asyncio.AbstractEventLoop]]


def virtual_time_loop() -> asyncio.AbstractEventLoop:
    from lumina.runtime.virtual_time import VirtualTimeLoop

    return VirtualTimeLoop()


@pytest.hookimpl(wrapper=True)
def pytest_asyncio_loop_factories(
    item: pytest.Function,
) -> Generator[None, LoopFactories | None, LoopFactories]:
    """Choose the loop of an async test; what other plugins and conftests chose passes through."""
    chosen = yield
    if "bench" in item.fixturenames or item.get_closest_marker("virtual_time"):
        return {"virtual": virtual_time_loop}
    return chosen or {"asyncio": asyncio.new_event_loop}


@pytest_asyncio.fixture(loop_scope="function")
async def bench(request: pytest.FixtureRequest) -> "AsyncIterator[Bench]":
    """An open simulated bench in virtual time: up before the test, shut down after it.

    The marker `lumina(config=..., backend=..., seed=..., chip_seed=...)` says which bench;
    without it, the option `lumina_config` does, on the twin, with seeds of 0. With the backend
    "firmware" the drivers of the hardware talk to simulated instruments, byte for byte.
    """
    asked = what_is_asked(request)

    from drivers.registry import Backend
    from lumina.runtime.bench import open_bench

    async with open_bench(
        asked.config, backend=Backend(asked.backend), seed=asked.seed, chip_seed=asked.chip_seed
    ) as opened:
        yield opened


class Asked(NamedTuple):
    """The bench that a test asks for."""

    config: Path
    backend: str
    seed: int
    chip_seed: int


def what_is_asked(request: pytest.FixtureRequest) -> Asked:
    """Read the test's marker and the plugin's option."""
    if not pytest_asyncio.is_async_test(request.node):
        pytest.fail(
            "the bench fixture runs in virtual time: use it in an async test", pytrace=False
        )
    marker = request.node.get_closest_marker("lumina")
    options = dict(marker.kwargs) if marker else {}
    config = options.pop("config", request.config.getini("lumina_config"))
    asked = Asked(
        request.config.rootpath / config,
        options.pop("backend", "twin"),
        options.pop("seed", 0),
        options.pop("chip_seed", 0),
    )
    if options:
        pytest.fail(
            f"mark.lumina takes config, backend, seed and chip_seed, not {options}", pytrace=False
        )
    if asked.backend not in SIMULATED:
        pytest.fail(
            f"mark.lumina: backend {asked.backend!r}: a test's bench is {' or '.join(SIMULATED)}",
            pytrace=False,
        )
    if not asked.config.is_file():
        pytest.fail(
            f"no lab config at {asked.config}: set the pytest option lumina_config, or mark the "
            'test with @pytest.mark.lumina(config="...")',
            pytrace=False,
        )
    return asked
