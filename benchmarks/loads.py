"""What keeps the loop's process busy while the loop is measured.

Each load is a context manager: it runs in threads of this process, so it competes for
the same interpreter lock and the same cores, and is gone when the block is left.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

__all__ = ["LOADS", "all_at_once", "asyncio_load", "gil_hog", "idle"]

CHURNING_TASKS = 50
START_TIMEOUT_S = 10.0


@contextmanager
def idle() -> Iterator[None]:
    """No load at all: the reference."""
    yield


@contextmanager
def gil_hog() -> Iterator[None]:
    """A thread in pure Python that gives up the interpreter lock only when forced to."""
    stop = threading.Event()
    with _running(threading.Thread(target=_count, args=(stop,), name="gil-hog")):
        try:
            yield
        finally:
            stop.set()


@contextmanager
def asyncio_load() -> Iterator[None]:
    """An event loop that is never idle: tasks hand over to each other without pause."""
    ready = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    thread = threading.Thread(
        target=loop.run_until_complete, args=(_churn(ready, stop),), name="asyncio-load"
    )
    try:
        with _running(thread):
            if not ready.wait(START_TIMEOUT_S):
                raise TimeoutError("the event loop of the load did not start")
            try:
                yield
            finally:
                loop.call_soon_threadsafe(stop.set)
    finally:
        loop.close()


@contextmanager
def all_at_once() -> Iterator[None]:
    """Every load of this module together."""
    with ExitStack() as stack:
        stack.enter_context(gil_hog())
        stack.enter_context(asyncio_load())
        yield


LOADS = {
    "idle": idle,
    "gil_hog": gil_hog,
    "asyncio": asyncio_load,
    "all": all_at_once,
}
"""Name of a load -> context manager that runs it."""


@contextmanager
def _running(thread: threading.Thread) -> Iterator[None]:
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _count(stop: threading.Event) -> None:
    count = 0
    while not stop.is_set():
        for _ in range(1000):
            count += 1


async def _churn(ready: threading.Event, stop: asyncio.Event) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(CHURNING_TASKS):
            group.create_task(_hand_over(stop))
        ready.set()


async def _hand_over(stop: asyncio.Event) -> None:
    while not stop.is_set():  # noqa: ASYNC110 - never to be idle is the point
        await asyncio.sleep(0)
