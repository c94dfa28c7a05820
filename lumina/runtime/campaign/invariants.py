"""What must hold on a bench in every tick, whatever goes wrong.

They are judged by the plant's truth and by what the loop commands, never by what the loop
believes. None of them is ever loosened to make a campaign pass.
"""

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lumina.compiled import compiled_tick
from lumina.control.config import ControlConfig
from lumina.control.records import TICK_S, ControlArrays, Tier
from lumina.frames import SAFE_STATE, ActuatorFrame
from twin.kernel import PlantArrays
from twin.records import SENSOR_OPEN, SENSOR_SHORTED

__all__ = [
    "DIE_LIMIT_C",
    "SINK_LIMIT_C",
    "WATCH",
    "WORDS",
    "Broken",
    "breaks",
    "check_tick",
    "new_watch",
]

DIE_LIMIT_C, SINK_LIMIT_C = 97.0, 95.0
"""True temperatures that nothing may exceed, C."""

RAILS_DOWN_S = 5.0
"""From an emergency to all rails commanded off."""

BLIND_S = 0.010
"""From the loss of the die's sensor, beyond the guard's own patience, to the emergency."""

FAN_RPM, FAN_SHARE, FAN_S = 1000.0, 0.25, 5.0
"""A fan that is asked for more than this, and stays below that share so long, is noticed."""

HOST_S = 0.5
"""From the end of the guard's patience with a silent host to the emergency."""


class Broken(IntEnum):
    """An invariant that did not hold."""

    NONE = 0
    DIE_HOT = 1
    SINK_HOT = 2
    NOT_A_NUMBER = 3
    OUT_OF_RANGE = 4
    UNLATCHED = 5
    LIT = 6
    NOT_SAFE = 7
    RAILS_UP = 8
    BLIND = 9
    FAN_LOST = 10
    HOST_LOST = 11
    LINK_LOST = 12


WORDS = {
    Broken.DIE_HOT: f"the die was above {DIE_LIMIT_C:g} C",
    Broken.SINK_HOT: f"the sink was above {SINK_LIMIT_C:g} C",
    Broken.NOT_A_NUMBER: "a command was not a number",
    Broken.OUT_OF_RANGE: "a command was beyond its actuator's limits",
    Broken.UNLATCHED: "an emergency ended without a reset",
    Broken.LIT: "there was light while operations were refused",
    Broken.NOT_SAFE: "TEC, heaters, load or fan were not safe in an emergency",
    Broken.RAILS_UP: f"rails were still up {RAILS_DOWN_S:g} s after an emergency",
    Broken.BLIND: "the loop went on without a die sensor",
    Broken.FAN_LOST: f"a fan that stood still for {FAN_S:g} s went unnoticed",
    Broken.HOST_LOST: "the loop went on without its host",
    Broken.LINK_LOST: "a board that hears nothing was not safe",
}

WATCH = np.dtype(
    [
        ("die_limit_c", "f8"),
        ("sink_limit_c", "f8"),
        ("tec_limit_a", "f8"),
        ("fan_limit_rpm", "f8"),
        ("rails_ticks", "i8"),
        ("blind_ticks", "i8"),
        ("fan_ticks", "i8"),
        ("host_ticks", "i8"),  # 0: the host may be silent
        ("light_ticks", "i8"),  # that a command may take to the board
        # What it remembers.
        ("reset_allowed", "i8"),  # written by Python: a reset was ordered
        ("latched", "i8"),
        ("emergency_for", "i8"),  # ticks in a row
        ("blind_for", "i8"),
        ("fan_lost_for", "i8"),
        ("silent_for", "i8"),
        ("heartbeat", "i8"),
        ("dark_for", "i8"),  # ticks in a row in which the command was dark
        ("loop_tick", "i8"),
        # What it found.
        ("checked", "i8"),  # ticks
        ("broken", "i8"),  # the first
        ("at_tick", "i8"),
        ("value", "f8"),
        ("worst_die_c", "f8"),
        ("worst_sink_c", "f8"),
        ("emergencies", "i8"),
        ("since", "i8", (4,)),  # first tick at the tier or above it; 0 for never
    ]
)

