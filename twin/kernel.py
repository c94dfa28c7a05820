"""The plant's tick: everything on one board, coupled, one millisecond on.

The order is the argument. What has power follows from the rails; heaters, TEC and fan
then act as last commanded; their heat and the load's move the temperatures; heaters and
die temperature set the phases; the phases set the light; last, the sensors look.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lumina.compiled import compiled_tick, memory_fence
from lumina.frames import HELD_SAFE, LOCKED_OUT, SAFE_STATE, ActuatorFrame, SensorFrame
from lumina.theory.heat import HeatStep, heat_step
from lumina.theory.noise import fill_normal
from twin.cooling import Cooling, add_cooling, drive_fan, drive_tec
from twin.heaters import Heaters, drive_heaters, set_phases
from twin.optics import Optics, illuminate, read_monitors
from twin.rails import step_rails
from twin.records import SENSORS, clamp
from twin.sensors import Sensors, follow_temperatures, metered_power_w, thermistor_code
from twin.wander import Wander, step_wander

__all__ = ["TICK_STREAM", "Heat", "PlantArrays", "copied_at_rest", "plant_tick", "plant_ticks"]

TICK_STREAM = 1
"""Noise stream of the tick."""

SHORTEST_M, LONGEST_M = 1.2e-6, 1.7e-6
"""Wavelengths for which the chip is modelled, in m."""

COLDEST_C, HOTTEST_C = -60.0, 150.0
"""Ambient temperatures for which the plant is modelled, in C."""

MOST_HEAT_W = 1e3
"""Largest pump of heat, in W."""

FLAG_SAFE, FLAG_HELD_SAFE, FLAG_LOCKED_OUT = SAFE_STATE, HELD_SAFE, LOCKED_OUT

FloatArray = NDArray[np.float64]


class Heat(NamedTuple):
    """The thermal network; arrays have shape (nodes,)."""

    step: HeatStep
    die: int
    compute_limit_w: float
    temperature_c: FloatArray
    heat_w: FloatArray
    scratch: FloatArray


class PlantArrays(NamedTuple):
    """The whole plant, as compiled code takes it."""

    state: NDArray[Any]
    """Shape (1,), dtype PLANT_STATE."""
    inputs: NDArray[Any]
    """Shape (1,), dtype PLANT_INPUTS."""
    heat: Heat
    cooling: Cooling
    heaters: Heaters
    optics: Optics
    sensors: Sensors
    rails: NDArray[Any]
    """Shape (rails,), dtype twin.rails.RAIL."""
    wander: Wander
    noise: FloatArray
    """Scratch: the normal numbers of a tick."""


@compiled_tick
def inlet_c(inputs: Any) -> float:
    """Temperature of the air that the fan takes in."""
    step_k = clamp(inputs.ambient_step_k, -HOTTEST_C, HOTTEST_C)
    return inputs.ambient_c + step_k  # type: ignore[no-any-return]


@compiled_tick
def exchange_heat(heat: Heat, cooling: Cooling, state: Any, inputs: Any, head: Any) -> None:
    """Add up who heats what, then advance the network."""
    wanted_w = clamp(inputs.compute_power_w, 0.0, heat.compute_limit_w)
    state.compute_power_w = wanted_w * clamp(head.compute_scale, 0.0, 1.0)
    heat_w, temperature_c = heat.heat_w, heat.temperature_c
    for node in range(heat_w.size):
        heat_w[node] = 0.0
    heat_w[heat.die] = state.compute_power_w + state.heater_power_w
    powered = state.powered
    if powered[0] + powered[1] + powered[2] + powered[3] > 0:
        heat_w[heat.die] += clamp(inputs.die_heat_w, 0.0, MOST_HEAT_W)
    heat_w[cooling.cold] += clamp(inputs.carrier_heat_w, 0.0, MOST_HEAT_W)
    ambient_c = clamp(inlet_c(inputs), COLDEST_C, HOTTEST_C)
    add_cooling(cooling, state, inputs, temperature_c, heat_w, ambient_c)
    heat_step(heat.step, temperature_c, heat_w, ambient_c, heat.scratch)


@compiled_tick
def tell_standing(state: Any, command: Any, head: Any) -> None:
    """Which tick this is, and under what the board lives through it."""
    state.tick += 1
    state.acted_tick = command.tick
    state.flags = FLAG_LOCKED_OUT * state.locked_out
    if command.flags & FLAG_SAFE:
        state.flags |= FLAG_HELD_SAFE
    head.tick, head.time_ns = state.tick, state.tick * 1_000_000
    head.acted_tick, head.epoch, head.flags = state.acted_tick, state.epoch, state.flags


@compiled_tick
def fill_head(sensors: Sensors, noise: Any, state: Any, inputs: Any, head: Any) -> None:
    """What the board measures of heat, cooling and load."""
    row, fault, noisy = sensors.thermistor, inputs.sensor_fault, inputs.sensor_noise_k
    head.carrier_a_code = thermistor_code(row[0], fault[0], noisy[0], noise[0])
    head.carrier_b_code = thermistor_code(row[1], fault[1], noisy[1], noise[1])
    head.die_code = thermistor_code(row[2], fault[2], noisy[2], noise[2])
    head.sink_code = thermistor_code(row[3], fault[3], noisy[3], noise[3])
    head.tec_current_a = state.tec_current_a
    head.tec_voltage_v = state.tec_voltage_v
    head.fan_rpm = state.fan_rpm
    head.compute_power_w = metered_power_w(sensors, inputs, state.tick, state.compute_power_w)
    head.inlet_c = inlet_c(inputs)


@compiled_tick
def advance(plant: PlantArrays, actuator: ActuatorFrame, sensor: SensorFrame) -> None:
    """The tick itself: everything on the board in its order."""
    state, inputs = plant.state[0], plant.inputs[0]
    command, head = actuator.head[0], sensor.head[0]
    heat, cooling, heaters, optics, sensors, noise = (
        plant.heat,
        plant.cooling,
        plant.heaters,
        plant.optics,
        plant.sensors,
        plant.noise,
    )
    tell_standing(state, command, head)
    fill_normal(state.seed, TICK_STREAM, state.tick, noise)
    step_wander(plant.wander, state, heaters.phi0_rad)
    step_rails(plant.rails, state, inputs, command, head)
    drive_heaters(heaters, state, inputs, actuator, heat.temperature_c[heat.die])
    drive_tec(cooling, state, inputs, command, sensors.thermistor[0].seen_c)
    drive_fan(cooling, state, inputs, command)
    exchange_heat(heat, cooling, state, inputs, command)
    hop_m = clamp(inputs.laser_hop_m, -LONGEST_M, LONGEST_M)
    wavelength_m = clamp(inputs.laser_wavelength_m + hop_m, SHORTEST_M, LONGEST_M)
    set_phases(heaters, heat.temperature_c[heat.die], wavelength_m)
    illuminate(optics, state, inputs, command, heaters.phase_rad)
    follow_temperatures(sensors, inputs, heat.temperature_c)
    fill_head(sensors, noise, state, inputs, head)
    read_monitors(optics, state, inputs, noise[SENSORS:], sensor)


@compiled_tick
def plant_tick(plant: PlantArrays, actuator: ActuatorFrame, sensor: SensorFrame) -> None:
    """Advance the plant by 1 ms under the last actuator frame and fill the sensor frame.

    The phases build up term by term, so for some microseconds they are none: other threads
    copy them by `copied_at_rest`.
    """
    plant.state[0].underway = 1
    memory_fence()
    advance(plant, actuator, sensor)
    memory_fence()
    plant.state[0].underway = 0


@compiled_tick
def copied_at_rest(
    state: Any, phase_rad: FloatArray, state_copy: Any, phase_copy_rad: FloatArray
) -> bool:
    """Copy state and phases; False if another thread was in a tick meanwhile: try again."""
    tick = state[0].tick
    if state[0].underway == 1:
        return False
    memory_fence()
    state_copy[0] = state[0]
    for i in range(phase_rad.size):
        phase_copy_rad[i] = phase_rad[i]
    memory_fence()
    return bool(state[0].underway == 0 and state[0].tick == tick)


@compiled_tick
def plant_ticks(
    plant: PlantArrays, actuator: ActuatorFrame, sensor: SensorFrame, ticks: int
) -> None:
    """A batch of ticks under one held actuator frame."""
    for _ in range(ticks):
        plant_tick(plant, actuator, sensor)
