"""The link against a real broker: it tells, it hears, it comes back, and it never disturbs."""

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from lumina.runtime import Bench, open_bench
from lumina.runtime.facility.config import FacilityConfig
from lumina.runtime.facility.link import linked
from lumina.runtime.recording.journal import Journal
from lumina.runtime.virtual_time import run_virtual
from tests.runtime.conftest import Log
from tests.runtime.facility.conftest import Mosquitto

PATIENCE_S = 60.0
ROOT = Path(__file__).parents[3]


@pytest.fixture
def log() -> Log:
    return Log()


class Room:
    """The facility's side: what it has heard, by topic."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self.client = client
        self.heard: dict[str, list[Any]] = {}

    async def listen(self) -> None:
        await self.client.subscribe("lumina/#", qos=1)
        async for message in self.client.messages:
            assert isinstance(message.payload, bytes)
            told = message.payload.decode()
            with contextlib.suppress(ValueError):
                told = json.loads(told)
            self.heard.setdefault(str(message.topic), []).append(told)

    async def hears(self, topic: str, wanted: object = None) -> Any:
        def told() -> list[Any]:
            return [t for t in self.heard.get(topic, []) if wanted is None or t == wanted]

        await until(lambda: bool(told()))
        return told()[0]


@asynccontextmanager
async def room(port: int) -> AsyncIterator[Room]:
    async with aiomqtt.Client("127.0.0.1", port) as client:
        listener = Room(client)
        task = asyncio.create_task(listener.listen())
        try:
            yield listener
        finally:
            task.cancel()
            await asyncio.wait([task])


def config_for(tmp_path: Path, port: int, **more: object) -> Path:
    """A bench that needs no lock: its set point is that of the room."""
    facility = json.dumps({"broker": "127.0.0.1", "port": port, "period_s": 0.1, **more})
    path = tmp_path / "bench.yaml"
    small = ROOT / "lab_configs" / "small.yaml"
    path.write_text(
        f"extends: {small}\nname: cellar\nfacility: {facility}\n"
        "control:\n  default: {setpoint_c: 26.0}\njob: {settle_s: 0.2, lock_tolerance_k: 2.0}\n"
    )
    return path


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - some of it happens in other threads
            await asyncio.sleep(0.01)


async def until_inlet(bench: Bench, inlet_c: float) -> None:
    await until(lambda: abs(float(bench.device.loop.latest()["inlet_c"]) - inlet_c) < 1e-3)


async def test_the_room_is_told_and_tells_and_knows_when_the_bench_is_gone(
    tmp_path: Path, broker: Mosquitto, log: Log
) -> None:
    config = config_for(tmp_path, broker.port, inlet_valid_s=0.5)
    async with room(broker.port) as facility:
        async with open_bench(config, journal=Journal(log)) as bench:
            told = await facility.hears("lumina/cellar/npu/report")
            assert await facility.hears("lumina/cellar/status", "online")
            assert {"chip_c", "power_w", "guard", "airflow"} <= set(told)
            assert 0.0 <= await facility.hears("lumina/cellar/npu/airflow") <= 1.0
            own_c = float(bench.device.loop.latest()["inlet_c"])
            await facility.client.publish("lumina/cellar/inlet", b'{"temperature_c": 31.5}', qos=1)
            await until_inlet(bench, 31.5)
            await until_inlet(bench, own_c)  # what was told is too old by now
            await facility.client.publish("lumina/cellar/inlet", b"hot", qos=1)
            await until(lambda: any(e.level == "warning" for e in log.kinds("facility")))
        assert await facility.hears("lumina/cellar/status", "offline")
    doubt = next(e for e in log.kinds("facility") if e.level == "warning")
    assert "lumina/cellar/inlet was left out: neither a number nor JSON" in doubt.message


async def test_the_broker_may_come_late_go_and_come_back(tmp_path: Path, log: Log) -> None:
    broker = Mosquitto(tmp_path)
    config = FacilityConfig(broker="127.0.0.1", port=broker.port)
    async with linked(config, "cellar", [], Journal(log)):
        await until_told(log, reached=False, times=1)
        broker.start()
        try:
            await until_told(log, reached=True, times=1)
            await asyncio.to_thread(broker.stop)
            await until_told(log, reached=False, times=2)
            await asyncio.to_thread(broker.start)
            await until_told(log, reached=True, times=2)
        finally:
            await asyncio.to_thread(broker.stop)
    assert all("the bench goes on" in e.message for e in log.events if not e.data["reached"])


async def until_told(log: Log, *, reached: bool, times: int) -> None:
    await until(lambda: sum(e.data["reached"] is reached for e in log.events) >= times)


VANISHING = """
import asyncio, sys
from lumina.runtime.facility.config import FacilityConfig
from lumina.runtime.facility.link import linked
from lumina.runtime.recording.journal import Journal

async def main():
    config = FacilityConfig(broker="127.0.0.1", port=int(sys.argv[1]))
    async with linked(config, "cellar", [], Journal()):
        await asyncio.sleep(300)

asyncio.run(main())
"""


def start(program: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", program, *arguments], cwd=ROOT)


async def test_a_bench_that_vanishes_leaves_its_last_will(broker: Mosquitto) -> None:
    async with room(broker.port) as facility:
        process = await asyncio.to_thread(start, VANISHING, str(broker.port))
        try:
            await facility.hears("lumina/cellar/status", "online")
        finally:
            process.kill()
            await asyncio.to_thread(process.wait)
        await facility.hears("lumina/cellar/status", "offline")


async def test_a_broker_that_says_nothing_holds_nobody_up(log: Log) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        config = FacilityConfig(broker="127.0.0.1", port=mute.getsockname()[1])
        async with asyncio.timeout(PATIENCE_S), linked(config, "cellar", [], Journal(log)):
            await until_told(log, reached=False, times=1)
    await asyncio.sleep(0.1)  # aiomqtt's own task notices that its socket is closed


async def test_a_password_is_taken_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    broker = Mosquitto(tmp_path, password=("bench", "secret"))
    broker.start()
    login = {"username": "bench", "password_variable": "CELLAR_PASSWORD"}
    config = FacilityConfig(broker="127.0.0.1", port=broker.port, **login)
    try:
        monkeypatch.setenv("CELLAR_PASSWORD", "wrong")
        async with linked(config, "cellar", [], Journal(log)):
            await until_told(log, reached=False, times=1)
            monkeypatch.setenv("CELLAR_PASSWORD", "secret")
            await until_told(log, reached=True, times=1)
    finally:
        await asyncio.to_thread(broker.stop)
    assert "secret" not in str(log.events)


def test_in_virtual_time_there_is_no_link(log: Log) -> None:
    async def main() -> None:
        config = FacilityConfig(broker="127.0.0.1", port=1)
        async with linked(config, "cellar", [], Journal(log)):
            await asyncio.sleep(10.0)

    run_virtual(main())
    assert [e.message for e in log.events] == ["facility: not linked, time is virtual"]
