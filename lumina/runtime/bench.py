"""A bench from the first connection to the last rail down.

    async with open_bench("lab_configs/twin.yaml", seed=1) as bench:
        await bench.device.load(weights)
        products = await bench.device.multiply(vectors)

Inside the block the bench is up: supplies, rails one by one, laser, temperature locked.
However the block ends (well, with an exception, cancelled, Ctrl-C) the bench is shut down
in reverse before the block is left.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drivers.config import build_instrument
from drivers.interfaces import Identity, Instrument
from drivers.registry import Backend
from lumina.control.running import RunnerFactory, runner_for
from lumina.errors import DeviceStateError, UsageError
from lumina.runtime.bring_up import bring_up, shut_down
from lumina.runtime.building import build_carriers, build_stations
from lumina.runtime.config import BenchConfig, load_config
from lumina.runtime.device import DeviceState, PhotonicDevice
from lumina.runtime.environment import Environment
from lumina.runtime.facility.link import linked
from lumina.runtime.faults import PlannedFault, Planting, planted
from lumina.runtime.firmware import Simulators, simulated
from lumina.runtime.instrument_station import (
    InstrumentStation,
    bring_up_instruments,
    shut_down_instruments,
)
from lumina.runtime.places import chip_at, lone_plants, workplace
from lumina.runtime.plants import build_paces, build_plants
from lumina.runtime.recording.journal import Journal
from lumina.runtime.recording.recorder import Recorder
from lumina.runtime.station import BaseStation, LoopDrive, Station
from lumina.runtime.stored import Calibrations, apply_stored
from lumina.runtime.wall_clock import utc_now
from lumina.runtime.watching.attendance import Attendance
from lumina.runtime.watching.drift_watch import DriftWatch
from lumina.runtime.watching.supervisor import Supervisor
from lumina.runtime.watching.upkeep import Upkeep
from lumina.store import RunFolder

if TYPE_CHECKING:
    from twin.plant import Plant

__all__ = ["Bench", "open_bench"]


class Bench:
    """An open bench.

    Attributes:
        config: the lab config in force.
        journal: tells what happens; listen to it.
        stations: one per photonic processor, by its name.
        carriers: chips without a board that our loop holds, by their TEC controllers' names.
        instruments: every instrument, by name.
        identities: who answered, by instrument name.
        planting: plants the faults that were asked for; None where there are none.
        simulators: the simulated firmware beside the bench, and how to reach into it.
        plants: the twins in this process, by name.
    """

    def __init__(
        self,
        config: BenchConfig,
        journal: Journal,
        stations: dict[str, Station],
        instruments: dict[str, Instrument],
        identities: dict[str, Identity],
        simulators: Simulators,
        plants: "dict[str, Plant]",
        faults: Sequence[PlannedFault] = (),
        carriers: dict[str, InstrumentStation] | None = None,
    ) -> None:
        self.config = config
        self.journal = journal
        self.stations = stations
        self.carriers = carriers or {}
        self.instruments = instruments
        self.identities = identities
        self.simulators = simulators
        self.plants = plants
        self._bring_up: dict[str, Callable[[], Awaitable[None]]] = {}
        self.planting: Planting | None = None
        if faults:
            if self.environment is None:
                raise UsageError("faults are planted in simulated benches only")
            attend = partial(setattr, self.device, "attended")
            self.planting = Planting(faults, config, self.environment, journal, attend)

    @property
    def devices(self) -> dict[str, PhotonicDevice]:
        """The photonic processors, by name."""
        return {name: station.device for name, station in self.stations.items()}

    @property
    def device(self) -> PhotonicDevice:
        """The photonic processor of a bench that has just one.

        Raises:
            UsageError: there are several; choose from `devices`.
        """
        return self._only.device

    async def bring_up(self, name: str | None = None) -> None:
        """Bring a device up again that has come down by itself: see its `trouble`.

        Args:
            name: the processor's, or the TEC controller's of a chip without a board; of a
                bench's only processor it need not be given.

        Raises:
            DeviceStateError: it is up.
            DeviceError: an instrument is still lost, or refuses.
            SafetyError: a rail trips, or the chip is too hot to start.
        """
        everywhere: dict[str, BaseStation] = {**self.stations, **self.carriers}
        station = self._only if name is None else everywhere[name]
        device = station.device
        if device.lifecycle not in (DeviceState.ERROR, DeviceState.UNINITIALISED):
            raise DeviceStateError(device.name, "it is up, or coming up", device.state.value)
        try:
            await self._bring_up[device.name]()
        except BaseException as error:
            device.fail(f"it did not come up: {error}")
            await to_the_end(station.fall_back())
            raise

    @property
    def environment(self) -> Environment | None:
        """The room around a bench with one processor, twin or simulated; None on hardware."""
        return self._only.environment

    @property
    def _only(self) -> Station:
        if len(self.stations) != 1:
            names = ", ".join(self.stations)
            raise UsageError(f"the bench has several processors, name one of: {names}")
        return next(iter(self.stations.values()))


@asynccontextmanager
async def open_bench(
    config: BenchConfig | Path | str,
    *,
    backend: Backend | None = None,
    seed: int = 0,
    chip_seed: int = 0,
    journal: Journal | None = None,
    folder: RunFolder | None = None,
    calibrations: Calibrations | None = None,
    faults: Sequence[PlannedFault] = (),
    lock: bool = True,
    carriers: bool = True,
    runners: RunnerFactory = runner_for,
) -> AsyncIterator[Bench]:
    """Bring a bench up, and shut it down whatever happens.

    Args:
        config: the lab config, or its file.
        backend: who answers for every instrument, whatever a config *file* says.
        seed: seed of all noise of the twins.
        chip_seed: identity of the twins' chips.
        journal: where events are told; a silent one by default.
        folder: run folder to record into; its owner finishes it.
        calibrations: where to look for a stored calibration of each chip; where the config
            says by default, and nowhere if it does not.
        faults: what shall go wrong, and when.
        lock: bring the carriers to their set points; otherwise the TECs stay off.
        carriers: hold the carriers of chips without a board, where the config asks for it.
        runners: makes what runs the loop of each processor, and over instruments.

    Raises:
        UsageError: faults are asked for on real hardware.
        ConfigError: the config is wrong, or asks for a backend that a driver lacks.
        DeviceError: an instrument cannot be reached, or refuses.
        SafetyError: a rail trips, or the chip is too hot to start.
    """
    if not isinstance(config, BenchConfig):
        config = load_config(config, backend=backend, to_run=True)
    if calibrations is None and config.calibration.folder is not None:
        calibrations = Calibrations(Path(config.calibration.folder), utc_now())
    journal = journal or Journal()
    journal.now_s()
    if folder is not None:
        journal.listen(folder.write_event)
    plants = build_plants(config, seed, chip_seed)
    async with AsyncExitStack() as stack:
        simulators = await stack.enter_async_context(
            simulated(config, seed=seed, chip_seed=chip_seed)
        )
        instruments, identities = await connect(
            at_addresses(config, simulators), plants, journal, stack
        )
        stations = build_stations(config, plants, simulators, instruments, runners)
        held = {}
        if carriers:
            held = build_carriers(config, plants, simulators, instruments, runners)
        bench = Bench(
            config, journal, stations, instruments, identities, simulators, plants, faults, held
        )
        recorder = build_recorder(folder, bench)
        await stack.enter_async_context(planted(bench.planting))
        devices = list(bench.devices.values())
        await stack.enter_async_context(linked(config.facility, config.name, devices, journal))
        rising = [
            await stack.enter_async_context(carrying(bench, carrier, recorder, lock=lock))
            for carrier in held.values()
        ]
        for station in stations.values():
            prepare = partial(remember, bench, station.device.name, calibrations)
            drive = LoopDrive(station.runner)
            up = bench._bring_up[station.device.name] = partial(
                bring_up, station, drive, journal, prepare, lock=lock
            )
            down = partial(shut_down, station, drive, journal)
            upkeep = Upkeep(
                station.device,
                journal,
                trim_period_s=station.device.config.compensation.trim_period_s,
            )
            await stack.enter_async_context(
                running(station, journal, recorder, down, {"upkeep": upkeep.run()})
            )
            await up()
            await stack.enter_async_context(watched(bench, station.device, calibrations))
        for plant in lone_plants(config):
            await remember(bench, plant, calibrations)
        for coming_up in rising:
            await coming_up
        yield bench


@asynccontextmanager
async def watched(
    bench: Bench, device: PhotonicDevice, calibrations: Calibrations | None
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


async def remember(bench: Bench, name: str, calibrations: Calibrations | None) -> None:
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


def at_addresses(config: BenchConfig, simulators: Simulators) -> BenchConfig:
    """The config with the simulated instruments where they are."""
    found = {
        name: instrument.model_copy(update={"address": simulators.addresses[name]})
        for name, instrument in config.instruments.items()
        if name in simulators.addresses
    }
    return config.model_copy(update={"instruments": {**config.instruments, **found}})


async def connect(
    config: BenchConfig, plants: "dict[str, Plant]", journal: Journal, stack: AsyncExitStack
) -> tuple[dict[str, Instrument], dict[str, Identity]]:
    """Connect every instrument in the file's order; what was connected gets closed."""
    instruments: dict[str, Instrument] = {}
    identities: dict[str, Identity] = {}
    paces = build_paces(config, plants)
    for name, entry in config.instruments.items():
        instrument = build_instrument(name, entry, plants.get(entry.plant), paces.get(entry.plant))
        identities[name] = await instrument.connect()
        stack.push_async_callback(instrument.close)
        instruments[name] = instrument
        who = identities[name]
        text = f"{name}: {who.manufacturer} {who.model}, serial {who.serial}"
        journal.tell(name, "connected", text, driver=entry.driver, backend=str(entry.backend))
    return instruments, identities


