"""Running the loop against a board over a wire: its frames set the pace.

A compiled thread waits for sensor frames, runs the control step on the newest and answers
with an actuator frame, all without the GIL. The board's clock is the loop's clock; how late
a frame is worked on is judged by the least delay between board and host seen so far, which
is let go by 200 ppm so that two drifting clocks do not part.

Of several frames that came in together only the newest is worked on; the others are missed.
A frame that is long overdue is not acted on at all: newer ones are on their way.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from drivers.npu.link import BoardLink, WireLink
from drivers.protocols.npu import Kind
from drivers.protocols.npu_compiled import HEADER_BYTES, read_word, write_header
from drivers.protocols.npu_pump import (
    KIND_AT,
    FrameBytes,
    Pump,
    frame_bytes,
    hand_over,
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
from lumina.compiled import compiled, compiled_tick, entry_point
from lumina.control.loop import ControlLoop
from lumina.control.records import ControlArrays
from lumina.control.running.lateness import HISTOGRAM_BINS, Lateness, lateness_of
from lumina.control.step import control_step
from lumina.errors import DeviceStateError, VirtualTimeError
from lumina.frames import ActuatorFrame, SensorFrame
from lumina.privileges import PrivilegeTier, raise_privileges
from lumina.realtime import PERIOD_NS, now_ns

__all__ = ["BoardRunner", "WireRunner"]

DRIFT_NS = 200
"""By how much two clocks may part in a tick, ns: 200 ppm, twice what crystals do."""

STALE_NS = 5_000_000
"""A frame so late is not acted on."""

STALE_IN_A_ROW = 50
"""So many stale frames mean that a clock was set, not that the frames are old."""

SILENCE_NS = 100_000_000
"""After so long without sensor frames the board is asked for them again."""

SENSOR, ACTUATOR, STREAM = int(Kind.SENSOR), int(Kind.ACTUATOR), int(Kind.STREAM)
TIME_AT = 8
TICK_NS = PERIOD_NS

EXCHANGE = np.dtype(
    [
        ("ticks", "i8"),
        ("missed", "i8"),
        ("skipped", "i8"),  # ticks of the board whose frame was not worked on
        ("stale", "i8"),  # frames not acted on
        ("restarts", "i8"),  # the board's ticks began anew
        ("worst_ns", "i8"),
        ("base_tick", "i8"),  # the board's tick that is the loop's tick 0
        ("last_tick", "i8"),  # of the loop, last worked on
        ("resumed", "i8"),  # no gap is counted before the first frame
        ("offset_known", "i8"),
        ("offset_ns", "i8"),  # least delay: host's clock less the board's, drift let go
        ("sample_ns", "i8"),  # board's time of the newest frame
        ("stale_in_a_row", "i8"),
        ("heard_ns", "i8"),  # when the last frame came, or was asked for
    ]
)


@compiled_tick
def follow_ticks(exchange: Any, board_tick: int) -> int:
    """The loop's tick of a board's tick; 0 for one that was worked on already."""
    if exchange.ticks == 0:
        exchange.base_tick = board_tick - 1
    tick: int = board_tick - exchange.base_tick
    if tick == exchange.last_tick:
        return 0
    if tick < exchange.last_tick:  # the board has lost its power: time goes on here
        exchange.restarts += 1
        exchange.offset_known = 0
        tick = exchange.last_tick + 1
        exchange.base_tick = board_tick - tick
    gap = tick - exchange.last_tick - 1
    if gap > 0 and exchange.resumed == 0:
        exchange.missed += gap
        exchange.skipped += gap
    exchange.last_tick, exchange.resumed = tick, 0
    return tick


@compiled_tick
def judge_lateness(exchange: Any, histogram: Any, time_ns: int) -> bool:
    """Count how late the newest frame is; False if it is too old to act on."""
    delay_ns = time_ns - exchange.sample_ns
    if exchange.offset_known == 0 or delay_ns < exchange.offset_ns:
        exchange.offset_known, exchange.offset_ns = 1, delay_ns
    late_ns = delay_ns - exchange.offset_ns
    exchange.offset_ns += DRIFT_NS
    if late_ns >= STALE_NS and exchange.stale_in_a_row < STALE_IN_A_ROW:
        exchange.stale += 1
        exchange.missed += 1
        exchange.stale_in_a_row += 1
        return False
    if late_ns >= STALE_NS:
        exchange.offset_ns, late_ns = delay_ns, 0
    exchange.stale_in_a_row = 0
    histogram[min(late_ns // 1000, histogram.size - 1)] += 1
    exchange.worst_ns = max(exchange.worst_ns, late_ns)
    if late_ns >= TICK_NS:
        exchange.missed += 1
    return True


@compiled_tick
def work_on_frame(
    pump: Pump,
    control: ControlArrays,
    sensor: SensorFrame,
    actuator: ActuatorFrame,
    actuator_bytes: FrameBytes,
    exchange: Any,
    histogram: Any,
    time_ns: int,
) -> None:
    """The control step on the newest sensor frame, and its answer."""
    board_tick = sensor.head[0].tick
    tick = follow_ticks(exchange, board_tick)
    if tick == 0 or not judge_lateness(exchange, histogram, time_ns):
        return
    sensor.head[0].tick = tick
    sensor.head[0].acted_tick -= exchange.base_tick
    control_step(control, sensor, actuator)
    actuator.head[0].tick = board_tick
    exchange.ticks += 1
    queue_message(pump, pack_frame(pump, actuator_bytes, ACTUATOR, time_ns))


@compiled_tick
def collect(pump: Pump, sensor_bytes: FrameBytes, exchange: Any) -> bool:
    """Sort what was received; whether a sensor frame was among it. The newest one stays."""
    found = False
    length = next_message(pump)
    while length > 0:
        if pump.incoming[KIND_AT] != SENSOR:
            hand_over(pump, length)
        elif unpack_frame(pump, length, sensor_bytes):
            exchange.sample_ns = read_word(pump.incoming, TIME_AT, 8)
            found = True
        length = next_message(pump)
    return found


@compiled_tick
def ask_for_stream(pump: Pump, wanted: int) -> None:
    """Ask the board to begin or end its stream; under sequence 0, whose reply nobody awaits."""
    write_header(pump.outgoing, STREAM, 0, 0)
    pump.outgoing[HEADER_BYTES] = wanted
    queue_message(pump, HEADER_BYTES + 1)


@compiled
def exchange_frames(
    pump: Pump,
    control: ControlArrays,
    sensor: SensorFrame,
    actuator: ActuatorFrame,
    sensor_bytes: FrameBytes,
    actuator_bytes: FrameBytes,
    exchanges: Any,
    histogram: Any,
) -> None:
    """Answer sensor frames until stopped or the wire is gone."""
    state, exchange = pump.state[0], exchanges[0]
    exchange.resumed, exchange.offset_known, exchange.heard_ns = 1, 0, 0
    while state.stop == 0 and state.gone == 0:
        time_ns = now_ns(pump.timespec)
        if time_ns - exchange.heard_ns > SILENCE_NS:
            ask_for_stream(pump, 1)
            exchange.heard_ns = time_ns
        transmit(pump)
        if wait(pump, time_ns + SILENCE_NS):
            receive(pump)
            found = collect(pump, sensor_bytes, exchange)
            tell(pump)
            if found:
                time_ns = exchange.heard_ns = now_ns(pump.timespec)
                work_on_frame(
                    pump, control, sensor, actuator, actuator_bytes, exchange, histogram, time_ns
                )
                transmit(pump)
        send_posted(pump)
    ask_for_stream(pump, 0)
    transmit(pump)


class BoardRunner:
    """A loop, a board's link, and the records of what passes between them."""

    def __init__(self, link: BoardLink, loop: ControlLoop) -> None:
        self._loop = loop
        self._board_link = link
        self._exchange = np.zeros(1, EXCHANGE)
        self._histogram = np.zeros(HISTOGRAM_BINS, np.int64)
        self._tier: PrivilegeTier | None = None
        sensor = SensorFrame.zeros(link.outputs)
        actuator = ActuatorFrame.zeros(link.heaters)
        self._pump = link.pump
        self._records = (
            self._pump,
            loop.arrays,
            sensor,
            actuator,
            frame_bytes(sensor),
            frame_bytes(actuator),
            self._exchange,
            self._histogram,
        )

    @property
    def ticks(self) -> int:
        """Sensor frames worked on so far."""
        return int(self._exchange["ticks"][0])

    @property
    def fault(self) -> str | None:
        """Why the loop stands still, in words; None while the wire stands."""
        return self._board_link.fault

    def memory(self) -> dict[str, NDArray[Any]]:
        """Nothing: the board's state is its own."""
        return {}

    def lateness(self) -> Lateness | None:
        """Lateness so far; None before the first frame."""
        exchange = self._exchange[0]
        return lateness_of(
            self._histogram,
            missed=int(exchange["missed"]),
            worst_ns=int(exchange["worst_ns"]),
            tier=self._tier,
        )

    def counters(self) -> dict[str, int]:
        """What the wire did to the frames, since the link was opened; also after its end."""
        exchange, wire = self._exchange[0], self._pump.state[0]
        counts = {name: int(exchange[name]) for name in ("skipped", "stale", "restarts")}
        counts["losses"] = self._board_link.losses
        return counts | {name: int(wire[name]) for name in ("corrupt", "unread", "unsent")}


class WireRunner(BoardRunner):
    """Runs one loop against one board, at the board's pace."""

    def __init__(self, link: WireLink, loop: ControlLoop) -> None:
        super().__init__(link, loop)
        self._link = link
        self._running = False
        self._exchange_frames = entry_point(exchange_frames, *self._records)

    def advance(self, ticks: int) -> None:
        """A board's time cannot be stepped.

        Raises:
            VirtualTimeError: always.
        """
        raise VirtualTimeError(
            f"{self._loop.device}: the board at {self._link.resource} lives in real time and "
            f"cannot be advanced by {ticks} ticks. Use the twin backend, or run without virtual "
            "time"
        )

    def start(self) -> None:
        """Start the thread; it asks the board for its frames."""
        if self._running:
            raise DeviceStateError(self._loop.device, "the loop was started twice", "running")
        self._running = True
        self._link.run(self._run, f"loop-{self._loop.device}")

    def stop(self) -> None:
        """Stop the thread, if it runs; the board's watchdog makes the board safe."""
        if self._running:
            self._running = False
            self._link.rest()

    def _run(self) -> None:
        self._tier = raise_privileges()
        self._exchange_frames(*self._records)
