"""Running a coroutine so that Ctrl-C ends it in order, however often it is pressed."""

import asyncio
import signal
from collections.abc import Coroutine
from types import FrameType
from typing import Any, TypeVar

from lumina.runtime.virtual_time import VirtualTimeLoop

__all__ = ["run_to_order"]

T = TypeVar("T")

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run_to_order(coroutine: Coroutine[Any, Any, T], *, virtual: bool) -> T:
    """Run a coroutine on a new loop; the first SIGINT or SIGTERM cancels it, later ones wait.

    A bench is shut down in order while the cancellation passes through it. A second
    Ctrl-C must not cut that short, so it is ignored.

    Args:
        coroutine: what to run.
        virtual: on a `VirtualTimeLoop`, or in real time.

    Raises:
        KeyboardInterrupt: it was interrupted, and has ended.
    """
    interrupted = False

    async def main() -> T:
        task = asyncio.current_task()
        assert task is not None
        loop = asyncio.get_running_loop()

        def interrupt(number: int, frame: FrameType | None) -> None:
            nonlocal interrupted
            if not interrupted:
                interrupted = True
                loop.call_soon_threadsafe(task.cancel)

        for number in SIGNALS:
            signal.signal(number, interrupt)
        return await coroutine

    before = {number: signal.getsignal(number) for number in SIGNALS}
    factory = VirtualTimeLoop if virtual else asyncio.SelectorEventLoop
    try:
        # asyncio's own handler is not installed where another one is: ours ignores repeats.
        signal.signal(signal.SIGINT, lambda *_: None)
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(main())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
