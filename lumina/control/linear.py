"""A control loop as a linear system: the compiled step itself, about a point of operation.

A plant that behaves as a `ThermalModel` says is run under the step until all stands. Then
every temperature of the plant and every number that the step remembers is moved a little,
one after the other: what one period makes of it is a column of the system. So the margins are
those of the law as it is compiled, filters, estimators, feed-forward and all, whatever it is
made of.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lumina.compiled import compiled
from lumina.control.arrays import numbers_of
from lumina.control.config import ControlConfig, PidConfig
from lumina.control.loop import ControlLoop
from lumina.control.records import STATE, TICK_S, ControlArrays, FanMode, TecMode
from lumina.control.sensing.channel import channel_code
from lumina.control.sensing.frame import CARRIER_A as CHANNEL_A
from lumina.control.sensing.frame import CARRIER_B as CHANNEL_B
from lumina.control.sensing.frame import DIE as CHANNEL_DIE
from lumina.control.sensing.frame import SINK as CHANNEL_SINK
from lumina.control.step import control_step
from lumina.control.thermal.records import THERMAL_MODEL
from lumina.errors import UsageError
from lumina.frames import ActuatorFrame, SensorFrame
from lumina.theory.feedback import StateSpace
from lumina.theory.peltier import peltier_flows
from lumina.theory.thermal_model import ThermalModel
from lumina.theory.thermal_rates import (
    CARRIER,
    CARRIER_SENSOR,
    DIE_SENSOR,
    SINK,
    SINK_SENSOR,
    STATES,
    air_conductance_w_per_k,
    module_of,
    thermal_step,
)

__all__ = ["Actuator", "Believed", "OperatingPoint", "open_loop"]

FloatArray = NDArray[np.float64]

DT_S = TICK_S
NS_PER_S = 1e9
FAN, CURRENT, SET_RPM = STATES, STATES + 1, STATES + 2
"""Where the fan's speed, the TEC's current and the speed asked for in the period before stand,
behind the temperatures."""

INPUTS = STATES + 3

ROUND_S = 5.04
"""About how long a round is: in the period after one, what the step looks at only every few
periods rests. The slow search of the fan's speed is no part of a linear loop."""

SETTLING_ROUNDS = 39

SETTLED_K = 0.05

FAN_AT_WORK_K = 0.5

STEP = 2e-5
"""Of the differences, relative to a value and absolute where it is below 1."""

NEGLIGIBLE = 1e-9
"""Relative to the largest coupling of a state."""


class Actuator(StrEnum):
    """Where a loop is broken."""

    TEC = "tec"
    FAN = "fan"


@dataclass(frozen=True)
class OperatingPoint:
    """Where a plant is run.

    Attributes:
        load_w: compute load on the die, W.
        inlet_c: air at the fan's inlet, C.
    """

    load_w: float
    inlet_c: float


@compiled
def live_on(
    model: Any,
    plant: FloatArray,
    current_a: float,
    set_rpm: float,
    load_w: float,
    inlet_c: float,
    ticks: int,
) -> None:
    """The plant under given actuators for some ticks of a millisecond."""
    plant[CURRENT] = current_a
    for _ in range(ticks):
        plant[FAN] += (set_rpm - plant[FAN]) * (1.0 - np.exp(-DT_S / model.fan_spin_up_s))
        to_air = air_conductance_w_per_k(model, plant[FAN])
        thermal_step(model, plant, current_a, to_air, load_w, inlet_c, DT_S)


@compiled
def believed_period(
    model: Any,
    plant: FloatArray,
    current_a: float,
    set_rpm: float,
    load_w: float,
    inlet_c: float,
    control: ControlArrays,
    sensor: SensorFrame,
    actuator: ActuatorFrame,
    ticks: int,
    wire_ticks: int,
) -> None:
    """One period of the step, and of a plant that is as `model` says under given actuators.

    The step answers what the sensors show at the period's start. The actuators act after
    `wire_ticks` of the period's `ticks`; up to then the plant has those of the one before.
    """
    head, channels = sensor.head[0], control.channels
    head.tick += 1
    head.time_ns = int(head.tick * ticks * DT_S * NS_PER_S)
    head.carrier_a_code = channel_code(channels[CHANNEL_A], plant[CARRIER_SENSOR])
    head.carrier_b_code = channel_code(channels[CHANNEL_B], plant[CARRIER_SENSOR])
    head.die_code = channel_code(channels[CHANNEL_DIE], plant[DIE_SENSOR])
    head.sink_code = channel_code(channels[CHANNEL_SINK], plant[SINK_SENSOR])
    head.tec_current_a = plant[CURRENT]
    module, carrier_c, sink_c = module_of(model), plant[CARRIER], plant[SINK]
    head.tec_voltage_v = peltier_flows(module, plant[CURRENT], carrier_c, sink_c)[2]
    head.fan_rpm = plant[FAN]
    head.compute_power_w = load_w / model.meter_gain
    head.inlet_c = inlet_c
    control_step(control, sensor, actuator)
    live_on(model, plant, plant[CURRENT], plant[SET_RPM], load_w, inlet_c, wire_ticks)
    live_on(model, plant, current_a, set_rpm, load_w, inlet_c, ticks - wire_ticks)
    plant[SET_RPM] = set_rpm


