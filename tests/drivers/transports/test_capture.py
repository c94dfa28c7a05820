"""Traffic written to a file, and a file in the instrument's place."""

import json
from pathlib import Path

import pytest

from drivers.bus.bus import Bus, LineFramer, Resync
from drivers.transports import TransportError, open_transport
from drivers.transports.capture import Replay, ReplayError
from lumina.errors import DeviceConnectionError, DeviceTimeoutError
from tests.drivers.peers import LATE_S, WIRES, Dialect, served

CAPTURE = Path(__file__).parent / "captures" / "late_reply.jsonl"


def bus_on(wire: Replay, resync: Resync) -> Bus:
    return Bus("meter", wire, LineFramer(), resync, timeout_s=0.1)


def replay(tmp_path: Path, *entries: dict[str, str]) -> Replay:
    path = tmp_path / "capture.jsonl"
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return Replay(path)


def resync(reopening_forgets: bool) -> Resync:
    return Resync.reopen() if reopening_forgets else Resync.scpi()


async def an_exchange_with_a_late_reply(bus: Bus) -> bytes:
    await bus.open()
    with pytest.raises(DeviceTimeoutError):
        await bus.request(b"SLOW old", timeout_s=LATE_S / 2)
    answer = await bus.request(b"ECHO new")
    await bus.close()
    return answer


@pytest.mark.parametrize("kind", [kind for kind in WIRES if kind != "memory"])
async def test_what_was_captured_can_be_replayed(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "capture.jsonl"
    with served(kind, Dialect(), str(tmp_path / "tty")) as peer:
        wire = open_transport(f"{peer.address}?capture={path}")
        forgets = wire.reopening_forgets
        bus = Bus("meter", wire, LineFramer(), resync(forgets), timeout_s=0.4)
        assert await an_exchange_with_a_late_reply(bus) == b"new"
    again = Replay(path, reopening_forgets=forgets)
    assert await an_exchange_with_a_late_reply(bus_on(again, resync(forgets))) == b"new"
    again.finish()


async def test_the_captured_late_reply_reaches_nobody() -> None:
    wire = Replay(CAPTURE, reopening_forgets=False)
    assert await an_exchange_with_a_late_reply(bus_on(wire, Resync.scpi())) == b"new"
    wire.finish()


async def test_a_replay_fails_on_a_surprise(tmp_path: Path) -> None:
    wire = replay(tmp_path, {"event": "open"}, {"event": "write", "data": "VOLT 1\n"})
    bus = bus_on(wire, Resync.reopen())
    await bus.open()
    with pytest.raises(ReplayError, match=r"wrote b'VOLT 2\\n', the capture has 'VOLT 1\\n'"):
        await bus.send(b"VOLT 2")


async def test_a_replay_fails_on_leftovers(tmp_path: Path) -> None:
    wire = replay(tmp_path, {"event": "open"}, {"event": "write", "data": "VOLT 1\n"})
    await bus_on(wire, Resync.reopen()).open()
    with pytest.raises(ReplayError, match="never came to"):
        wire.finish()


async def test_a_replay_loses_the_wire_where_the_capture_did(tmp_path: Path) -> None:
    lost = {"event": "lost", "data": "unplugged"}
    asked = {"event": "write", "data": "VOLT?\n"}
    bus = bus_on(replay(tmp_path, {"event": "open"}, asked, lost), Resync.reopen())
    await bus.open()
    with pytest.raises(DeviceConnectionError, match="unplugged"):
        await bus.request(b"VOLT?")


def test_a_failed_opening_is_captured(tmp_path: Path) -> None:
    path = tmp_path / "capture.jsonl"
    wire = open_transport(f"/dev/ttyUSB_none?capture={path}")
    with pytest.raises(TransportError):
        wire.open()
    wire.close()
    assert json.loads(path.read_text().splitlines()[0])["event"] == "lost"
