"""Running the loop against a simulated board in memory: real frames, in the board's own time.

The loop does what it does over a wire (see `lumina.control.running.wire`), frame by frame,
but the time goes from event to event: whoever owns it advances board, wire and loop
together, in batches of ticks.
"""

from typing import Any

from drivers.npu.memory import MemoryLink
from drivers.protocols.npu_flight import land
from drivers.protocols.npu_pump import FrameBytes, Pump
from firmware_sim.npu.loop import BoardArrays
from firmware_sim.npu.memory import MemoryWire, note_letters, until_arrival
from firmware_sim.npu.memory_board import MemoryBoard
from lumina.compiled import compiled_tick, entry_point
from lumina.control.loop import ControlLoop
from lumina.control.records import ControlArrays
from lumina.control.running.wire import (
    SILENCE_NS,
    BoardRunner,
    ask_for_stream,
    collect,
    work_on_frame,
)
from lumina.errors import DeviceStateError
from lumina.frames import ActuatorFrame, SensorFrame
from lumina.realtime import PERIOD_NS

__all__ = ["MemoryRunner"]


@compiled_tick
def live_together(
    board: BoardArrays,
    wire: MemoryWire,
    pump: Pump,
    control: ControlArrays,
    sensor: SensorFrame,
    actuator: ActuatorFrame,
    sensor_bytes: FrameBytes,
    actuator_bytes: FrameBytes,
    exchanges: Any,
    histogram: Any,
    until_ns: int,
) -> None:
    """Board, wire and loop live until a time; the loop answers each frame when it arrives."""
    exchange = exchanges[0]
    while True:
        patience_ns = exchange.heard_ns + SILENCE_NS
        arrived = until_arrival(board, pump, wire, min(until_ns, patience_ns))
        now_ns, found = wire.now_ns[0], False
        while arrived and land(pump, wire.to_host, now_ns):
            found = collect(pump, sensor_bytes, exchange) or found
        if found:
            exchange.heard_ns = now_ns
            work_on_frame(
                pump, control, sensor, actuator, actuator_bytes, exchange, histogram, now_ns
            )
        elif now_ns >= patience_ns:
            ask_for_stream(pump, 1)
            exchange.heard_ns = now_ns
        elif now_ns >= until_ns and not arrived:
            break
    note_letters(board, pump, wire)


class MemoryRunner(BoardRunner):
    """Runs one loop against one board in memory."""

    def __init__(self, link: MemoryLink, loop: ControlLoop) -> None:
        super().__init__(link, loop)
        board = link.board
        assert isinstance(board, MemoryBoard)
        self._link, self._board = link, board
        self._running = False
        everything = (board.instrument.arrays, board.wire, *self._records)
        self._everything = everything
        self._live_together = entry_point(live_together, *everything, 0)

    def advance(self, ticks: int) -> None:
        """Let board and loop live for so many ticks, ahead of the event loop's clock."""
        self._board.advance(self._board.now_ns + ticks * PERIOD_NS)

    def start(self) -> None:
        """Take part in the board's time from now on."""
        if self._running:
            raise DeviceStateError(self._loop.device, "the loop was started twice", "running")
        self._running = True
        self._link.run(self._take_part)

    def stop(self) -> None:
        """Take part no more; the board's watchdog makes the board safe."""
        if not self._running:
            return
        self._running = False
        self._link.rest()
        self._board.drive(None)
        if self.fault is None:
            ask_for_stream(self._link.pump, 0)
            self._board.wake()

    def _take_part(self) -> None:
        """On a new wire: ask for frames at once, and count no gap before the first."""
        exchange = self._exchange[0]
        exchange["resumed"], exchange["offset_known"] = 1, 0
        exchange["heard_ns"] = self._board.now_ns - SILENCE_NS
        self._board.drive(self._live_until)
        self._board.wake()

    def _live_until(self, time_ns: int) -> None:
        self._live_together(*self._everything, time_ns)