@compiled
def believed_periods(
    model: Any,
    plant: FloatArray,
    load_w: float,
    inlet_c: float,
    control: ControlArrays,
    sensor: SensorFrame,
    actuator: ActuatorFrame,
    ticks: int,
    wire_ticks: int,
    periods: int,
) -> None:
    """The closed loop for a while. Answers act a period late; where all stands is the same."""
    state = control.state[0]
    for _ in range(periods):
        believed_period(
            model,
            plant,
            state.tec_current_a,
            state.fan_rpm,
            load_w,
            inlet_c,
            control,
            sensor,
            actuator,
            ticks,
            wire_ticks,
        )


def open_loop(
    config: ControlConfig,
    model: ThermalModel,
    tec: PidConfig,
    fan: PidConfig,
    point: OperatingPoint,
    *,
    broken_at: Actuator = Actuator.TEC,
    delay_ticks: int = 0,
    wire_s: float = 0.0,
) -> StateSpace:
    """What comes back for what is sent to one actuator, the other loop closed.

    Args:
        config: the controller.
        model: the plant, and what the controller believes of it.
        tec: gains of the carrier's PID.
        fan: gains of the sink's PID.
        point: load and air.
        broken_at: the actuator.
        delay_ticks: how much later than in the next period the actuator acts: over a board's
            wire.
        wire_s: how much later within a period, s: over an instrument's.

    Raises:
        UsageError: the loop does not come to rest at its set point.
    """
    bench = Believed(config, model, tec, fan, point, wire_s)
    bench.settle()
    if broken_at is Actuator.FAN:
        bench.let_limit_rule()
        bench.settle()
    return bench.linearised(broken_at).then(StateSpace.delay(delay_ticks, config.period_s))


