"""The life of a connection: who answers, loss, return, and power cycles."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from drivers.interfaces import FloatArray, Limits, PhaseShifterBank
from drivers.options import PhaseShifterBankOptions
from drivers.registry import Mounting
from drivers.scpi import ScpiInstrument
from drivers.transports.memory import unplug
from drivers.wire import SILENCES
from lumina.errors import (
    DeviceConnectionError,
    DeviceError,
    DeviceRangeError,
    DeviceStateError,
    DeviceTimeoutError,
    IdentityError,
    ProtocolError,
    UsageError,
)
from tests.drivers.peers import WIRES, Dialect, Peer, served


class Source(ScpiInstrument, PhaseShifterBank):
    """A voltage source with the least that a driver needs."""

    model = "ACME,Model [12]"
    timeout_s = 0.15
    backoff_s = (0.02, 0.05)

    @property
    def channels(self) -> int:
        return 1

    def drive_limits_v(self) -> Limits:
        return Limits(0.0, 10.0)

    async def set_drive_v(self, drive_v: FloatArray) -> None:
        await self.set("VOLT", float(drive_v[0]))

    async def read_drive_v(self) -> FloatArray:
        return np.array([await self.ask_float("VOLT?")])

    async def read_current_a(self) -> FloatArray:
        return np.array([await self.ask_float("CURR?")])

    async def make_safe(self) -> None:
        await self.switch("OUTP", False)


def source_at(address: str) -> Source:
    return Source(Mounting("source", PhaseShifterBankOptions(), None, address))


@pytest.fixture
def dialect() -> Dialect:
    return Dialect()


@pytest.fixture(params=WIRES)
def peer(request: pytest.FixtureRequest, dialect: Dialect, tmp_path: Path) -> Iterator[Peer]:
    with served(request.param, dialect, str(tmp_path / "ttyUSB0")) as peer:
        yield peer


@pytest_asyncio.fixture
async def source(peer: Peer) -> AsyncIterator[Source]:
    source = source_at(peer.address)
    await source.connect()
    yield source
    await source.close()


async def eventually(true: Callable[[], bool]) -> None:
    for _ in range(400):
        if true():
            return
        await asyncio.sleep(0.005)
    pytest.fail("never happened")


async def back(source: Source) -> None:
    async with asyncio.timeout(2.0):
        while True:
            try:
                await source.read_drive_v()
            except DeviceError:
                await asyncio.sleep(0.005)
            else:
                return


async def test_it_tells_who_answers(peer: Peer) -> None:
    source = source_at(peer.address)
    identity = await source.connect()
    assert (identity.manufacturer, identity.model, identity.serial) == ("ACME", "Model 1", "SN7")
    await source.close()
    await source.close()


async def test_another_instrument_is_refused(peer: Peer, dialect: Dialect) -> None:
    dialect.identity = b"OTHER,Thing,0,0"
    source = source_at(peer.address)
    with pytest.raises(IdentityError, match=r"expected .*, but OTHER,Thing answers") as caught:
        await source.connect()
    assert str(caught.value).startswith("source: ")
    assert source.bus.resource in str(caught.value)
    assert not source.bus.is_open


@pytest.mark.parametrize("identity", [b"hello", b"\xff\xfe\x00", b"a,b"])
async def test_something_that_is_no_instrument_is_refused(
    peer: Peer, dialect: Dialect, identity: bytes
) -> None:
    dialect.identity = identity
    with pytest.raises(IdentityError, match="something else answers there"):
        await source_at(peer.address).connect()


async def test_a_line_on_which_nobody_answers(peer: Peer, dialect: Dialect) -> None:
    dialect.deaf = True
    with pytest.raises(DeviceConnectionError, match="it opens, but nobody answers"):
        await source_at(peer.address).connect()


async def test_before_connect_it_says_so(peer: Peer) -> None:
    with pytest.raises(DeviceStateError, match="connect it first"):
        await source_at(peer.address).read_drive_v()


async def test_it_comes_back_by_itself_and_tells_each_change_once(
    source: Source, peer: Peer, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(DeviceConnectionError):
        await source.query("BYE")
    if peer.address.startswith("memory:"):
        unplug("peer")
    for _ in range(5):
        with pytest.raises(DeviceConnectionError, match="lost and not back yet"):
            await source.read_drive_v()
    await asyncio.sleep(0.1)  # several attempts, where nobody answers
    peer.come_back()
    await back(source)
    told = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert len(told) == 2, told
    assert "trying to reconnect" in told[0]
    assert told[1].endswith(": back")


async def test_a_power_cycle_is_noticed_and_settings_are_made_again(
    source: Source, peer: Peer, dialect: Dialect, caplog: pytest.LogCaptureFixture
) -> None:
    await source.set_drive_v(np.array([2.5]))
    await source.set("ILIM", 0.1)
    await source.switch("OUTP", True)
    dialect.power_cycle()
    dialect.values[b"ILIM"] = b"0.1"  # this one it keeps by itself
    with pytest.raises(DeviceConnectionError):
        await source.query("BYE")
    peer.come_back()
    await back(source)
    assert await source.read_drive_v() == 2.5
    assert dialect.values.get(b"OUTP") is None  # an output is not switched on again
    assert source.power_cycle is not None
    assert [str(difference) for difference in source.power_cycle.differences] == [
        "VOLT: 2.5, found 0.0",
        "OUTP: 1, found 0.0, left so",
    ]
    assert "power-cycled; set again: VOLT: 2.5, found 0.0" in caplog.text


async def test_a_lost_cable_alone_changes_nothing(
    source: Source, peer: Peer, dialect: Dialect
) -> None:
    await source.set_drive_v(np.array([2.5]))
    with pytest.raises(DeviceConnectionError):
        await source.query("BYE")
    heard = len(dialect.heard)
    peer.come_back()
    await back(source)
    assert source.power_cycle is None
    assert not [line for line in dialect.heard[heard:] if line.startswith(b"VOLT ")]


async def test_a_power_cycle_behind_an_open_port_is_noticed_after_a_time_out(
    source: Source, dialect: Dialect
) -> None:
    await source.set_drive_v(np.array([2.5]))
    dialect.power_cycle()
    dialect.deaf = True
    with pytest.raises(DeviceTimeoutError):
        await source.query("VOLT?", timeout_s=0.02)
    dialect.deaf = False
    assert await source.read_drive_v() == 2.5
    assert source.power_cycle is not None


async def test_silence_counts_as_loss_in_the_end(source: Source, dialect: Dialect) -> None:
    dialect.deaf = True
    for _ in range(SILENCES):
        with pytest.raises(DeviceTimeoutError):
            await source.query("VOLT?", timeout_s=0.02)
    with pytest.raises(DeviceConnectionError, match="lost and not back yet"):
        await source.read_drive_v()
    dialect.deaf = False
    await back(source)


async def test_a_setting_whose_answer_is_lost_is_not_sent_again(
    source: Source, dialect: Dialect
) -> None:
    answer = dialect.answer

    def lose_the_error_check(line: bytes):  # type: ignore[no-untyped-def]
        replies = answer(line)
        return [] if b"ERR" in line else replies

    dialect.answer = lose_the_error_check  # type: ignore[method-assign]
    with pytest.raises(DeviceTimeoutError):
        await source.set_drive_v(np.array([3.0]))
    dialect.answer = answer  # type: ignore[method-assign]
    assert await source.read_drive_v() == 3.0
    assert [line for line in dialect.heard if line.startswith(b"VOLT ")] == [b"VOLT 3"]


async def test_another_unit_of_the_same_model_is_not_taken_for_the_old_one(
    source: Source, peer: Peer, dialect: Dialect, caplog: pytest.LogCaptureFixture
) -> None:
    dialect.identity = b"ACME,Model 1,SN8,1.0"
    with pytest.raises(DeviceConnectionError):
        await source.query("BYE")
    peer.come_back()
    await eventually(lambda: "serial number SN8 answers, it was SN7" in caplog.text)
    with pytest.raises(DeviceConnectionError):
        await source.read_drive_v()
    dialect.identity = b"ACME,Model 1,SN7,1.0"
    await back(source)


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        (b'-222,"Data out of range"', DeviceRangeError),
        (b'-221,"Settings conflict"', DeviceStateError),
        (b'-113,"Undefined header"', ProtocolError),
    ],
)
async def test_what_the_error_queue_says_is_raised(
    source: Source, dialect: Dialect, entry: bytes, error: type[DeviceError]
) -> None:
    await source.read_drive_v()
    dialect.refuses[b"VOLT"] = entry
    dialect.errors.append(b'-350,"Queue overflow"')  # of before: it goes with the next check
    with pytest.raises(DeviceError, match="-350"):
        await source.set_drive_v(np.array([1.0]))
    with pytest.raises(error, match="'VOLT 2' refused: " + entry.decode().split(",")[0]):
        await source.set_drive_v(np.array([2.0]))
    dialect.refuses.clear()
    await source.set_drive_v(np.array([3.0]))


async def test_close_ends_the_reconnecting(source: Source, peer: Peer) -> None:
    with pytest.raises(DeviceConnectionError):
        await source.query("BYE")
    await source.close()
    with pytest.raises(DeviceStateError):
        await source.read_drive_v()


def test_without_an_address_it_says_which_there_are() -> None:
    with pytest.raises(UsageError, match=r"source: needs an address: /dev/ttyUSB0, "):
        Source(Mounting("source", PhaseShifterBankOptions()))
