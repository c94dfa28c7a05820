import asyncio
import contextlib
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from itertools import pairwise

import numpy as np
import pytest

from lumina.errors import VirtualTimeError
from lumina.runtime.virtual_time import VirtualTimeLoop, run_virtual

YEAR_S = 365 * 24 * 3600


def virtual_loop() -> VirtualTimeLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    return loop


@contextlib.contextmanager
def advancing(advance: Callable[[int], None]) -> Iterator[None]:
    loop = virtual_loop()
    loop.add_advancer(advance)
    try:
        yield
    finally:
        loop.remove_advancer(advance)


def test_sleepers_wake_in_order_of_time_not_of_creation() -> None:
    woken: list[tuple[float, str]] = []

    async def sleeper(name: str, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        woken.append((virtual_loop().time(), name))

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            for name, delay_s in [("hour", 3600.0), ("tick", 0.001), ("minute", 60.0)]:
                group.create_task(sleeper(name, delay_s))

    run_virtual(main())
    assert woken == [(0.001, "tick"), (60.0, "minute"), (3600.0, "hour")]


def test_timers_due_together_run_in_the_order_they_were_set() -> None:
    order: list[int] = []

    async def main() -> None:
        for i in range(100):
            virtual_loop().call_at(1.0, order.append, i)
        await asyncio.sleep(2.0)

    run_virtual(main())
    assert order == list(range(100))


def test_the_clock_stands_still_while_anything_is_runnable() -> None:
    async def main() -> None:
        timer = virtual_loop().call_later(1e-9, pytest.fail, "the clock moved")
        for _ in range(1000):
            await asyncio.sleep(0)
        assert virtual_loop().time_ns() == 0
        timer.cancel()

    run_virtual(main())


def test_a_timer_set_in_the_past_runs_at_once_and_does_not_turn_the_clock_back() -> None:
    async def main() -> None:
        await asyncio.sleep(5.0)
        fired = asyncio.Event()
        virtual_loop().call_at(1.0, fired.set)
        await fired.wait()
        assert virtual_loop().time() == 5.0

    run_virtual(main())


Trace = list[tuple[int, int]]


def trace_of_two_random_walkers(seed: int | None) -> Trace:
    trace: Trace = []

    async def walk(walker: int, steps: np.random.Generator) -> None:
        for _ in range(200):
            await asyncio.sleep(steps.exponential())
            trace.append((walker, virtual_loop().time_ns()))

    async def main() -> None:
        generators = np.random.default_rng(seed).spawn(2)
        await asyncio.gather(*(walk(i, generator) for i, generator in enumerate(generators)))

    run_virtual(main())
    return trace


def test_the_same_seed_gives_the_same_trace_of_concurrent_tasks() -> None:
    assert trace_of_two_random_walkers(seed=7) == trace_of_two_random_walkers(seed=7)


def test_without_a_seed_the_traces_differ() -> None:
    assert trace_of_two_random_walkers(seed=None) != trace_of_two_random_walkers(seed=None)


def test_ticks_stay_exact_to_the_nanosecond_after_a_year() -> None:
    async def main() -> None:
        loop = virtual_loop()
        await asyncio.sleep(YEAR_S)
        for _ in range(100_000):
            await asyncio.sleep(0.001)
        assert loop.time_ns() == (YEAR_S + 100) * 10**9
        # A float clock drifts away over the same sums.
        assert sum([0.001] * 100_000, start=float(YEAR_S)) != YEAR_S + 100

    run_virtual(main())


@pytest.mark.parametrize("start_s", [0.0, 12_345.678_9, 45 * 86_400.0])
def test_deadlines_given_as_floats_are_met_to_the_nanosecond(start_s: float) -> None:
    async def main() -> None:
        loop = virtual_loop()
        await asyncio.sleep(start_s)
        start_ns = loop.time_ns()
        for _ in range(1000):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.001):
                    await asyncio.Event().wait()
        assert loop.time_ns() - start_ns == 10**9

    run_virtual(main())


def test_advancers_reach_the_new_time_before_the_timer_runs() -> None:
    reached: list[int] = []

    async def main() -> None:
        with advancing(reached.append):
            for delay_s in (0.001, 0.25, 1.0):
                await asyncio.sleep(delay_s)
                assert reached[-1] == virtual_loop().time_ns()
        await asyncio.sleep(1.0)

    run_virtual(main())
    assert reached[-1] == 1_251_000_000
    steps = [later - earlier for earlier, later in pairwise([0, *reached])]
    assert all(0 < step <= 100_000_000 for step in steps)


def test_the_clock_moves_after_the_advancer() -> None:
    seen: list[tuple[int, int]] = []

    async def main() -> None:
        with advancing(lambda to_ns: seen.append((virtual_loop().time_ns(), to_ns))):
            await asyncio.sleep(0.05)

    run_virtual(main())
    assert seen == [(0, 50_000_000)]


def test_what_an_advancer_finds_wakes_a_task_long_before_the_next_timer() -> None:
    async def main() -> None:
        too_hot = asyncio.Event()

        def advance(time_ns: int) -> None:
            if time_ns >= 5_000_000_000:
                too_hot.set()

        async def supervise() -> float:
            await too_hot.wait()
            return virtual_loop().time()

        with advancing(advance):
            supervisor = asyncio.create_task(supervise())
            await asyncio.sleep(3600.0)
            assert supervisor.result() == 5.0

    run_virtual(main())


def test_an_advancer_that_fails_ends_the_run() -> None:
    def burn(_time_ns: int) -> None:
        raise ArithmeticError("the plant left the valid range")

    async def main() -> None:
        virtual_loop().add_advancer(burn)
        try:
            await asyncio.sleep(1.0)
        finally:
            virtual_loop().remove_advancer(burn)

    with pytest.raises(ArithmeticError, match="valid range"):
        run_virtual(main())