DIE_SENSOR = 2
CRITICAL, EMERGENCY = int(Tier.CRITICAL), int(Tier.EMERGENCY)
FLAG_SAFE = SAFE_STATE
ROUNDING = 1.0 + 1e-6
"""Commands travel in single precision."""

DIE_HOT, SINK_HOT, NOT_A_NUMBER, OUT_OF_RANGE, UNLATCHED, LIT, NOT_SAFE, RAILS_UP = (
    int(broken) for broken in list(Broken)[1:9]
)
BLIND, FAN_LOST, HOST_LOST = (int(broken) for broken in list(Broken)[9:12])


def new_watch(config: ControlConfig) -> NDArray[Any]:
    """A watch that has seen nothing, for a loop told by `config`. Shape (1,), dtype WATCH."""
    watch = np.zeros(1, WATCH)
    guard = config.guard
    watch["die_limit_c"], watch["sink_limit_c"] = DIE_LIMIT_C, SINK_LIMIT_C
    watch["tec_limit_a"], watch["fan_limit_rpm"] = config.tec.current_limit_a, config.fan.max_rpm
    watch["rails_ticks"] = round(RAILS_DOWN_S / TICK_S)
    watch["blind_ticks"] = guard.blind_ticks + round(BLIND_S / TICK_S)
    watch["fan_ticks"] = round(FAN_S / TICK_S)
    if guard.heartbeat_s > 0.0:
        watch["host_ticks"] = round((guard.heartbeat_s + HOST_S) / TICK_S)
    watch["worst_die_c"] = watch["worst_sink_c"] = -np.inf
    return watch


@compiled_tick
def breaks(watch: Any, broken: int, tick: int, value: float) -> None:
    """Note the first invariant that does not hold."""
    if watch.broken == 0:
        watch.broken, watch.at_tick, watch.value = broken, tick, value


@compiled_tick
def check_temperatures(watch: Any, plant: PlantArrays, tick: int) -> None:
    """Neither die nor sink is ever too hot."""
    die_c = plant.heat.temperature_c[plant.heat.die]
    sink_c = plant.heat.temperature_c[plant.cooling.blown]
    watch.worst_die_c = max(watch.worst_die_c, die_c)
    watch.worst_sink_c = max(watch.worst_sink_c, sink_c)
    if not die_c <= watch.die_limit_c:
        breaks(watch, DIE_HOT, tick, die_c)
    if not sink_c <= watch.sink_limit_c:
        breaks(watch, SINK_HOT, tick, sink_c)


@compiled_tick
def check_within(watch: Any, tick: int, value: float, low: float, high: float) -> None:
    """A command is a number within its actuator's limits."""
    if value != value:  # noqa: PLR0124 - NaN is the one value that differs from itself
        breaks(watch, NOT_A_NUMBER, tick, value)
    elif not low * ROUNDING <= value <= high * ROUNDING:
        breaks(watch, OUT_OF_RANGE, tick, value)


@compiled_tick
def check_commands(watch: Any, rails: Any, head: Any, tick: int) -> None:
    """Every command is a number within its actuator's limits."""
    check_within(watch, tick, head.tec_current_a, -watch.tec_limit_a, watch.tec_limit_a)
    check_within(watch, tick, head.fan_rpm, 0.0, watch.fan_limit_rpm)
    check_within(watch, tick, head.laser_scale, 0.0, 1.0)
    check_within(watch, tick, head.compute_scale, 0.0, 1.0)
    for i in range(rails.size):
        check_within(watch, tick, head.rail_set_v[i], 0.0, rails[i].nominal_v)


@compiled_tick
def check_latch(watch: Any, tier: int, tick: int) -> None:
    """An emergency lasts until a reset is ordered."""
    if watch.latched == 1 and tier != EMERGENCY:
        if watch.reset_allowed == 0:
            breaks(watch, UNLATCHED, tick, tier)
        watch.latched = watch.reset_allowed = 0
    if tier == EMERGENCY and watch.latched == 0:
        watch.latched = 1
        watch.emergencies += 1


