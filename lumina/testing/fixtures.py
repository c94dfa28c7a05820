"""What the pytest plugin offers to async tests: virtual time and the `bench` fixture.

Async tests that use `bench`, or that are marked `virtual_time`, run on a
`VirtualTimeLoop`; all others keep the loop that they would have had without this plugin.
"""

import asyncio
from collections.abc import Callable, Generator, Mapping

import pytest

from lumina.runtime.virtual_time import VirtualTimeLoop

__all__ = ["pytest_asyncio_loop_factories"]

LoopFactories = Mapping[str, Callable[[], asyncio.AbstractEventLoop]]


@pytest.hookimpl(wrapper=True)
def pytest_asyncio_loop_factories(
    item: pytest.Function,
) -> Generator[None, LoopFactories | None, LoopFactories]:
    """Choose the loop of an async test; what other plugins and conftests chose passes through."""
    chosen = yield
    if "bench" in item.fixturenames or item.get_closest_marker("virtual_time"):
        return {"virtual": VirtualTimeLoop}
    return chosen or {"asyncio": asyncio.new_event_loop}
