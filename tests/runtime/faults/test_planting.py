"""Faults strike on time, are lifted again, and the journal and the story tell of them."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from drivers.registry import Backend
from firmware_sim.faults import FaultKind
from lumina.errors import ProtocolError, SafetyError, UsageError
from lumina.runtime import open_bench
from lumina.runtime.config import BenchConfig, load_config
from lumina.runtime.environment import Environment
from lumina.runtime.faults import Planting, Story, parse_faults, planted
from lumina.runtime.recording.journal import Journal
from lumina.runtime.virtual_time import run_virtual
from tests.runtime.conftest import Log

SMALL = Path(__file__).parents[3] / "lab_configs" / "small.yaml"


def config(backend: Backend = Backend.TWIN) -> BenchConfig:
    return load_config(SMALL, backend=backend)


class Room:
    """An environment that notes what is done to it, and when in ms."""

    def __init__(self, bench: BenchConfig) -> None:
        self.done: list[tuple[int, str, float]] = []
        self.environment = Environment(bench.plants["main"], self.write, self.disturb)

    def write(self, word: str, value: float) -> None:
        self.done.append((round(1e3 * asyncio.get_running_loop().time()), word, value))

    def attend(self, on: bool) -> None:
        self.write("attended", float(on))

    def disturb(self, instrument: str, kind: FaultKind, seconds: float, count: int) -> None:
        self.done.append((count, f"{instrument} {kind}", round(seconds, 6)))


def plant_all(texts: Sequence[str], *, bench: BenchConfig | None = None, log: Log) -> Room:
    bench = bench or config()
    room, faults = Room(bench), parse_faults(texts, bench)

    async def main() -> None:
        journal = Journal(log)
        journal.now_s()
        async with planted(Planting(faults, bench, room.environment, journal, room.attend)):
            await asyncio.sleep(1.0)

    run_virtual(main())
    return room


def test_a_fault_strikes_and_is_lifted_at_its_time(log: Log) -> None:
    room = plant_all(["fan_slow=0.5@0.2..0.4", "ambient_step=9@2"], log=log)
    assert room.done == [(200, "fan_drag", 0.5), (400, "fan_drag", 0.0)]
    assert [(round(e.t_s, 6), e.data["phase"], e.level) for e in log.kinds("fault")] == [
        (0.2, "struck", "warning"),
        (0.4, "lifted", "info"),
    ]
    assert "fan turns slower than it is told, 0.5" in log.events[0].message


def test_of_two_faults_on_one_word_the_later_holds_until_it_is_lifted(log: Log) -> None:
    texts = ["sensor_stuck:sink@0.1..0.4", "sensor_open:sink@0.2..0.3", "sensor_short:die@0.1"]
    room = plant_all(texts, log=log)
    sink = [(at_ms, value) for at_ms, word, value in room.done if word == "sensor_fault[3]"]
    assert sink == [(100, 3.0), (200, 1.0), (300, 3.0), (400, 0.0)]
    assert (100, "sensor_fault[2]", 2.0) in room.done


def test_a_host_that_stalls_looks_away_and_back(log: Log) -> None:
    room = plant_all(["host_stall@0.2..0.5"], log=log)
    assert room.done == [(200, "attended", 0.0), (500, "attended", 1.0)]


def test_faults_of_a_wire_go_to_the_instrument_for_as_long_as_they_last(log: Log) -> None:
    texts = ["link_loss:laser=5@0.1", "device_stall@0.2..0.5", "replies_garbled:supply=3@0.3"]
    room = plant_all(texts, bench=config(Backend.FIRMWARE), log=log)
    assert room.done == [
        (1, "laser disconnect", 5.0),
        (1, "npu stall", 0.3),
        (3, "supply garbled", 0.0),
    ]
    assert len(log.kinds("fault")) == 4


def test_a_fault_that_cannot_be_planted_is_told_and_the_others_strike(log: Log) -> None:
    bench = config(Backend.FIRMWARE)
    faults = parse_faults(["link_loss@0.1..0.3", "fan_stall@0.2"], bench)
    written: list[str] = []

    def refuse(*_: object) -> None:
        raise ProtocolError("firmware", "no instrument takes a disconnect")

    async def main() -> None:
        room = Environment(bench.plants["main"], lambda word, _: written.append(word), refuse)
        journal = Journal(log, story)
        async with planted(Planting(faults, bench, room, journal, lambda on: None)):
            await asyncio.sleep(1.0)

    story = Story(faults)
    run_virtual(main())
    assert [event.data["phase"] for event in log.kinds("fault")] == ["refused", "struck"]
    assert written == ["fan_stall"]
    lost, stalled = story.faults()
    assert lost["struck_s"] is lost["lifted_s"] is None
    assert "no instrument takes a disconnect" in lost["problem"]
    assert stalled["struck_s"] == pytest.approx(0.2)


def test_a_twin_has_no_wires() -> None:
    room = Environment(config().plants["main"], lambda word, value: None)
    with pytest.raises(UsageError, match="laser: there is no wire"):
        room.disturb_wire("laser", FaultKind.STALL, 1.0)


def test_the_bench_is_struck_during_bring_up_and_the_story_tells_what_it_did(log: Log) -> None:
    faults = parse_faults(["sensor_open@1.5"], config())
    story = Story(faults)

    async def main() -> None:
        async with open_bench(SMALL, journal=Journal(log, story), faults=faults) as bench:
            await asyncio.sleep(1.0)
            assert bench.planting is not None

    with pytest.raises(SafetyError, match="guard"):
        run_virtual(main())
    assert story.faults()[0]["struck_s"] == pytest.approx(1.5)
    reactions = story.reactions()
    guard = next(r for r in reactions if r["event"] == "tier")
    assert "emergency" in guard["message"]
    assert 0.0 < guard["after_s"] < 0.02
    assert guard["after"] == "sensor_open:die@1.5"
    assert [r["t_s"] for r in reactions] == sorted(r["t_s"] for r in reactions)
    # Rails that go down in the orderly end are no reaction to a fault.
    ends_s = next(e.t_s for e in log.events if e.data.get("stage") == "shut_down")
    assert all(r["t_s"] <= ends_s or r["level"] != "info" for r in reactions)
