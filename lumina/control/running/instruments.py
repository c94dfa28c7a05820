"""Running the loop over stand-alone instruments: the same step, at the rate that they answer.

Every period both instruments are read, their readings become a sensor frame, the step works
on it, and its actuator frame becomes a current and a speed. All of it is asyncio: on a real
loop in real time, on a virtual one in virtual time. Deadlines are absolute; a period that
comes late is skipped, never caught up in a burst, and counted.

An instrument that does not answer in time leaves its last reading in the frame. After
`silence_s` of either the frame counts as stale, which the guard takes for an emergency.
"""

import asyncio
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivers.instrument_link import InstrumentCommand, InstrumentLink
from lumina.compiled import compiled, compiled_tick, entry_point
from lumina.control.loop import ControlLoop
from lumina.control.records import ControlArrays
from lumina.control.running.lateness import HISTOGRAM_BINS, Lateness, lateness_of
from lumina.control.sensing.channel import channel_code
from lumina.control.sensing.frame import CARRIER_A, SINK
from lumina.control.step import control_step
from lumina.errors import DeviceStateError, UsageError
from lumina.frames import LOCKED_OUT, OPEN_CODE, TEC_ENABLED, ActuatorFrame, SensorFrame

__all__ = ["InstrumentRunner"]

LISTEN_SHARE = 0.7
"""Of a period: what is not heard by then is worked on in the next."""

NS_PER_S = 1_000_000_000

READINGS = np.dtype(
    [(name, "f8") for name in ("temperature_c", "sink_c", "current_a", "voltage_v", "fan_rpm")]
)

UNMEASURED = ("compute_power_w", "laser_power_w", "inlet_c", "rail_voltage_v", "rail_current_a")
"""What no instrument of these tells: not a number, in every frame."""

FLAG_LOCKED_OUT, CODE_OPEN = LOCKED_OUT, OPEN_CODE


@compiled_tick
def code_of(channel: Any, temperature_c: float) -> int:
    """What a sensor at a temperature would have shown; of none, the code of an open one."""
    return CODE_OPEN if math.isnan(temperature_c) else channel_code(channel, temperature_c)


@compiled
def instrument_period(
    control: ControlArrays,
    sensor: SensorFrame,
    actuator: ActuatorFrame,
    readings: Any,
    tick: int,
    time_ns: int,
    interruptions: int,
    locked_out: bool,
) -> None:
    """Readings into a sensor frame, and the control step on it."""
    head, seen, channels = sensor.head[0], readings[0], control.channels
    head.tick, head.time_ns, head.acted_tick = tick, time_ns, tick - 1
    head.epoch = interruptions
    head.flags = FLAG_LOCKED_OUT if locked_out else 0
    head.carrier_a_code = code_of(channels[CARRIER_A], seen.temperature_c)
    head.sink_code = code_of(channels[SINK], seen.sink_c)
    head.tec_current_a, head.tec_voltage_v = seen.current_a, seen.voltage_v
    head.fan_rpm = seen.fan_rpm
    control_step(control, sensor, actuator)


class InstrumentRunner:
    """Runs one loop over a TEC controller and a fan, in the time of the event loop."""

    def __init__(self, link: InstrumentLink, loop: ControlLoop) -> None:
        settings = loop.config.instruments
        if settings is None:
            raise UsageError(f"{loop.device}: control has no section instruments")
        self._link, self._loop, self._silence_s = link, loop, settings.silence_s
        self._readings = np.zeros(1, READINGS)
        self._sensor, self._actuator = SensorFrame.zeros(0), ActuatorFrame.zeros(0)
        for name in UNMEASURED:
            self._sensor.head[name] = np.nan
        self._histogram = np.zeros(HISTOGRAM_BINS, np.int64)
        self._ticks = self._tick = self._skipped = self._unheard = 0
        self._time_ns = self._worst_ns = 0
        self._task: asyncio.Task[None] | None = None
        self._records = (loop.arrays, self._sensor, self._actuator, self._readings)
        self._period = entry_point(instrument_period, *self._records, 0, 0, 0, True)

    @property
    def ticks(self) -> int:
        """Periods worked on so far."""
        return self._ticks

    @property
    def fault(self) -> str | None:
        """Who does not answer, in words; None while both do."""
        if self._task is not None and self._task.done():
            return "its task has ended"
        return self._link.fault

    def advance(self, ticks: int) -> None:
        """The instruments live in the event loop's time, virtual or real.

        Raises:
            DeviceStateError: always.
        """
        raise DeviceStateError(
            self._loop.device, f"cannot be advanced by {ticks} ticks: let time pass", "alive"
        )

    def start(self) -> None:
        """Begin, in a task of the running event loop."""
        if self._task is not None:
            raise DeviceStateError(self._loop.device, "the loop was started twice", "running")
        self._link.start()
        name = f"loop-{self._loop.device}"
        self._task = asyncio.get_running_loop().create_task(self._run(), name=name)

    def stop(self) -> None:
        """End it, if it runs. What the instruments do they go on doing: make them safe."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
            self._link.stop()

    def counters(self) -> dict[str, int]:
        """Periods without a fresh reading, requests that failed, and instruments that came back."""
        return {
            "skipped": self._skipped,
            "unheard": self._unheard,
            "errors": self._link.errors,
            "losses": self._link.interruptions,
        }

    def lateness(self) -> Lateness | None:
        """How late periods began; None before the first."""
        return lateness_of(
            self._histogram, missed=self._skipped, worst_ns=self._worst_ns, tier=None
        )

    def memory(self) -> dict[str, NDArray[Any]]:
        """Nothing: what the instruments do is theirs."""
        return {}

    async def _run(self) -> None:
        loop, period_s = asyncio.get_running_loop(), self._loop.period_s
        began_s = loop.time() - self._tick * period_s
        while True:
            self._tick += 1
            late_s = loop.time() - (began_s + self._tick * period_s)
            if late_s >= period_s:
                passed = int(late_s / period_s)
                self._tick += passed
                self._skipped += passed
            due_s = began_s + self._tick * period_s
            await asyncio.sleep(max(due_s - loop.time(), 0.0))
            self._count_lateness(loop.time() - due_s)
            await self._link.listen(LISTEN_SHARE * period_s)
            self._work(loop.time(), due_s)

    def _count_lateness(self, late_s: float) -> None:
        late_ns = max(round(late_s * NS_PER_S), 0)
        self._histogram[min(late_ns // 1000, HISTOGRAM_BINS - 1)] += 1
        self._worst_ns = max(self._worst_ns, late_ns)

    def _work(self, now_s: float, due_s: float) -> None:
        """The step on what was heard, and its answer; nothing before both were heard."""
        link = self._link
        if link.tec_sample is None or link.speed_rpm is None:
            return
        if link.heard_s < due_s:
            self._unheard += 1
        if now_s - link.heard_s <= self._silence_s:
            self._time_ns = round(now_s * NS_PER_S)
        self._readings[0] = (*link.tec_sample, link.speed_rpm)
        locked_out = link.locked_out
        times = self._tick, self._time_ns, link.interruptions
        self._period(*self._records, *times, locked_out)
        self._ticks += 1
        head = self._actuator.head[0]
        enabled = bool(int(head["flags"]) & TEC_ENABLED)
        link.command(
            InstrumentCommand(
                enabled, float(head["tec_current_a"]), float(head["fan_rpm"]), locked_out
            )
        )
