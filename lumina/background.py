"""Arithmetic that takes seconds, beside a bench that is alive.

The event loop serves every instrument and supervises every board: in real time it must not
stand still while a model is fitted.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

__all__ = ["in_background"]

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
