"""From a config to connected instruments, and from those to stations: who holds which chip."""

from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING

from drivers.config import InstrumentConfig, build_instrument
from drivers.instrument_link import InstrumentLink
from drivers.interfaces import Fan, Identity, Instrument, PhotonicProcessor, TemperatureController
from lumina.control.running import RunnerFactory
from lumina.runtime.config import BenchConfig
from lumina.runtime.device import LockCriterion, PhotonicDevice
from lumina.runtime.environment import Environment
from lumina.runtime.firmware import Simulators
from lumina.runtime.instrument_station import InstrumentStation, regulated
from lumina.runtime.plants import build_paces
from lumina.runtime.recording.journal import Journal
from lumina.runtime.station import Station
from twin.records import write_input

if TYPE_CHECKING:
    from twin.plant import Plant

__all__ = ["at_addresses", "build_carriers", "build_stations", "connect"]


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


def build_stations(
    config: BenchConfig,
    plants: "dict[str, Plant]",
    simulators: Simulators,
    instruments: dict[str, Instrument],
    runners: RunnerFactory,
) -> dict[str, Station]:
    """One station per photonic processor, with the instruments on the same plant."""
    stations = {}
    for name in config.processors:
        processor = instruments[name]
        assert isinstance(processor, PhotonicProcessor)
        control = config.control_for(name)
        device = PhotonicDevice(
            name,
            processor,
            control,
            lock_criterion=lock_criterion(config),
            telemetry_hz=config.record.rate_hz,
        )
        runner = runners(processor.frame_link(), device.loop)
        where = surroundings(config, name, plants, simulators, instruments)
        stations[name] = Station(device, runner, *where)
    return stations


def build_carriers(
    config: BenchConfig,
    plants: "dict[str, Plant]",
    simulators: Simulators,
    instruments: dict[str, Instrument],
    runners: RunnerFactory,
) -> dict[str, InstrumentStation]:
    """One station per loop over instruments."""
    carriers = {}
    for name, settings in config.instrument_loops.items():
        tec, fan = instruments[name], instruments[settings.fan]
        assert isinstance(tec, TemperatureController)
        assert isinstance(fan, Fan)
        link = InstrumentLink(tec, fan)
        device = regulated(
            link, config.control[name], lock_criterion(config), config.record.rate_hz
        )
        runner = runners(link, device.loop)
        where = surroundings(config, name, plants, simulators, instruments)
        carriers[name] = InstrumentStation(device, runner, *where, link)
    return carriers


def lock_criterion(config: BenchConfig) -> LockCriterion:
    """When a bench's temperatures count as locked."""
    job = config.job
    return LockCriterion(job.lock_tolerance_k, job.settle_s, job.lock_timeout_s)


Surroundings = tuple[
    tuple[tuple[Instrument, InstrumentConfig], ...], "Plant | None", Environment | None
]


def surroundings(
    config: BenchConfig,
    name: str,
    plants: "dict[str, Plant]",
    simulators: Simulators,
    instruments: dict[str, Instrument],
) -> Surroundings:
    """What stands with an instrument on its plant, the twin of that plant, and the room."""
    where = config.instruments[name].plant
    beside = tuple(
        (instrument, config.instruments[other])
        for other, instrument in instruments.items()
        if config.instruments[other].plant == where
    )
    plant = plants.get(where) or simulators.plants.get(where)
    return beside, plant, environment_of(config, name, plants, simulators)


def environment_of(
    config: BenchConfig, instrument: str, plants: "dict[str, Plant]", simulators: Simulators
) -> Environment | None:
    """The room around an instrument's plant, twin or simulated; None around a real one."""
    where = config.instruments[instrument].plant
    if where in plants:
        return Environment(config.plants[where], partial(write_input, plants[where].inputs))
    if instrument in simulators.addresses:
        return Environment(
            config.plants[where],
            partial(simulators.set_input, where),
            simulators.disturb_wire,
        )
    return None
