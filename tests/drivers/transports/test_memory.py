"""Wires in memory: what a client sees of them in virtual time."""

import asyncio

import pytest

from drivers.transports.base import TransportError
from drivers.transports.memory import Memory, Plug, plug_in, unplug
from tests.drivers.peers import Timed

pytestmark = pytest.mark.virtual_time


class Listener:
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.goodbyes = 0

    def receive(self, data: bytes) -> None:
        self.heard.append(data)

    def disconnected(self) -> None:
        self.goodbyes += 1


class Slow:
    """Answers with what it was told, each word after a second."""

    def receive(self, data: bytes) -> list[Timed]:
        return [Timed(word, 1.0) for word in data.split()]

    def disconnected(self) -> None:
        """It keeps nothing."""


async def test_replies_come_one_after_another_each_at_its_time() -> None:
    wire = Memory(plug_in("slow", Slow()))
    wire.open()
    wire.write(b"one two")
    assert await wire.read(0.9) == b""
    assert (await wire.read(5.0), wire.now()) == (b"one", 1.0)
    assert (await wire.read(5.0), wire.now()) == (b"two", 2.0)
    wire.close()
    unplug("slow")


async def test_what_was_on_its_way_to_a_client_that_has_gone_reaches_nobody() -> None:
    wire = Memory(plug_in("slow", Slow()))
    wire.open()
    wire.write(b"old")
    wire.close()
    wire.open()
    assert await wire.read(3.0) == b""
    wire.close()
    unplug("slow")


async def test_a_serial_line_does_not_notice_its_client_and_still_brings_old_replies() -> None:
    listener = Listener()
    plug = Plug("line", listener, serial=True)
    wire = Memory(plug.address)
    assert not wire.reopening_forgets
    wire.open()
    wire.write(b"?")
    wire.close()
    plug.send(b"heard by nobody")
    wire.open()
    plug.send(b"old")
    assert await wire.read(1.0) == b"old"
    assert (listener.heard, listener.goodbyes) == ([b"?"], 0)
    plug.pull()


async def test_there_is_one_client_at_a_time() -> None:
    listener = Listener()
    plug = Plug("port", listener)
    first, second = Memory(plug.address), Memory(plug.address)
    first.open()
    with pytest.raises(TransportError, match="in use"):
        second.open()
    first.close()
    second.open()
    assert listener.goodbyes == 1
    plug.pull()


@pytest.mark.parametrize(("serial", "why"), [(True, "unplugged"), (False, "closed by the other")])
async def test_who_waits_when_it_hangs_up_is_told(serial: bool, why: str) -> None:
    plug = Plug("it", Listener(), serial=serial)
    wire = Memory(plug.address)
    wire.open()
    reading = asyncio.create_task(wire.read(10.0))
    await asyncio.sleep(1.0)
    plug.send(b"last words")
    plug.pull()
    assert await reading == b"last words"
    with pytest.raises(TransportError, match=why):
        await wire.read(10.0)
    with pytest.raises(TransportError, match="nobody"):
        wire.open()


async def test_an_address_of_another_kind_of_wire_is_not_this_one() -> None:
    plug = Plug("it", Listener(), serial=True)
    with pytest.raises(TransportError, match="nobody"):
        Memory("memory:it").open()
    plug.pull()


async def test_even_the_shortest_patience_lets_time_pass() -> None:
    plug = Plug("silent", Listener())
    wire = Memory(plug.address)
    wire.open()
    assert await wire.read(1e-11) == b""
    assert wire.now() > 0.0
    plug.pull()