def build_recorder(folder: RunFolder | None, bench: Bench) -> Recorder | None:
    """The recorder of a bench into a run folder, if there is one."""
    if folder is None:
        return None
    everywhere: dict[str, BaseStation] = {**bench.stations, **bench.carriers}
    plants = {name: s.plant for name, s in everywhere.items() if s.plant is not None}
    carriers = [station.device for station in bench.carriers.values()]
    return Recorder(folder, list(bench.devices.values()), plants, carriers)


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
async def carrying(
    bench: Bench, station: InstrumentStation, recorder: Recorder | None, *, lock: bool
) -> AsyncIterator[asyncio.Task[None]]:
    """A carrier that comes up beside the rest of the bench; gives the task that sees to it."""
    name, journal, drive = station.device.name, bench.journal, LoopDrive(station.runner)
    up = partial(bring_up_instruments, station, drive, journal, lock=lock)
    bench._bring_up[name] = up
    down = partial(shut_down_instruments, station, drive, journal)
    async with running(station, journal, recorder, down, {}):
        coming_up = asyncio.create_task(up(), name=f"bring-up-{name}")
        try:
            yield coming_up
        finally:
            coming_up.cancel()
            await asyncio.gather(coming_up, return_exceptions=True)


async def to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Finish `work` even when the caller is cancelled meanwhile; then pass that on."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    task.result()
