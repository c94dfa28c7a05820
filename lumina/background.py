"""Work that must not be in the way, and work that must not be cut short.

The event loop serves every instrument and supervises every board: in real time it must not
stand still while a model is fitted. And what makes a bench safe is finished, whoever cancels.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

__all__ = ["in_background", "to_the_end"]

T = TypeVar("T")


async def in_background(work: Callable[[], T]) -> T:
    """Do work that talks to nobody, while the event loop goes on.

    In real time it is done in another thread. In virtual time it takes no time at all: a loop
    that says so by `time_is_virtual` waits for it, and its trace does not depend on threads.

    Args:
        work: what to do; nobody else may touch what it works on.
    """
    loop = asyncio.get_running_loop()
    if getattr(loop, "time_is_virtual", False):
        await asyncio.sleep(0)
        return work()
    return await loop.run_in_executor(None, work)


async def to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Finish `work` even when the caller is cancelled meanwhile; then pass that on."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    task.result()