def test_a_cancelled_timer_does_not_move_the_clock() -> None:
    async def main() -> None:
        async with asyncio.timeout(1000.0):
            await asyncio.wait_for(asyncio.sleep(1.0), timeout=500.0)
        await asyncio.sleep(1.0)
        assert virtual_loop().time() == 2.0

    run_virtual(main())


def test_cancelled_timers_do_not_pile_up() -> None:
    async def main() -> None:
        for _ in range(10_000):
            async with asyncio.timeout(YEAR_S):
                await asyncio.sleep(0.001)
        assert len(virtual_loop()._timers) < 2000

    run_virtual(main())


def test_cancelling_a_group_cancels_its_sleepers_at_the_time_of_the_failure() -> None:
    cancelled_at: list[float] = []

    async def sleeper() -> None:
        try:
            await asyncio.sleep(YEAR_S)
        except asyncio.CancelledError:
            cancelled_at.append(virtual_loop().time())
            raise

    async def failing() -> None:
        await asyncio.sleep(3.0)
        raise OSError("laser gone")

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(sleeper())
            group.create_task(failing())

    with pytest.RaisesGroup(OSError):
        run_virtual(main())
    assert cancelled_at == [3.0]


def test_a_deadlock_is_an_error_that_names_who_waits_and_where() -> None:
    async def wait_for_the_laser(ready: asyncio.Event) -> None:
        await ready.wait()

    async def main() -> None:
        await asyncio.sleep(2.5)
        await asyncio.create_task(wait_for_the_laser(asyncio.Event()), name="laser")

    with pytest.raises(VirtualTimeError, match=r"deadlock at 2\.5 s") as caught:
        run_virtual(main())
    assert "laser in Event.wait" in str(caught.value)
    assert "main (" in str(caught.value)


def test_after_a_deadlock_clean_up_still_has_a_clock() -> None:
    cleaned_up_at: list[float] = []

    async def main() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(4.0)
            cleaned_up_at.append(virtual_loop().time())

    with pytest.raises(VirtualTimeError):
        run_virtual(main())
    assert cleaned_up_at == [4.0]


REAL_IO: dict[str, Callable[[], Awaitable[object]]] = {
    "run_in_executor": lambda: asyncio.to_thread(print),
    "create_connection": lambda: asyncio.open_connection("127.0.0.1", 9),
    "create_server": lambda: asyncio.start_server(print, "127.0.0.1", 0),
    "create_unix_connection": lambda: asyncio.open_unix_connection("/tmp/lumina-none"),
    "create_datagram_endpoint": lambda: virtual_loop().create_datagram_endpoint(
        asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0)
    ),
    "subprocess_exec": lambda: asyncio.create_subprocess_exec("true"),
    "subprocess_shell": lambda: asyncio.create_subprocess_shell("true"),
    "getaddrinfo": lambda: virtual_loop().getaddrinfo("localhost", 9),
}


@pytest.mark.parametrize("operation", REAL_IO)
def test_real_io_is_refused_by_name_with_a_way_out(operation: str) -> None:
    async def main() -> None:
        await REAL_IO[operation]()

    with pytest.raises(VirtualTimeError, match=rf"{operation}\(\) is refused.*twin backend"):
        run_virtual(main())


def test_watching_a_file_descriptor_is_refused() -> None:
    async def main() -> None:
        here, there = socket.socketpair()
        with here, there, pytest.raises(VirtualTimeError, match="add_reader"):
            virtual_loop().add_reader(here, print)

    run_virtual(main())


@pytest.fixture
def ctrl_c_heard() -> Iterator[None]:
    """Hear SIGINT, which whoever started the tests in the background has had ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c_heard")
def test_ctrl_c_cancels_the_main_task_which_cleans_up() -> None:
    cleaned_up_at: list[float] = []

    async def main() -> None:
        virtual_loop().call_later(10.0, signal.raise_signal, signal.SIGINT)
        try:
            await asyncio.sleep(YEAR_S)
        finally:
            await asyncio.sleep(1.0)
            cleaned_up_at.append(virtual_loop().time())

    with pytest.raises(KeyboardInterrupt):
        run_virtual(main())
    assert cleaned_up_at == [11.0]


@pytest.mark.usefixtures("ctrl_c_heard")
def test_ctrl_c_in_the_middle_of_a_long_jump_does_not_wait_for_its_end() -> None:
    stopped_at: list[float] = []

    def advance(time_ns: int) -> None:
        if time_ns == 1_000_000_000:
            signal.raise_signal(signal.SIGINT)

    async def main() -> None:
        with advancing(advance):
            try:
                await asyncio.sleep(YEAR_S)
            finally:
                stopped_at.append(virtual_loop().time())

    with pytest.raises(KeyboardInterrupt):
        run_virtual(main())
    assert stopped_at == [1.0]


def test_a_signal_handler_runs_before_the_clock_moves() -> None:
    handled_at: list[float] = []

    async def main() -> None:
        loop = virtual_loop()
        loop.add_signal_handler(signal.SIGTERM, lambda: handled_at.append(loop.time()))
        await asyncio.sleep(1.0)
        signal.raise_signal(signal.SIGTERM)
        await asyncio.sleep(1.0)
        assert loop.remove_signal_handler(signal.SIGTERM)

    run_virtual(main())
    assert handled_at == [1.0]


def test_asyncio_debug_mode_works_in_virtual_time() -> None:
    async def main() -> float:
        await asyncio.sleep(1.0)
        return virtual_loop().time()

    with asyncio.Runner(loop_factory=VirtualTimeLoop, debug=True) as runner:
        assert runner.run(main()) == 1.0
