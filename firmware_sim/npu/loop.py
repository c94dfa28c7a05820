"""The simulated NPU board's own millisecond: plant, frames, watchdog, in compiled code.

Deadlines are absolute. Between two of them the board waits for the wire and takes actuator
frames in as they come; they act from the next tick on, as in the in-process twin. Deadlines
that were slept through are not caught up in frames, but the plant lives through them.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from drivers.protocols.npu import Kind
from drivers.protocols.npu_pump import (
    KIND_AT,
    FrameBytes,
    Pump,
    frame_bytes,
    hand_over,
    lose,
    next_message,
    pack_frame,
    queue_message,
    receive,
    send_posted,
    tell,
    transmit,
    unpack_frame,
    wait,
)
from firmware_sim.npu.harm import Harms, befall, is_deaf, release
from lumina.compiled import compiled, compiled_tick
from lumina.frames import MAX_RAILS, SAFE_STATE, ActuatorFrame, SensorFrame
from lumina.realtime import PERIOD_NS, now_ns, sleep_until
from twin.kernel import PlantArrays, plant_tick
from twin.plant import Plant

__all__ = ["WATCHDOG_TICKS", "BoardArrays", "board_arrays", "run_board"]

WATCHDOG_TICKS = 20
"""Ticks without an actuator frame after which the board goes safe."""

ABANDONED_TICKS = 1000
"""Ticks without an actuator frame after which it stops sending sensor frames, too."""

ROUND_TRIP_BINS = 20_000
"""Bins of 1 us; the last one takes everything longer."""

ACTUATOR, SENSOR = int(Kind.ACTUATOR), int(Kind.SENSOR)
FLAG_SAFE = SAFE_STATE
TICK_NS = PERIOD_NS

BOARD_STATE = np.dtype(
    [
        ("streaming", "i8"),  # written by Python
        ("reset", "i8"),  # written by Python: start afresh at the next tick
        ("hang_up", "i8"),  # written by Python: let go of the wire
        ("safe", "i8"),
        ("quiet_ticks", "i8"),  # since the last actuator frame
        ("deadline_ns", "i8"),
        ("sent_ns", "i8"),  # when the last sensor frame went out
        ("ticks", "i8"),
        ("late", "i8"),
        ("actuators", "i8"),
        ("watchdog_trips", "i8"),
        ("dropped", "i8"),
        ("worst_trip_ns", "i8"),
    ]
)


class BoardArrays(NamedTuple):
    """A board, as compiled code takes it."""

    plant: PlantArrays
    sensor: SensorFrame
    actuator: ActuatorFrame
    sensor_bytes: FrameBytes
    actuator_bytes: FrameBytes
    pump: Pump
    state: NDArray[Any]
    """Shape (1,), dtype BOARD_STATE."""
    round_trips: NDArray[np.int64]
    """Shape (ROUND_TRIP_BINS,): sensor frame out to its actuator frame in."""


def board_arrays(plant: Plant, pump: Pump) -> BoardArrays:
    """A board about a plant, not streaming, safe and locked out until it is told otherwise."""
    state = np.zeros(1, BOARD_STATE)
    state["safe"] = 1
    plant.arrays.state["locked_out"] = 1
    return BoardArrays(
        plant=plant.arrays,
        sensor=plant.sensor,
        actuator=plant.actuator,
        sensor_bytes=frame_bytes(plant.sensor),
        actuator_bytes=frame_bytes(plant.actuator),
        pump=pump,
        state=state,
        round_trips=np.zeros(ROUND_TRIP_BINS, np.int64),
    )


@compiled_tick
def make_safe(board: BoardArrays) -> None:
    """Laser dark, heaters and TEC off; rails and fan stay as they are.

    A host that was late for a moment finds its board powered when it is back.
    """
    head = board.actuator.head[0]
    head.flags = FLAG_SAFE
    head.tec_current_a = head.laser_scale = head.compute_scale = 0.0
    for index in range(board.actuator_bytes.codes.size):
        board.actuator_bytes.codes[index] = 0


@compiled_tick
def power_down(board: BoardArrays) -> None:
    """Safe, and the rails off until a host asks for none: the last one is gone."""
    make_safe(board)
    board.plant.state[0].locked_out = 1
    for index in range(MAX_RAILS):
        board.actuator.head[0].rail_set_v[index] = 0.0


@compiled_tick
def heed_lockout(board: BoardArrays) -> None:
    """A board that was powered down is not powered by a frame that knows nothing of it."""
    if board.plant.state[0].locked_out == 0:
        return
    board.plant.state[0].locked_out = 0
    for index in range(MAX_RAILS):
        if board.actuator.head[0].rail_set_v[index] > 0.0:
            power_down(board)


@compiled_tick
def begin_epoch(board: BoardArrays) -> None:
    """What is seen from now on was seen under other conditions than before."""
    plant = board.plant.state[0]
    plant.epoch = (plant.epoch + 1) & 0xFFFFFFFF


@compiled_tick
def take_actuator(board: BoardArrays, length: int, time_ns: int) -> None:
    """An actuator message came in: it is in force from the next tick on."""
    state = board.state[0]
    if not unpack_frame(board.pump, length, board.actuator_bytes):
        return
    state.actuators += 1
    heed_lockout(board)
    state.quiet_ticks, state.safe = 0, board.plant.state[0].locked_out
    if board.actuator.head[0].tick == board.sensor.head[0].tick:
        trip_ns = time_ns - state.sent_ns
        board.round_trips[min(trip_ns // 1000, board.round_trips.size - 1)] += 1
        state.worst_trip_ns = max(state.worst_trip_ns, trip_ns)


@compiled_tick
def take_messages(board: BoardArrays, time_ns: int) -> None:
    """Sort the messages in the chunk: actuator frames act, requests go to Python."""
    pump = board.pump
    length = next_message(pump)
    while length > 0:
        if pump.incoming[KIND_AT] == ACTUATOR:
            take_actuator(board, length, time_ns)
        else:
            hand_over(pump, length)
        length = next_message(pump)


@compiled
def serve_wire(board: BoardArrays) -> None:
    """Take in what has come."""
    receive(board.pump)
    take_messages(board, now_ns(board.pump.timespec))
    tell(board.pump)


@compiled
def attend_to_wire(board: BoardArrays, harms: Harms) -> None:
    """Take in what comes and send what waits, until something does or the next tick is due."""
    state, pump = board.state[0], board.pump
    time_ns = now_ns(pump.timespec)
    if state.hang_up == 1:
        state.hang_up = 0
        lose(pump)
    if is_deaf(harms, time_ns):
        sleep_until(state.deadline_ns, pump.timespec)
        return
    release(pump, harms, time_ns)
    if wait(pump, state.deadline_ns):
        serve_wire(board)
    begin = pump.state[0].sending
    send_posted(pump)
    befall(pump, harms, begin, time_ns)
    transmit(pump)


@compiled
def wait_for_deadline(board: BoardArrays, harms: Harms) -> int:
    """Serve the wire up to the next deadline; returns how many deadlines were skipped."""
    state, pump = board.state[0], board.pump
    state.deadline_ns += TICK_NS
    while pump.state[0].stop == 0:
        attend_to_wire(board, harms)
        if now_ns(pump.timespec) >= state.deadline_ns:
            break
    skipped: int = (now_ns(pump.timespec) - state.deadline_ns) // TICK_NS
    if skipped > 0:
        state.late += 1 + skipped
        state.deadline_ns += skipped * TICK_NS
    return max(skipped, 0)


@compiled_tick
def start_afresh(board: BoardArrays) -> None:
    """Unpowered and silent, with all counters at 0."""
    power_down(board)
    begin_epoch(board)
    board.actuator.head[0].tick = 0
    state, pump = board.state[0], board.pump.state[0]
    state.reset, state.streaming, state.safe, state.quiet_ticks = 0, 0, 1, 0
    state.ticks, state.late, state.actuators, state.watchdog_trips = 0, 0, 0, 0
    state.dropped, state.worst_trip_ns, pump.corrupt = 0, 0, 0
    for index in range(board.round_trips.size):
        board.round_trips[index] = 0


@compiled_tick
def watch(board: BoardArrays) -> None:
    """The watchdog: safe after 20 ticks without a frame, unpowered and silent after 1000.

    Ticks that the board itself slept through are not the host's silence.
    """
    state = board.state[0]
    if state.reset == 1:
        start_afresh(board)
    state.quiet_ticks += 1
    if state.safe == 0 and state.quiet_ticks > WATCHDOG_TICKS:
        state.safe = 1
        state.watchdog_trips += 1
        make_safe(board)
        begin_epoch(board)
    if state.quiet_ticks > ABANDONED_TICKS:
        if state.streaming == 1:
            power_down(board)
        state.streaming = 0


@compiled_tick
def queue_sensor(board: BoardArrays, time_ns: int) -> None:
    """One sensor frame out, unless the wire still has the last one to take."""
    state, pump = board.state[0], board.pump
    if state.streaming == 0:
        return
    if pump.state[0].sending > 0:
        state.dropped += 1
        return
    state.sent_ns = time_ns
    queue_message(pump, pack_frame(pump, board.sensor_bytes, SENSOR, state.deadline_ns))


@compiled_tick
def live_on(board: BoardArrays, ticks: int) -> None:
    """What a board does when ticks are due: watch over its host, then let time pass."""
    watch(board)
    for _ in range(ticks):
        plant_tick(board.plant, board.actuator, board.sensor)
    board.state[0].ticks += ticks


@compiled
def send_sensor(board: BoardArrays, harms: Harms) -> None:
    """The tick's sensor frame out, if nothing befalls it."""
    pump = board.pump
    time_ns = now_ns(pump.timespec)
    release(pump, harms, time_ns)
    begin = pump.state[0].sending
    queue_sensor(board, time_ns)
    befall(pump, harms, begin, time_ns)
    if not is_deaf(harms, time_ns):
        transmit(pump)


@compiled
def run_board(board: BoardArrays, harms: Harms) -> None:
    """Live until the pump is told to stop."""
    board.state[0].deadline_ns = now_ns(board.pump.timespec)
    while board.pump.state[0].stop == 0:
        live_on(board, 1 + wait_for_deadline(board, harms))
        send_sensor(board, harms)
