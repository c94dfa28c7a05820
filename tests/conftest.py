"""House rules for every test: no asyncio task outlives it, and no clock judges it."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from hypothesis import settings

settings.register_profile("house", deadline=None)
settings.load_profile("house")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare what the contract tests are told."""
    parser.addoption(
        "--hardware",
        metavar="CONFIG",
        help="run the contract tests on the real instruments of this lab config",
    )


@pytest.fixture(autouse=True)
def no_task_outlives_the_test(request: pytest.FixtureRequest) -> None:
    # Set up first, so it looks last: after the test and after its other fixtures.
    if pytest_asyncio.is_async_test(request.node):
        request.getfixturevalue("pending_tasks_fail")


@pytest_asyncio.fixture
async def pending_tasks_fail() -> AsyncIterator[None]:
    yield
    pending = asyncio.all_tasks() - {asyncio.current_task()}
    if pending:
        pytest.fail(f"tasks left pending: {'; '.join(map(str, pending))}", pytrace=False)
