"""One body of tests for every instrument: twin, simulated firmware, and real ones."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio

from drivers.interfaces import Instrument
from firmware_sim.process import spawned
from lumina.errors import DeviceError, LuminaError
from lumina.runtime import firmware
from lumina.runtime.config import load_config
from lumina.runtime.virtual_time import VirtualTimeLoop
from tests.contract.subjects import (
    Subject,
    hardware_subjects,
    memory_subjects,
    memory_world,
    simulated_subjects,
    world,
)

UNTRIED = "no real instruments: run `pytest tests/contract --hardware CONFIG`"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for a subject runs on every one of its module's role, or on all."""
    if "subject" not in metafunc.fixturenames:
        return
    role = getattr(metafunc.module, "ROLE", None)
    in_memory = getattr(metafunc.module, "IN_MEMORY", False)
    subjects = [s for s in chosen(metafunc.config, in_memory) if role in (None, s.role)]
    params: list[Any] = [pytest.param(subject, id=str(subject)) for subject in subjects]
    if metafunc.config.getoption("hardware") is None and not in_memory:
        params.append(pytest.param(None, id="hardware", marks=pytest.mark.skip(reason=UNTRIED)))
    metafunc.parametrize("subject", params)


def chosen(config: pytest.Config, in_memory: bool) -> list[Subject]:
    """The real instruments where a lab config is given, else the simulated ones.

    Args:
        config: of the run.
        in_memory: whether only wires in memory are asked for; none of a real instrument is.

    Raises:
        pytest.UsageError: the lab config has no real instruments, or is wrong.
    """
    path = config.getoption("hardware")
    if path is None:
        return memory_subjects() if in_memory else simulated_subjects()
    if in_memory:
        return []
    try:
        subjects = hardware_subjects(load_config(path).instruments)
    except LuminaError as error:
        raise pytest.UsageError(f"--hardware: {error}") from error
    if not subjects:
        raise pytest.UsageError(f"--hardware {path}: no instrument there has backend: hardware")
    return subjects


@pytest.fixture(scope="module")
def simulators(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """Where the module's simulated instruments are, in a process of their own."""
    role = getattr(request.module, "ROLE", None)
    with spawned(world(s for s in simulated_subjects() if role in (None, s.role))) as document:
        yield document["instruments"]


@pytest_asyncio.fixture
async def built(subject: Subject, request: pytest.FixtureRequest) -> AsyncIterator[Instrument]:
    """The driver, not connected; closed afterwards, whatever the test did."""
    with served(subject, request) as instruments:
        device = subject.build(instruments)
        yield device
        await device.close()


@contextlib.contextmanager
def served(subject: Subject, request: pytest.FixtureRequest) -> Iterator[dict[str, Any] | None]:
    """Where its simulated instrument is, if it is one."""
    if subject.way == "memory":
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        with firmware.in_memory(memory_world(subject), loop) as simulators:
            found = simulators.addresses.items()
            yield {name: {"resource": address} for name, address in found}
    else:
        in_process = subject.way in ("twin", "hardware")
        yield None if in_process else request.getfixturevalue("simulators")


@pytest_asyncio.fixture
async def device(built: Instrument) -> AsyncIterator[Any]:
    """The driver, connected; afterwards the instrument is safe, whatever the test did."""
    await built.connect()
    yield built
    for _ in range(3):  # again where a reply was lost
        with contextlib.suppress(DeviceError):
            await built.make_safe()
            return
    pytest.fail(f"{built.name} could not be made safe", pytrace=False)


Soon = Callable[..., Any]


@pytest.fixture
def soon() -> Soon:
    """``await soon(check)``: until the coroutine `check` gives something true."""

    async def wait(check: Callable[[], Any], within_s: float = 20.0) -> None:
        async with asyncio.timeout(within_s):
            while not await check():  # noqa: ASYNC110 - instruments tell nobody by themselves
                await asyncio.sleep(0.02)

    return wait
