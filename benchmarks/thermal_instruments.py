"""How well a carrier is held by stand-alone instruments: by our law, and by two others.

The reference plant hangs on a TEC controller and a fan. At 10 Hz they are the simulated firmware
of a Meerstetter and an ebm-papst fan, bytes paced as on their wires; at 50 Hz, more than that
wire carries, the twin's. On the same plant, seeds and instruments stand

- our law, with gains by SIMC for the pace and the wire, on beliefs 5 to 10 % off,
- simple-pid with the same gains, asked and told at the same rate,
- the controller's own regulator, which needs no wire.

The two others have the fan at the speed that suits half the load. Every figure is of the
carrier's true temperature. A change of set point is judged as at 1 kHz; all else against the
better one of the two others, and by a tenth more, since we read five values a period over the
wire where simple-pid reads one.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from simple_pid import PID

from benchmarks.harness import Figure
from benchmarks.settling import rms_mk, settled_after_s
from drivers.config import InstrumentConfig, build_instrument
from drivers.instrument_link import InstrumentLink
from drivers.interfaces import Fan, TemperatureController
from drivers.twin.pace import Pace
from firmware_sim.description import InstrumentDescription, PlantDescription, WorldDescription
from lumina.control.config import ControlConfig, PidConfig
from lumina.control.loop import ControlLoop
from lumina.control.records import FanMode, TecMode
from lumina.control.running import runner_for
from lumina.control.thermal.simc import candidates, delay_s
from lumina.runtime.firmware import in_memory
from lumina.runtime.virtual_time import VirtualTimeLoop, run_virtual
from lumina.theory.thermistor import KELVIN
from twin.config import PlantConfig
from twin.instruments import stand_by
from twin.plant import Plant

__all__ = ["instrument_figures"]

FloatArray = NDArray[np.float64]

RATES_HZ = {10.0: "firmware", 50.0: "twin"}
SETPOINT_C, COLD_C, LOAD_W = 45.0, 25.0, 30.0
SETTLED_S, STEADY_S, STEP_S = 60.0, 60.0, 40.0
WITHIN_K = 0.05
OF_THE_BETTER = 1.1
TARGETS = {"setpoint_up_overshoot": 0.2, "setpoint_up_settling": 12.0}
LOOK_S = 0.02
FAN_RPM, LIMIT_A = 1200.0, 8.0
SEED = 1
ENTRIES = {
    name: InstrumentConfig.model_validate({"driver": driver})
    for name, driver in {"tec": "meerstetter_tec109x", "fan": "ebmpapst_ec_fan"}.items()
}


@dataclass(frozen=True)
class Rig:
    """The plant and its two instruments."""

    plant: Plant
    tec: TemperatureController
    fan: Fan
    rate_hz: float
    catch_up: Callable[[], Awaitable[None]]

    async def watch(self, seconds: float) -> FloatArray:
        """True carrier temperature every `LOOK_S`, C."""
        seen_c = np.empty(round(seconds / LOOK_S))
        for k in range(seen_c.size):
            await asyncio.sleep(LOOK_S)
            await self.catch_up()
            seen_c[k] = self.plant.temperatures_c()["carrier"]
        return seen_c


class Master(ABC):
    """Who holds the carrier."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._task: asyncio.Task[None] | None = None

    @abstractmethod
    async def begin(self) -> None:
        """Hold it at the set point from now on."""

    @abstractmethod
    async def set_setpoint_c(self, setpoint_c: float) -> None:
        """Hold it elsewhere."""

    async def end(self) -> None:
        """Hold it no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


class OurLaw(Master):
    """The compiled step over both instruments."""

    async def begin(self) -> None:
        rate_hz = self._rig.rate_hz
        link = InstrumentLink(self._rig.tec, self._rig.fan)
        pid = gains(rate_hz, await link.time_exchange())
        config = ControlConfig.model_validate(
            {
                "setpoint_c": SETPOINT_C,
                "tec": {"pid": pid},
                "instruments": {"fan": "fan", "rate_hz": rate_hz},
            }
        )
        self._loop = ControlLoop("tec", config, heaters=0, full_scale_v=1.0, heater_bits=16)
        self._runner = runner_for(link, self._loop)
        self._runner.start()
        await asyncio.sleep(2.0 / rate_hz)
        self._loop.set_fan_mode(FanMode.REGULATE)
        self._loop.set_tec_mode(TecMode.REGULATE)

    async def set_setpoint_c(self, setpoint_c: float) -> None:
        self._loop.set_setpoint_c(setpoint_c)

    async def end(self) -> None:
        self._runner.stop()
        await asyncio.sleep(0.0)


class SimplePid(Master):
    """simple-pid over the TEC controller."""

    async def begin(self) -> None:
        rig = self._rig
        link = InstrumentLink(rig.tec, rig.fan)
        pid = gains(rig.rate_hz, await link.time_exchange())
        model = ControlConfig().thermal_model
        watts_per_a = model.tec_seebeck_v_per_k * (SETPOINT_C + KELVIN)
        self._pid = PID(
            pid.kp / watts_per_a,
            pid.ki / watts_per_a,
            pid.kd / watts_per_a,
            setpoint=SETPOINT_C,
            sample_time=None,
            output_limits=(-LIMIT_A, LIMIT_A),
        )
        await rig.fan.set_speed_rpm(FAN_RPM)
        await rig.tec.set_enabled(True)
        self._task = asyncio.create_task(self._regulate())

    async def set_setpoint_c(self, setpoint_c: float) -> None:
        self._pid.setpoint = setpoint_c

    async def _regulate(self) -> None:
        loop, period_s = asyncio.get_running_loop(), 1.0 / self._rig.rate_hz
        due_s = loop.time()
        while True:
            due_s += period_s
            await asyncio.sleep(due_s - loop.time())
            measured_c = await self._rig.tec.read_temperature_c()
            await self._rig.tec.set_current_a(-(self._pid(measured_c, dt=period_s) or 0.0))


class OwnRegulator(Master):
    """The controller alone."""

    async def begin(self) -> None:
        await self._rig.fan.set_speed_rpm(FAN_RPM)
        await self.set_setpoint_c(SETPOINT_C)
        await self._rig.tec.set_enabled(True)

    async def set_setpoint_c(self, setpoint_c: float) -> None:
        await self._rig.tec.set_target_c(setpoint_c)


def instrument_figures() -> dict[str, Figure]:
    """All figures, at both rates."""
    figures = {}
    for rate_hz, way in RATES_HZ.items():
        ours, simple, own = (
            run_virtual(live(way, rate_hz, master)) for master in (OurLaw, SimplePid, OwnRegulator)
        )
        for name, (value, unit) in ours.items():
            theirs = simple[name][0], own[name][0]
            versus = "simple-pid at this rate: {:.3g} {u}, own regulator: {:.3g} {u}"
            target = TARGETS.get(name, OF_THE_BETTER * min(theirs))
            figures[f"at_{rate_hz:g}hz_{name}"] = Figure(
                value, unit, versus.format(*theirs, u=unit), target, "lower"
            )
    return figures


async def live(way: str, rate_hz: float, master: type[Master]) -> dict[str, tuple[float, str]]:
    """Rest, a load step, a set-point step up: what the carrier did, value and unit by name."""
    async with rig_of(way, rate_hz) as rig:
        holder = master(rig)
        await holder.begin()
        await rig.watch(SETTLED_S)
        error_k = await rig.watch(STEADY_S) - SETPOINT_C
        found = {"steady_rms": (rms_mk(error_k), "mK")}
        rig.plant.inputs["compute_power_w"] = LOAD_W
        error_k = await rig.watch(STEP_S) - SETPOINT_C
        found["load_step_peak"] = 1e3 * float(np.abs(error_k).max()), "mK"
        found["load_step_settling"] = settled_after_s(error_k, WITHIN_K, LOOK_S), "s"
        rig.plant.inputs["compute_power_w"] = 0.0
        await holder.set_setpoint_c(COLD_C)
        await rig.watch(2.0 * SETTLED_S)
        await holder.set_setpoint_c(SETPOINT_C)
        error_k = await rig.watch(STEP_S) - SETPOINT_C
        found["setpoint_up_overshoot"] = max(float(error_k.max()), 0.0), "K"
        found["setpoint_up_settling"] = settled_after_s(error_k, WITHIN_K, LOOK_S), "s"
        await holder.end()
        return found


def gains(rate_hz: float, wire_s: float) -> PidConfig:
    """The quickest gains of the rule for this pace."""
    model = ControlConfig().thermal_model
    return next(candidates(model, delay_s(1.0 / rate_hz, wire_s), 1.0 / rate_hz))[0]


@asynccontextmanager
async def rig_of(way: str, rate_hz: float) -> AsyncIterator[Rig]:
    """The reference plant with its instruments connected, on the running virtual loop."""
    async with AsyncExitStack() as stack:
        addresses: dict[str, str] = {}
        if way == "firmware":
            loop = asyncio.get_running_loop()
            assert isinstance(loop, VirtualTimeLoop)
            plants = {"main": PlantDescription(config=PlantConfig(), seed=SEED, chip_seed=SEED)}
            parts = {name: InstrumentDescription(config=entry) for name, entry in ENTRIES.items()}
            described = WorldDescription(plants=plants, instruments=parts)
            simulators = stack.enter_context(in_memory(described, loop))
            plant, addresses = simulators.plants["main"], simulators.addresses
        else:
            plant = Plant(PlantConfig(), seed=SEED, chip_seed=SEED)
            stand_by(plant)
        pace = Pace(plant)
        built = {}
        for name, entry in ENTRIES.items():
            changes = {"backend": "hardware", "address": addresses[name]} if addresses else {}
            given = None if addresses else plant
            built[name] = build_instrument(name, entry.model_copy(update=changes), given, pace)
            stack.push_async_callback(built[name].close)
            await built[name].connect()
        tec, fan = built["tec"], built["fan"]
        assert isinstance(tec, TemperatureController)
        assert isinstance(fan, Fan)
        yield Rig(plant, tec, fan, rate_hz, _nothing if addresses else pace.catch_up)


async def _nothing() -> None:
    """Simulated firmware lives by itself."""
