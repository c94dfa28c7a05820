"""The bus on every wire: nobody gets another's reply, whatever happens on the line."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from drivers.bus.bus import Bus, LineFramer, Resync
from drivers.transports import open_transport
from lumina.errors import DeviceConnectionError, DeviceTimeoutError, ProtocolError, UsageError
from tests.drivers.peers import LATE_S, WIRES, Dialect, Peer, served

TOO_SHORT_S = LATE_S / 3


@pytest.fixture
def dialect() -> Dialect:
    return Dialect()


@pytest.fixture(params=WIRES)
def peer(request: pytest.FixtureRequest, dialect: Dialect, tmp_path: Path) -> Iterator[Peer]:
    with served(request.param, dialect, str(tmp_path / "ttyUSB0")) as peer:
        yield peer


def bus_to(peer: Peer, resync: Resync | None = None, timeout_s: float = 0.4) -> Bus:
    wire = open_transport(peer.address)
    default = Resync.reopen() if wire.reopening_forgets else Resync.scpi()
    return Bus("meter", wire, LineFramer(), resync or default, timeout_s=timeout_s)


@pytest_asyncio.fixture
async def bus(peer: Peer) -> AsyncIterator[Bus]:
    bus = bus_to(peer)
    await bus.open()
    yield bus
    await bus.close()


async def test_a_reply_that_is_late_reaches_nobody(bus: Bus) -> None:
    with pytest.raises(DeviceTimeoutError, match=r"^meter: .* no answer to b'SLOW old' within"):
        await bus.request(b"SLOW old", timeout_s=TOO_SHORT_S)
    assert await bus.request(b"ECHO new") == b"new"
    await asyncio.sleep(1.5 * LATE_S)
    assert await bus.request(b"ECHO newer") == b"newer"


async def test_a_reply_that_came_while_nobody_asked_reaches_nobody(bus: Bus) -> None:
    with pytest.raises(DeviceTimeoutError):
        await bus.request(b"SLOW old", timeout_s=TOO_SHORT_S)
    await asyncio.sleep(1.5 * LATE_S)
    assert await bus.request(b"ECHO new") == b"new"


async def test_the_reply_of_a_cancelled_request_reaches_nobody(bus: Bus) -> None:
    asking = asyncio.create_task(bus.request(b"SLOW old"))
    await asyncio.sleep(TOO_SHORT_S)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await bus.request(b"ECHO new") == b"new"
    assert await bus.request(b"ECHO newer") == b"newer"


async def test_a_request_cancelled_while_it_waits_its_turn_is_never_sent(
    bus: Bus, dialect: Dialect
) -> None:
    first = asyncio.create_task(bus.request(b"SLOW one"))
    second = asyncio.create_task(bus.request(b"ECHO two"))
    await asyncio.sleep(TOO_SHORT_S)
    second.cancel()
    assert await first == b"one"
    assert b"ECHO two" not in dialect.heard


async def test_without_resync_the_late_reply_would_be_taken_for_the_next(peer: Peer) -> None:
    bus = bus_to(peer, Resync.match(lambda request, reply: True))
    await bus.open()
    with pytest.raises(DeviceTimeoutError):
        await bus.request(b"SLOW old", timeout_s=TOO_SHORT_S)
    assert await bus.request(b"ECHO new") == b"old"
    await bus.close()


async def test_marked_replies_are_told_apart_by_their_mark(peer: Peer) -> None:
    bus = bus_to(peer, Resync.match(lambda request, reply: request.endswith(reply)))
    await bus.open()
    with pytest.raises(DeviceTimeoutError):
        await bus.request(b"SLOW 0001", timeout_s=TOO_SHORT_S)
    assert await bus.request(b"ECHO 0002") == b"0002"
    await bus.close()


async def test_a_doubled_reply_answers_one_request_only(bus: Bus) -> None:
    assert await bus.request(b"TWICE one") == b"one"
    assert await bus.request(b"ECHO two") == b"two"


async def test_after_half_a_reply_and_after_garbage_the_bus_is_usable(bus: Bus) -> None:
    with pytest.raises(DeviceTimeoutError):
        await bus.request(b"HALF a rep", timeout_s=TOO_SHORT_S)
    assert await bus.request(b"ECHO one") == b"one"
    assert await bus.request(b"NOISE") == b"\xff\x00\x9c junk"
    assert await bus.request(b"ECHO two") == b"two"


async def test_nothing_is_sent_twice(bus: Bus, dialect: Dialect) -> None:
    for message in (b"MUTE 1", b"SLOW 2"):
        with pytest.raises(DeviceTimeoutError):
            await bus.request(message, timeout_s=TOO_SHORT_S)
    await bus.request(b"ECHO 3")
    assert [line for line in dialect.heard if b"ESE" not in line] == [
        b"MUTE 1",
        b"SLOW 2",
        b"ECHO 3",
    ]


async def test_a_hang_up_names_device_and_resource_and_the_bus_comes_back(
    bus: Bus, peer: Peer
) -> None:
    with pytest.raises(DeviceConnectionError, match=r"^meter: ") as caught:
        await bus.request(b"BYE")
    assert bus.resource in str(caught.value)
    with pytest.raises(DeviceConnectionError, match="not connected"):
        await bus.request(b"ECHO early")
    peer.come_back()
    await bus.open()
    assert await bus.request(b"ECHO again") == b"again"


async def test_a_sequence_lets_nobody_in_between(bus: Bus, dialect: Dialect) -> None:
    async def select_and_ask(channel: bytes) -> bytes:
        async with bus.sequence(), bus.sequence():
            await bus.send(b"NSEL " + channel)
            await asyncio.sleep(0)
            return await bus.request(b"NSEL?")

    channels = [b"1", b"2", b"3"]
    assert await asyncio.gather(*map(select_and_ask, channels)) == channels


async def test_a_silent_instrument_stays_an_error_and_speaks_again(
    bus: Bus, dialect: Dialect
) -> None:
    dialect.deaf = True
    for _ in range(2):
        with pytest.raises(DeviceTimeoutError):
            await bus.request(b"ECHO 1", timeout_s=0.02)
    dialect.deaf = False
    assert await bus.request(b"ECHO 2") == b"2"


@pytest.mark.parametrize("wire", ["serial", "visa serial", "memory"])
async def test_a_late_answer_of_the_sentinel_itself_is_no_answer(
    wire: str, dialect: Dialect, tmp_path: Path
) -> None:
    with served(wire, dialect, str(tmp_path / "tty")) as peer:
        sentinel = Resync.sentinel(b"*IDN?", lambda reply: reply.startswith(b"ACME"))
        bus = bus_to(peer, sentinel, timeout_s=LATE_S)
        await bus.open()
        dialect.identity = b"ACME"
        dialect_answer, dialect.answer = dialect.answer, _slow_once(dialect)  # type: ignore[method-assign]
        with pytest.raises(DeviceTimeoutError):
            await bus.request(b"*IDN?", timeout_s=TOO_SHORT_S)
        dialect.answer = dialect_answer  # type: ignore[method-assign]
        assert await bus.request(b"ECHO new") == b"new"
        assert await bus.request(b"ECHO newer") == b"newer"
        await bus.close()


def _slow_once(dialect: Dialect):  # type: ignore[no-untyped-def]
    return lambda line: dialect._slow(dialect.identity)


async def test_an_endless_line_is_a_protocol_error(tmp_path: Path, dialect: Dialect) -> None:
    with served("tcp", dialect, "") as peer:
        bus = bus_to(peer)
        await bus.open()
        with pytest.raises(ProtocolError, match="without an end of line") as caught:
            await bus.request(b"HALF " + bytes(1 << 20) + b"x", timeout_s=10.0)
        assert len(str(caught.value)) < 500, "the message is told in short"
        assert await bus.request(b"ECHO two") == b"two"
        await bus.close()


def test_reopening_a_serial_line_does_not_forget(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="use a sentinel"):
        Bus("meter", open_transport("/dev/ttyUSB9"), LineFramer(), Resync.reopen())
