"""An asyncio loop whose clock jumps: hours of bench time in seconds, the same every time.

While anything is runnable the clock stands still. When nothing is, it jumps to the next
timer; before that, the *advancers* (the twins' tick loops) are taken to the new time.
Nothing here reads the wall clock or waits in the kernel, so what a program does under
virtual time depends on the program and its seeds alone.
"""

import asyncio
import heapq
import inspect
import itertools
import signal
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from types import FrameType
from typing import Any, TypeVar, TypeVarTuple

from lumina.errors import VirtualTimeError

__all__ = ["VirtualTimeLoop", "run_virtual"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
Advancer = Callable[[int], None]
Loop = TypeVar("Loop", bound=type[asyncio.AbstractEventLoop])

_NS_PER_S = 1_000_000_000

_STRIDE_NS = 100_000_000
"""Longest step that advancers are asked for: what a signal or a callback scheduled by an
advancer waits at most. 100 ticks of the 1 kHz loop keep the cost of asking unnoticeable."""

_FIRST_PRUNE = 1024
"""Timers held before the cancelled ones among them are first swept out."""


def _refusal(operation: str) -> Callable[..., Any]:
    def refuse(self: asyncio.AbstractEventLoop, *_: Any, **__: Any) -> Any:
        raise VirtualTimeError(
            f"{operation}() is refused: real I/O and threads take real time and cannot keep up "
            "with a clock that jumps. Use the twin backend, or run without virtual time"
        )

    return refuse


def _refuses(*operations: str) -> Callable[[Loop], Loop]:
    """Class decorator: these loop methods raise VirtualTimeError."""

    def decorate(loop_class: Loop) -> Loop:
        for operation in operations:
            setattr(loop_class, operation, _refusal(operation))
        return loop_class

    return decorate


@_refuses(
    *("add_reader", "add_writer", "run_in_executor", "getaddrinfo", "getnameinfo"),
    *("sock_recv", "sock_recv_into", "sock_recvfrom", "sock_recvfrom_into", "sock_sendall"),
    *("sock_sendto", "sock_connect", "sock_accept", "sock_sendfile", "sendfile", "start_tls"),
    *("create_connection", "create_server", "create_datagram_endpoint"),
    *("create_unix_connection", "create_unix_server", "connect_accepted_socket"),
    *("connect_read_pipe", "connect_write_pipe", "subprocess_exec", "subprocess_shell"),
)
class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """A single-threaded asyncio event loop on a virtual clock that starts at 0.

    The clock is an integer number of nanoseconds. `call_later`, and with it
    `asyncio.sleep`, is exact to the nanosecond for ever; `call_at`, and with it
    `asyncio.timeout`, takes a float and is exact for the first 48 days.
    Timers due at the same time run in the order in which they were set.

    Raises (out of whatever runs the loop):
        VirtualTimeError: nothing is runnable and no timer is set, so that a real loop
            would hang; or real I/O, a thread or a subprocess is asked for.
    """

    time_is_virtual = True

    # Kept by asyncio's own loop; the type stubs leave them out.
    _ready: deque[asyncio.Handle]
    _stopping: bool
    _handle_signal: Callable[[int], None]
    _check_closed: Callable[[], None]

    def __init__(self) -> None:
        super().__init__()
        self._now_ns = 0
        self._timers: list[tuple[int, int, asyncio.TimerHandle]] = []
        self._order = itertools.count()
        self._prune_at = _FIRST_PRUNE
        self._advancers: list[Advancer] = []

    def time(self) -> float:
        """Virtual time since the loop was made, in s."""
        return self._now_ns / _NS_PER_S

    def time_ns(self) -> int:
        """Virtual time since the loop was made, in ns."""
        return self._now_ns

    def add_advancer(self, advance: Advancer) -> None:
        """Have `advance(time_ns)` called before the clock moves to `time_ns`.

        Times rise strictly, in steps of at most 0.1 s. What an advancer schedules runs
        before the clock moves on, or at its time, if that is later.
        """
        self._advancers.append(advance)

    def remove_advancer(self, advance: Advancer) -> None:
        """Forget an advancer.

        Raises:
            ValueError: it was not added.
        """
        self._advancers.remove(advance)

    def warp(self, time_ns: int) -> None:
        """Set the clock forward without advancing anything: a checkpoint is being restored.

        Timers that are due by then run at once.

        Raises:
            VirtualTimeError: the time has passed.
        """
        if time_ns < self._now_ns:
            raise VirtualTimeError(f"the clock stands at {self._now_ns} ns, beyond {time_ns} ns")
        self._now_ns = time_ns

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Run a callback `delay` s from now, rounded to the nanosecond."""
        when_ns = self._now_ns + round(delay * _NS_PER_S)
        return self._set_timer(when_ns, callback, args, context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Run a callback at `when`, in s on this loop's clock."""
        # The difference first: it is small and exact where `when` is large and is not.
        when_ns = self._now_ns + round((when - self.time()) * _NS_PER_S)
        return self._set_timer(when_ns, callback, args, context)

    def add_signal_handler(self, sig: int, callback: Callable[[*Ts], object], *args: *Ts) -> None:
        """Run a callback when the process gets a signal; main thread only."""
        super().add_signal_handler(sig, callback, *args)
        # asyncio would have the signal wake its selector, which this loop never looks at.
        signal.set_wakeup_fd(-1)
        signal.signal(sig, self._on_signal)

    def _on_signal(self, signum: int, _frame: FrameType | None) -> None:
        self._handle_signal(signum)

    def _set_timer(
        self,
        when_ns: int,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: Context | None,
    ) -> asyncio.TimerHandle:
        self._check_closed()
        if len(self._timers) >= self._prune_at:
            self._prune()
        handle = asyncio.TimerHandle(when_ns / _NS_PER_S, callback, args, self, context)
        heapq.heappush(self._timers, (when_ns, next(self._order), handle))
        return handle

    def _prune(self) -> None:
        self._timers = [timer for timer in self._timers if not timer[2].cancelled()]
        heapq.heapify(self._timers)
        self._prune_at = max(_FIRST_PRUNE, 2 * len(self._timers))

    def _run_once(self) -> None:
        """One turn of the loop; asyncio's `run_forever` calls it until stopped.

        Replaces the base class's, whose float clock and select() cannot jump.
        """
        ready = self._ready
        if not ready and not self._stopping:
            self._jump()
        self._queue_due()
        # What these callbacks schedule waits for the next turn, as in asyncio.
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle.cancelled():
                handle._run()

    def _jump(self) -> None:
        timers = self._timers
        while timers and timers[0][2].cancelled():
            heapq.heappop(timers)
        if not timers:
            raise VirtualTimeError(self._deadlock())
        if not self._advancers:
            self._now_ns = max(self._now_ns, timers[0][0])
        elif self._now_ns < timers[0][0]:
            self._stride(min(timers[0][0], self._now_ns + _STRIDE_NS))

    def _stride(self, time_ns: int) -> None:
        """Take the advancers to a time, then the clock; they may have set earlier timers."""
        for advance in tuple(self._advancers):
            advance(time_ns)
        self._now_ns = time_ns

    def _queue_due(self) -> None:
        timers = self._timers
        while timers and timers[0][0] <= self._now_ns:
            self._ready.append(heapq.heappop(timers)[2])

    def _deadlock(self) -> str:
        waiting = sorted(f"{task.get_name()} {_where(task)}" for task in asyncio.all_tasks(self))
        return (
            f"deadlock at {self.time():.9g} s of virtual time: nothing is runnable, no timer is "
            "set, and nothing outside the loop can wake it. Waiting: "
            + ("; ".join(waiting) or "no task")
        )


def _where(task: asyncio.Task[Any]) -> str:
    """Where a waiting task stands: its innermost coroutine that has a Python frame."""
    coroutine = task.get_coro()
    while inspect.iscoroutine(coroutine) and inspect.iscoroutine(coroutine.cr_await):
        coroutine = coroutine.cr_await
    frame = getattr(coroutine, "cr_frame", None)
    if frame is None:
        return "not in a coroutine"
    return f"in {frame.f_code.co_qualname} ({frame.f_code.co_filename}:{frame.f_lineno})"


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end on a fresh VirtualTimeLoop, as `asyncio.run` would.

    Raises:
        VirtualTimeError: the program deadlocks or asks for real I/O.
        KeyboardInterrupt: after Ctrl-C, once `main` has been cancelled and has cleaned up.
    """
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)