@compiled_tick
def check_light(watch: Any, plant: PlantArrays, tier: int, head: Any, tick: int) -> None:
    """While operations are refused the command is dark, and when it has arrived so is the chip."""
    light_w = plant.state[0].chip_power_w
    if watch.dark_for > watch.light_ticks and light_w > 0.0:
        breaks(watch, LIT, tick, light_w)
    watch.dark_for = watch.dark_for + 1 if tier >= CRITICAL else 0
    if watch.dark_for > 0 and head.laser_scale != 0.0:
        breaks(watch, LIT, tick, head.laser_scale)


@compiled_tick
def is_safe(watch: Any, head: Any, code: Any) -> bool:
    """TEC, heaters and load off, fan full, the board told to be safe."""
    off = head.tec_current_a == 0.0 and head.laser_scale == 0.0 and head.compute_scale == 0.0
    blown = head.fan_rpm * ROUNDING >= watch.fan_limit_rpm
    if not (off and blown and (head.flags & FLAG_SAFE) != 0):
        return False
    for i in range(code.size):
        if code[i] != 0:
            return False
    return True


@compiled_tick
def check_emergency(watch: Any, rails: Any, tier: int, actuator: ActuatorFrame, tick: int) -> None:
    """An emergency is safe in its first tick, and unpowered soon."""
    watch.emergency_for = watch.emergency_for + 1 if tier == EMERGENCY else 0
    if watch.emergency_for == 0:
        return
    head = actuator.head[0]
    if not is_safe(watch, head, actuator.heater_code):
        breaks(watch, NOT_SAFE, tick, head.tec_current_a)
    if watch.emergency_for > watch.rails_ticks:
        for i in range(rails.size):
            if head.rail_set_v[i] != 0.0:
                breaks(watch, RAILS_UP, tick, head.rail_set_v[i])


@compiled_tick
def check_losses(watch: Any, plant: PlantArrays, control: ControlArrays, head: Any) -> None:
    """The loss of die sensor, fan or host leads to a safe state in the stated time.

    Time counts while the loop ticks; a board without its loop goes safe by itself.
    """
    if control.state[0].tick == watch.loop_tick:
        return
    watch.loop_tick = control.state[0].tick
    tick, tier, inputs = plant.state[0].tick, control.state[0].tier, plant.inputs[0]
    fault = inputs.sensor_fault[DIE_SENSOR]
    lost = fault in (SENSOR_OPEN, SENSOR_SHORTED)
    watch.blind_for = watch.blind_for + 1 if lost and tier != EMERGENCY else 0
    if watch.blind_for > watch.blind_ticks:
        breaks(watch, BLIND, tick, watch.blind_for * TICK_S)
    stands = head.fan_rpm > FAN_RPM and plant.state[0].fan_rpm < FAN_SHARE * head.fan_rpm
    watch.fan_lost_for = watch.fan_lost_for + 1 if stands and tier == 0 else 0
    if watch.fan_lost_for > watch.fan_ticks:
        breaks(watch, FAN_LOST, tick, plant.state[0].fan_rpm)
    heartbeat = control.mailbox.heartbeat[0]
    silent = heartbeat == watch.heartbeat and heartbeat > 0 and tier != EMERGENCY
    watch.silent_for = watch.silent_for + 1 if silent else 0
    watch.heartbeat = heartbeat
    if 0 < watch.host_ticks < watch.silent_for:
        breaks(watch, HOST_LOST, tick, watch.silent_for * TICK_S)


@compiled_tick
def check_tick(
    watch: Any, plant: PlantArrays, control: ControlArrays, actuator: ActuatorFrame
) -> None:
    """Check a tick that plant and loop have just done."""
    tick, tier, head = plant.state[0].tick, control.state[0].tier, actuator.head[0]
    watch.checked += 1
    for reached in range(tier + 1):
        if watch.since[reached] == 0:
            watch.since[reached] = tick
    check_temperatures(watch, plant, tick)
    check_commands(watch, control.rails, head, tick)
    check_latch(watch, tier, tick)
    check_light(watch, plant, tier, head, tick)
    check_emergency(watch, control.rails, tier, actuator, tick)
    check_losses(watch, plant, control, head)
