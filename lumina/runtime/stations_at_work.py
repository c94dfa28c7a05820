"""Stations at work: up, looked after, and down again whatever happens."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from lumina.background import to_the_end
from lumina.runtime.bring_up import bring_up, shut_down
from lumina.runtime.device import PhotonicDevice
from lumina.runtime.instrument_station import (
    InstrumentStation,
    bring_up_instruments,
    shut_down_instruments,
)
from lumina.runtime.places import chip_at, workplace
from lumina.runtime.recording.journal import Journal
from lumina.runtime.recording.recorder import Recorder
from lumina.runtime.station import BaseStation, LoopDrive, Station
from lumina.runtime.stored import Calibrations, apply_stored
from lumina.runtime.watching.attendance import Attendance
from lumina.runtime.watching.drift_watch import DriftWatch
from lumina.runtime.watching.supervisor import Supervisor
from lumina.runtime.watching.upkeep import Upkeep
from lumina.store import RunFolder

if TYPE_CHECKING:
    from lumina.runtime.bench import Bench

__all__ = ["build_recorder", "carrying", "operating", "remember"]


@asynccontextmanager
async def operating(
    bench: "Bench",
    station: Station,
    recorder: Recorder | None,
    calibrations: Calibrations | None,
    *,
    lock: bool,
) -> AsyncIterator[None]:
    """A processor that is up inside the block, with what is stored of its chip, and watched."""
    device, journal, drive = station.device, bench.journal, LoopDrive(station.runner)
    prepare = partial(remember, bench, device.name, calibrations)
    up = bench.ways_up[device.name] = partial(bring_up, station, drive, journal, prepare, lock=lock)
    down = partial(shut_down, station, drive, journal)
    upkeep = Upkeep(device, journal, trim_period_s=device.config.compensation.trim_period_s)
    async with running(station, journal, recorder, down, {"upkeep": upkeep.run()}):
        await up()
        async with watched(bench, device, calibrations):
            yield


@asynccontextmanager
async def carrying(
    bench: "Bench", station: InstrumentStation, recorder: Recorder | None, *, lock: bool
) -> AsyncIterator[asyncio.Task[None]]:
    """A carrier that comes up beside the rest of the bench; gives the task that sees to it."""
    name, journal, drive = station.device.name, bench.journal, LoopDrive(station.runner)
    up = partial(bring_up_instruments, station, drive, journal, lock=lock)
    bench.ways_up[name] = up
    down = partial(shut_down_instruments, station, drive, journal)
    async with running(station, journal, recorder, down, {}):
        coming_up = asyncio.create_task(up(), name=f"bring-up-{name}")
        try:
            yield coming_up
        finally:
            coming_up.cancel()
            await asyncio.gather(coming_up, return_exceptions=True)


@asynccontextmanager
async def running(
    station: BaseStation,
    journal: Journal,
    recorder: Recorder | None,
    down: Callable[[], Coroutine[Any, Any, None]],
    others: Mapping[str, Coroutine[Any, Any, None]],
) -> AsyncIterator[None]:
    """A station that is watched inside the block, and down after it.

    Args:
        station: the station.
        journal: where changes are told.
        recorder: where rows go.
        down: takes the station down.
        others: what else looks after it, by name.
    """
    name = station.device.name
    supervisor = Supervisor(station, journal, recorder)
    attendance = Attendance(station, journal)
    work = {**others, "supervisor": supervisor.run(), "attendance": attendance.run()}
    watching = [asyncio.create_task(one, name=f"{who}-{name}") for who, one in work.items()]
    try:
        yield
    finally:
        try:
            await to_the_end(down())
        finally:
            for task in watching:
                task.cancel()
            await asyncio.wait(watching)
            await supervisor.look()


@asynccontextmanager
async def watched(
    bench: "Bench", device: PhotonicDevice, calibrations: Calibrations | None
) -> AsyncIterator[None]:
    """Drift looked for inside the block, where that is asked for."""
    period_s = bench.config.calibration.watch_s
    if not period_s or calibrations is None or not calibrations.watched:
        yield
        return
    chip = chip_at(bench.config, device.name, bench.identities)
    store = calibrations.of(bench.config, device.name)
    watch = DriftWatch(device, chip, store, bench.journal, period_s)
    task = asyncio.create_task(watch.run(), name=f"drift-{device.name}")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def remember(bench: "Bench", name: str, calibrations: Calibrations | None) -> None:
    """Have a place use what is stored of it, if anything is stored anywhere.

    Args:
        bench: its instruments are connected.
        name: the processor's, or the plant's where there is none.
        calibrations: where to look.
    """
    if calibrations is None:
        return
    device = bench.devices.get(name)
    place = workplace(bench.config, bench.journal, name, bench.instruments, device, {})
    chip = chip_at(bench.config, name, bench.identities)
    used = await apply_stored(place, chip, calibrations, bench.config, bench.journal)
    if device is not None:
        device.uses.update(used)


def build_recorder(folder: RunFolder | None, bench: "Bench") -> Recorder | None:
    """The recorder of a bench into a run folder, if there is one."""
    if folder is None:
        return None
    everywhere: dict[str, BaseStation] = {**bench.stations, **bench.carriers}
    plants = {name: s.plant for name, s in everywhere.items() if s.plant is not None}
    carriers = [station.device for station in bench.carriers.values()]
    return Recorder(folder, list(bench.devices.values()), plants, carriers)