class Believed:
    """A believed plant with the step on top."""

    def __init__(
        self,
        config: ControlConfig,
        model: ThermalModel,
        tec: PidConfig,
        fan: PidConfig,
        point: OperatingPoint,
        wire_s: float = 0.0,
    ) -> None:
        self._point, self._setpoint_c = point, config.setpoint_c
        self._period_s = config.period_s
        self._ticks = round(config.period_s / DT_S)
        self._wire_ticks = min(round(wire_s / DT_S), self._ticks)
        self._model = np.array([numbers_of(model, THERMAL_MODEL)], THERMAL_MODEL)[0]
        # A board without rails has them all on; heaters play no part here.
        self._loop = ControlLoop(
            "analysis",
            config.model_copy(update={"rails": ()}),
            heaters=1,
            full_scale_v=1.0,
            heater_bits=16,
        )
        self._believed = model
        slow = int(self._loop.arrays.parameters["slow_divider"][0])
        self._round = slow * max(1, round(ROUND_S / (slow * config.period_s)))
        self.retune(tec, fan)
        self._loop.set_tec_mode(TecMode.REGULATE)
        self._loop.set_fan_mode(FanMode.REGULATE)
        self._sensor, self._actuator = SensorFrame.zeros(1), ActuatorFrame.zeros(1)
        die_k = model.die_resistance_k_per_w * point.load_w
        nodes_c = [self._setpoint_c + die_k, self._setpoint_c, point.inlet_c]
        self._plant = np.array([*nodes_c, *nodes_c, 0.0, 0.0, 0.0])
        self._places = _float_places(STATE)

    def retune(self, tec: PidConfig, fan: PidConfig) -> None:
        """Change the gains, without a bump."""
        self._loop.set_thermal_model(self._believed, tec, fan)

    def run(self, periods: int) -> float:
        """Run the closed loop for a while; returns the current that it then asks for, A."""
        arrays, point = self._loop.arrays, self._point
        believed_periods(
            self._model,
            self._plant,
            point.load_w,
            point.inlet_c,
            arrays,
            self._sensor,
            self._actuator,
            self._ticks,
            self._wire_ticks,
            periods,
        )
        return float(arrays.state["tec_current_a"][0])

    def settle(self) -> None:
        """Run the closed loop until it stands.

        Raises:
            UsageError: it does not, or not at the set point.
        """
        self.run(SETTLING_ROUNDS * self._round)
        before_k = self._plant[CARRIER_SENSOR] - self._setpoint_c
        self.run(self._round)
        after_k = self._plant[CARRIER_SENSOR] - self._setpoint_c
        if not max(abs(before_k), abs(after_k)) < SETTLED_K:
            raise UsageError(
                f"the loop does not come to rest under {self._point.load_w:.3g} W: its carrier is "
                f"{after_k:.2g} K from the set point, and was {before_k:.2g} K from it before"
            )

    def let_limit_rule(self) -> None:
        """Put the sink's limit below where the sink stands, so that the fan regulates to it.

        Otherwise the fan has the cheapest speed, which does not look at the sink.
        """
        limit_c = self._plant[SINK_SENSOR] - FAN_AT_WORK_K
        self._loop.arrays.parameters["sink_limit_c"] = limit_c

    def linearised(self, broken_at: Actuator) -> StateSpace:
        """The open loop about the present state, reduced to what lies between in and out."""
        state = self._loop.arrays.state[0]
        actuators = np.array([state["tec_current_a"], state["fan_rpm"]])
        which = list(Actuator).index(broken_at)
        memory = self._memory().copy()
        # What is not finite is a mark, such as the cost of the best of no candidates.
        places = self._places[np.isfinite(memory[self._places])]
        centre = np.concatenate([self._plant, memory[places], actuators[which : which + 1]])

        def tick(values: FloatArray) -> FloatArray:
            given = actuators.copy()
            given[which] = values[-1]
            return self._one_tick(values[:-1], given, memory, places, which)

        steps = STEP * np.maximum(np.abs(centre), 1.0)
        columns = [
            (tick(centre + step * unit) - tick(centre - step * unit)) / (2.0 * step)
            for step, unit in zip(steps, np.eye(len(centre)), strict=True)
        ]
        J = np.stack(columns, axis=1)
        # Sent is positive, what comes back opposes it: L is minus the response.
        return _between(StateSpace(J[:-1, :-1], J[:-1, -1], -J[-1, :-1], 0.0, self._period_s))

    def _one_tick(
        self,
        values: FloatArray,
        actuators: FloatArray,
        memory: FloatArray,
        places: NDArray[np.int64],
        which: int,
    ) -> FloatArray:
        """Plant and memory after one period, and what the step then asks of the actuator."""
        self._sensor.head["tick"] = (SETTLING_ROUNDS + 1) * self._round
        plant = values[:INPUTS].copy()
        filled = memory.copy()
        filled[places] = values[INPUTS:]
        self._memory()[:] = filled
        believed_period(
            self._model,
            plant,
            actuators[0],
            actuators[1],
            self._point.load_w,
            self._point.inlet_c,
            self._loop.arrays,
            self._sensor,
            self._actuator,
            self._ticks,
            self._wire_ticks,
        )
        after, state = self._memory().copy(), self._loop.arrays.state[0]
        asked = (state["tec_current_a"], state["fan_rpm"])[which]
        self._memory()[:] = memory
        return np.concatenate([plant, after[places], [asked]])

    def _memory(self) -> FloatArray:
        """The step's state record as numbers, integers among them as their bits."""
        flat: FloatArray = self._loop.arrays.state.view(np.float64)
        return flat


def _float_places(dtype: np.dtype[Any], start: int = 0) -> NDArray[np.int64]:
    """Where a record of 8-byte fields holds floating-point numbers, in fields."""
    if dtype.fields is None:
        base, shape = dtype.base, dtype.shape
        count = int(np.prod(shape, dtype=np.int64))
        places = [start + i for i in range(count)] if base == np.float64 else []
        return np.array(places, np.int64)
    inner = [
        _float_places(field, start + offset // 8) for field, offset, *_ in dtype.fields.values()
    ]
    return np.concatenate(inner)


def _between(system: StateSpace) -> StateSpace:
    """The states that the input moves and that move the output.

    The others, set points and what merely watches, have no part in the loop; left in, they
    would stand among its poles.
    """
    scale = np.abs(system.A).max(axis=1, keepdims=True) + NEGLIGIBLE
    couples = np.abs(system.A) > NEGLIGIBLE * scale
    moved = _reached(couples, np.abs(system.B) > NEGLIGIBLE)
    kept = moved & _reached(couples.T, np.abs(system.C) > NEGLIGIBLE)
    return StateSpace(
        system.A[np.ix_(kept, kept)], system.B[kept], system.C[kept], system.D, system.step_s
    )


def _reached(couples: NDArray[np.bool_], first: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The states that the first ones move, sooner or later; couples[i, j]: j moves i."""
    reached = first
    for _ in range(len(first)):
        reached = reached | (couples @ reached)
    return reached
