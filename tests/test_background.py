"""Heavy arithmetic beside a live bench."""

import asyncio
import threading

import pytest

from lumina.background import in_background
from lumina.runtime.virtual_time import run_virtual


async def test_in_real_time_the_loop_goes_on_meanwhile() -> None:
    begun, may_end = threading.Event(), threading.Event()

    def work() -> int:
        begun.set()
        assert may_end.wait(10)
        return threading.get_ident()

    working = asyncio.create_task(in_background(work))
    while not begun.is_set():  # noqa: ASYNC110 - set from another thread
        await asyncio.sleep(0.001)
    may_end.set()  # only a loop that goes on gets here
    assert await working != threading.get_ident()


def test_in_virtual_time_it_takes_none_and_no_thread() -> None:
    async def main() -> tuple[float, int]:
        ident = await in_background(threading.get_ident)
        return asyncio.get_running_loop().time(), ident

    assert run_virtual(main()) == (0.0, threading.get_ident())


async def test_what_goes_wrong_is_the_callers() -> None:
    def work() -> None:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        await in_background(work)
