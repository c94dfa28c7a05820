"""A loop in virtual time, with the invariants checked in every tick.

Against a twin, or against a simulated board over a wire in memory; a board whose loop has
lost it is looked at now and then.
"""

from typing import Any

from numpy.typing import NDArray

from drivers.interfaces import FrameLink
from drivers.npu.memory import MemoryLink
from drivers.protocols.npu_pump import FrameBytes, Pump
from drivers.twin import PlantLink
from firmware_sim.npu.loop import WATCHDOG_TICKS, BoardArrays
from firmware_sim.npu.memory import MemoryWire
from lumina.compiled import compiled, compiled_tick, entry_point
from lumina.control.loop import ControlLoop
from lumina.control.records import ControlArrays
from lumina.control.running.memory import MemoryRunner, live_together
from lumina.control.running.twin import TwinRunner
from lumina.control.step import control_step
from lumina.errors import UsageError
from lumina.frames import ActuatorFrame, SensorFrame
from lumina.realtime import PERIOD_NS
from lumina.runtime.campaign.invariants import Broken, breaks, check_tick, new_watch
from twin.kernel import PlantArrays, plant_tick
from twin.plant import Plant

__all__ = ["WatchedMemoryRunner", "WatchedRunner", "watched_runner_for"]


@compiled
def run_watched_ticks(
    plant: PlantArrays,
    control: ControlArrays,
    sensor: Any,
    actuator: Any,
    clocks: Any,
    watches: Any,
    ticks: int,
) -> None:
    """Ticks of plant and controller, each of them checked."""
    for _ in range(ticks):
        plant_tick(plant, actuator, sensor)
        control_step(control, sensor, actuator)
        check_tick(watches[0], plant, control, actuator)
        clocks[0].ticks += 1


class WatchedRunner(TwinRunner):
    """Runs one loop against one twin, in virtual time only.

    Attributes:
        watch: what was seen so far, shape (1,), dtype WATCH.
    """

    def __init__(self, plant: Plant, loop: ControlLoop) -> None:
        super().__init__(plant, loop)
        self.watch: NDArray[Any] = new_watch(loop.config)
        self._watched = (*self._records[:5], self.watch)
        self._run_watched = entry_point(run_watched_ticks, *self._watched, 0)

    def start(self) -> None:
        """Refuse: a campaign's time is virtual.

        Raises:
            UsageError: always.
        """
        raise UsageError("a campaign runs in virtual time")

    def look(self) -> None:
        """Nothing: a twin is looked at in every tick."""

    def _run(self, ticks: int) -> None:
        self._run_watched(*self._watched, ticks)


LINK_LOST = int(Broken.LINK_LOST)
TICK_NS = PERIOD_NS
ON_THE_WIRE = 5
"""Ticks that a frame may need to the board."""

QUIET_TICKS = WATCHDOG_TICKS + 2


@compiled_tick
def check_link(watch: Any, board: BoardArrays) -> None:
    """A board that has heard nothing for longer than its watchdog waits is dark and cold."""
    plant = board.plant.state[0]
    at_work_w = plant.chip_power_w + plant.heater_power_w + plant.compute_power_w
    at_work_w += abs(plant.tec_current_a * plant.tec_voltage_v)
    if board.state[0].quiet_ticks > QUIET_TICKS and at_work_w > 0.0:
        breaks(watch, LINK_LOST, plant.tick, at_work_w)


@compiled_tick
def check_board(
    board: BoardArrays, control: ControlArrays, actuator: ActuatorFrame, watches: Any
) -> None:
    """Check a board and its loop as they are now."""
    check_tick(watches[0], board.plant, control, actuator)
    check_link(watches[0], board)


@compiled_tick
def live_watched(
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
    watches: Any,
    until_ns: int,
) -> None:
    """Board, wire and loop live until a time, and are checked every millisecond.

    Until now means: what is due at this very moment is still done.
    """
    while True:
        step_ns = min(wire.now_ns[0] + TICK_NS, until_ns)
        live_together(
            board, wire, pump, control, sensor, actuator, sensor_bytes, actuator_bytes,
            exchanges, histogram, step_ns,
        )  # fmt: skip
        check_board(board, control, actuator, watches)
        if wire.now_ns[0] >= until_ns:
            break


class WatchedMemoryRunner(MemoryRunner):
    """Runs one loop against one simulated board in memory.

    Attributes:
        watch: what was seen so far, shape (1,), dtype WATCH.
    """

    def __init__(self, link: MemoryLink, loop: ControlLoop) -> None:
        super().__init__(link, loop)
        self.watch: NDArray[Any] = new_watch(loop.config)
        self.watch["light_ticks"] = WATCHDOG_TICKS + ON_THE_WIRE
        self._watched = (*self._everything, self.watch)
        self._live_watched = entry_point(live_watched, *self._watched, 0)
        board, control, actuator = self._everything[0], self._everything[3], self._everything[5]
        self._seen = (board, control, actuator, self.watch)
        self._check_board = entry_point(check_board, *self._seen)

    def look(self) -> None:
        """Check the board now; its loop may have lost it."""
        self._check_board(*self._seen)

    def _live_until(self, time_ns: int) -> None:
        self._live_watched(*self._watched, time_ns)


def watched_runner_for(link: FrameLink, loop: ControlLoop) -> WatchedRunner | WatchedMemoryRunner:
    """A watched runner for a loop.

    Raises:
        UsageError: the board is real.
    """
    if isinstance(link, PlantLink):
        return WatchedRunner(link.plant, loop)
    if isinstance(link, MemoryLink):
        return WatchedMemoryRunner(link, loop)
    raise UsageError(f"{loop.device}: a campaign needs a twin or simulated firmware")
