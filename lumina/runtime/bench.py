"""A bench from the first connection to the last rail down.

    async with open_bench("lab_configs/twin.yaml", seed=1) as bench:
        await bench.device.load(weights)
        products = await bench.device.multiply(vectors)

Inside the block the bench is up: supplies, rails one by one, laser, temperature locked.
However the block ends (well, with an exception, cancelled, Ctrl-C) the bench is shut down
in reverse before the block is left.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from drivers.interfaces import Identity, Instrument
from drivers.registry import Backend
from lumina.background import to_the_end
from lumina.control.running import RunnerFactory, runner_for
from lumina.errors import DeviceStateError, UsageError
from lumina.runtime.building import at_addresses, build_carriers, build_stations, connect
from lumina.runtime.config import BenchConfig, load_config
from lumina.runtime.device import DeviceState, PhotonicDevice
from lumina.runtime.environment import Environment
from lumina.runtime.facility.link import linked
from lumina.runtime.faults import PlannedFault, Planting, planted
from lumina.runtime.firmware import Simulators, simulated
from lumina.runtime.instrument_station import InstrumentStation
from lumina.runtime.places import lone_plants
from lumina.runtime.plants import build_plants
from lumina.runtime.recording.journal import Journal
from lumina.runtime.station import BaseStation, Station
from lumina.runtime.stations_at_work import build_recorder, carrying, operating, remember
from lumina.runtime.stored import Calibrations
from lumina.runtime.wall_clock import utc_now
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
        ways_up: what brings each station up, by its device's name.
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
        self.ways_up: dict[str, Callable[[], Awaitable[None]]] = {}
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
            await self.ways_up[device.name]()
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
            at_work = operating(bench, station, recorder, calibrations, lock=lock)
            await stack.enter_async_context(at_work)
        for plant in lone_plants(config):
            await remember(bench, plant, calibrations)
        for coming_up in rising:
            await coming_up
        yield bench
