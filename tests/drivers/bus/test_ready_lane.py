"""Exchanges on the event loop: it never waits for the wire, whatever the other side does."""

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest

from drivers.bus.bus import Bus, LineFramer, Resync
from drivers.transports.tcp import Tcp
from lumina.errors import DeviceConnectionError, DeviceTimeoutError

pytestmark = pytest.mark.timeout(30)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Somebody who takes connections and reads nothing unless a test does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def bus_to(listener: socket.socket) -> Bus:
    port = listener.getsockname()[1]
    return Bus("it", Tcp("127.0.0.1", port), LineFramer(), Resync.reopen(), timeout_s=0.2)


async def longest_pause_s(until: asyncio.Task[None]) -> float:
    """The longest time that the loop was held up while the task ran."""
    loop, longest_s = asyncio.get_running_loop(), 0.0
    last_s = loop.time()
    while not until.done():
        await asyncio.sleep(0.005)
        longest_s, last_s = max(longest_s, loop.time() - last_s), loop.time()
    return longest_s


async def test_a_message_that_the_other_side_does_not_read_holds_up_nobody(
    listener: socket.socket,
) -> None:
    bus = bus_to(listener)
    await bus.open()
    sending = asyncio.create_task(bus.send(b"x" * 20_000_000))
    assert await longest_pause_s(sending) < 0.5  # the thread waits 2 s for room
    with pytest.raises(DeviceConnectionError, match="takes no more bytes"):
        await sending
    await bus.close()


async def test_bytes_that_nobody_asked_for_do_not_keep_the_loop_busy(
    listener: socket.socket,
) -> None:
    bus = bus_to(listener)
    await bus.open()
    peer, _ = listener.accept()
    with peer:
        peer.sendall(b"1\n")
        with pytest.raises(DeviceTimeoutError):
            await bus.request(b"A?")  # reopens first, to a peer who says nothing
        peer, _ = listener.accept()
        with peer:
            peer.sendall(b"late\n")
            turns = await turns_in(0.1)
            assert turns < 1000
    await bus.close()


async def turns_in(duration_s: float) -> int:
    """How often the loop looked for events."""
    loop, turns = asyncio.get_running_loop(), 0
    end_s = loop.time() + duration_s
    original = loop._selector.select  # type: ignore[attr-defined]

    def counted(timeout: float | None = None) -> object:
        nonlocal turns
        turns += 1
        return original(timeout)

    loop._selector.select = counted  # type: ignore[attr-defined]
    try:
        await asyncio.sleep(end_s - loop.time())
    finally:
        loop._selector.select = original  # type: ignore[attr-defined]
    return turns


async def test_an_instrument_keeps_its_thread_and_gives_it_back(listener: socket.socket) -> None:
    bus = bus_to(listener)
    await bus.open()
    assert "bus it" in [thread.name for thread in threading.enumerate()]
    await bus.close()
    for thread in threading.enumerate():
        if thread.name == "bus it":
            thread.join(2.0)
    assert "bus it" not in [thread.name for thread in threading.enumerate()]


async def test_after_a_cancelled_opening_the_bus_opens(listener: socket.socket) -> None:
    bus = bus_to(listener)
    opening = asyncio.create_task(bus.open())
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    await bus.open()
    with pytest.raises(DeviceTimeoutError):
        await bus.request(b"A?")
    await bus.close()
