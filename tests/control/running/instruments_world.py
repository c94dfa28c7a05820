"""A TEC controller and a fan on one plant, the loop over them: twin, memory, and wires."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from drivers.config import InstrumentConfig, build_instrument
from drivers.instrument_link import InstrumentLink
from drivers.interfaces import Fan, TemperatureController
from drivers.twin.pace import Pace
from firmware_sim.description import InstrumentDescription, PlantDescription, WorldDescription
from firmware_sim.faults import FaultKind
from lumina.control.config import ControlConfig
from lumina.control.loop import ControlLoop
from lumina.control.records import FanMode, TecMode, Tier
from lumina.control.running import runner_for
from lumina.control.running.instruments import InstrumentRunner
from lumina.runtime.firmware import Simulators, in_memory, serving
from lumina.runtime.virtual_time import VirtualTimeLoop
from twin.config import PlantConfig
from twin.instruments import stand_by
from twin.plant import Plant
from twin.records import write_input

__all__ = ["World", "world"]

SEED = 1
DRIVERS = {"tec": "meerstetter_tec109x", "fan": "ebmpapst_ec_fan"}


@dataclass
class World:
    """The loop over two instruments, started, and what nobody but a test may see.

    Attributes:
        truth: temperatures_c and inputs of the plant.
        set: changes an input of the plant.
        disturb: has something go wrong on an instrument's wire, for so long.
    """

    link: InstrumentLink
    loop: ControlLoop
    runner: InstrumentRunner
    truth: Callable[[], dict[str, Any]]
    set: Callable[[str, float], None]
    disturb: Callable[[str, FaultKind, float], None]

    @property
    def tier(self) -> Tier:
        return Tier(int(self.loop.arrays.state["tier"][0]))

    @property
    def findings(self) -> list[str]:
        return self.loop.guard_findings()

    @property
    def tec_on(self) -> bool:
        return bool(self.truth()["inputs"]["instrument_tec_on"])

    def carrier_c(self) -> float:
        return float(self.truth()["temperatures_c"]["carrier"])

    def regulate(self) -> None:
        self.loop.set_fan_mode(FanMode.REGULATE)
        self.loop.set_tec_mode(TecMode.REGULATE)


@asynccontextmanager
async def world(
    way: str, setpoint_c: float = 30.0, rate_hz: float = 10.0, tec: str = DRIVERS["tec"]
) -> AsyncIterator[World]:
    """The world, at work inside the block.

    Args:
        way: twin, memory (firmware in virtual time), or wire (firmware in another process).
        setpoint_c: of the carrier, C.
        rate_hz: of the loop.
        tec: driver of the TEC controller.
    """
    entries = {
        name: InstrumentConfig.model_validate({"driver": driver})
        for name, driver in (DRIVERS | {"tec": tec}).items()
    }
    plant = Plant(PlantConfig(), seed=SEED, chip_seed=SEED)
    async with AsyncExitStack() as stack:
        if way == "twin":
            stand_by(plant)
            pace = Pace(plant)
            built = [build_instrument(n, entry, plant, pace) for n, entry in entries.items()]
            reach = _of_twin(plant)
        else:
            simulators = await _simulated(way, entries, stack)
            built = [
                build_instrument(n, _at(entry, simulators.addresses[n]), None)
                for n, entry in entries.items()
            ]
            reach = _of_simulators(simulators)
        for instrument in built:
            stack.push_async_callback(instrument.close)
            await instrument.connect()
        controller, fan = built
        assert isinstance(controller, TemperatureController)
        assert isinstance(fan, Fan)
        link = InstrumentLink(controller, fan)
        instruments = {"fan": "fan", "rate_hz": rate_hz}
        most = {"current_limit_a": controller.current_limits_a().high}
        config = ControlConfig.model_validate(
            {"setpoint_c": setpoint_c, "tec": most, "instruments": instruments}
        )
        loop = ControlLoop("tec", config, heaters=0, full_scale_v=1.0, heater_bits=16)
        runner = runner_for(link, loop)
        assert isinstance(runner, InstrumentRunner)
        runner.start()
        stack.push_async_callback(asyncio.sleep, 0)
        stack.callback(runner.stop)
        yield World(link, loop, runner, *reach)


Reach = tuple[
    Callable[[], dict[str, Any]],
    Callable[[str, float], None],
    Callable[[str, FaultKind, float], None],
]


def _of_twin(plant: Plant) -> Reach:
    def truth() -> dict[str, Any]:
        inputs = {name: plant.inputs[name][0] for name in plant.inputs.dtype.names or ()}
        return {"temperatures_c": plant.temperatures_c(), "inputs": inputs}

    def disturb(instrument: str, kind: FaultKind, seconds: float) -> None:
        raise NotImplementedError("a twin has no wire")

    return truth, lambda name, value: write_input(plant.inputs, name, value), disturb


def _of_simulators(simulators: Simulators) -> Reach:
    return (
        lambda: simulators.truth("main"),
        lambda name, value: simulators.set_input("main", name, value),
        lambda instrument, kind, seconds: simulators.disturb_wire(instrument, kind, seconds, 1),
    )


async def _simulated(
    way: str, entries: dict[str, InstrumentConfig], stack: AsyncExitStack
) -> Simulators:
    described = WorldDescription(
        plants={"main": PlantDescription(config=PlantConfig(), seed=SEED, chip_seed=SEED)},
        instruments={name: InstrumentDescription(config=e) for name, e in entries.items()},
    )
    if way == "memory":
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        return stack.enter_context(in_memory(described, loop))
    process = serving(described)
    simulators = await asyncio.to_thread(process.__enter__)
    stack.push_async_callback(asyncio.to_thread, process.__exit__, None, None, None)
    return simulators


def _at(entry: InstrumentConfig, address: str) -> InstrumentConfig:
    return entry.model_copy(update={"backend": "hardware", "address": address})
