"""Running the loop against the in-process twin: one compiled function, two clocks.

The same compiled function serves both ways, so a tick is bit-identical in either:

- *in real time* it sleeps to absolute deadlines inside compiled code, without the GIL, in
  a thread of its own: no Python code can delay it;
- *in virtual time* it runs batches of ticks back to back.

Deadlines are absolute integer nanoseconds. A tick that starts 1 ms late or more is
missed; the deadlines that have passed meanwhile are skipped, not caught up in a burst:
the plant lives through them under the last actuator frame, as a real one would.
"""

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lumina.compiled import compiled, entry_point
from lumina.control.loop import ControlLoop
from lumina.control.records import ControlArrays
from lumina.control.running.lateness import HISTOGRAM_BINS, Lateness, lateness_of
from lumina.control.step import control_step
from lumina.errors import DeviceStateError
from lumina.privileges import PrivilegeTier, raise_privileges
from lumina.realtime import PERIOD_NS, now_ns, sleep_until
from twin.kernel import plant_tick
from twin.plant import Plant

__all__ = ["TwinRunner"]

CLOCK = np.dtype(
    [
        ("real_time", "i8"),
        ("stop", "i8"),
        ("started_ns", "i8"),
        ("deadline_ns", "i8"),
        ("ticks", "i8"),
        ("missed", "i8"),
        ("skipped", "i8"),
        ("worst_ns", "i8"),
    ]
)


@compiled
def wait_for_tick(clock: Any, histogram: Any, timespec: Any) -> int:
    """Sleep to the next deadline; returns how many deadlines were skipped."""
    clock.deadline_ns += PERIOD_NS
    sleep_until(clock.deadline_ns, timespec)
    late_ns = now_ns(timespec) - clock.deadline_ns
    histogram[min(late_ns // 1000, histogram.size - 1)] += 1
    clock.worst_ns = max(clock.worst_ns, late_ns)
    skipped: int = late_ns // PERIOD_NS
    if skipped > 0:
        # The tick itself is late; the deadlines that passed with it are skipped.
        clock.missed += 1 + skipped
        clock.skipped += skipped
        clock.deadline_ns += skipped * PERIOD_NS
    return skipped


@compiled
def run_ticks(
    plant: Any,
    control: ControlArrays,
    sensor: Any,
    actuator: Any,
    clocks: Any,
    histogram: Any,
    ticks: int,
) -> None:
    """Run `ticks` ticks of plant and controller, or fewer when asked to stop."""
    clock = clocks[0]
    timespec = np.zeros(2, np.int64)
    if clock.real_time == 1:
        clock.started_ns = now_ns(timespec)
        clock.deadline_ns = clock.started_ns
    for _ in range(ticks):
        if clock.real_time == 1:
            skipped = wait_for_tick(clock, histogram, timespec)
            for _ in range(skipped):
                plant_tick(plant, actuator, sensor)
            if clock.stop == 1:
                return
        plant_tick(plant, actuator, sensor)
        control_step(control, sensor, actuator)
        clock.ticks += 1


def arrays_in(tree: Any, name: str = "") -> Iterator[tuple[str, NDArray[Any]]]:
    """Every array in nested records, with the path that leads to it."""
    if isinstance(tree, np.ndarray):
        yield name, tree
    elif isinstance(tree, dict):
        for key, part in tree.items():
            yield from arrays_in(part, f"{name}.{key}" if name else key)
    elif hasattr(tree, "_asdict"):
        yield from arrays_in(tree._asdict(), name)


class TwinRunner:
    """Runs one loop against one twin, in real or in virtual time."""

    FOREVER = 2**62

    def __init__(self, plant: Plant, loop: ControlLoop) -> None:
        self._loop = loop
        self._clock = np.zeros(1, CLOCK)
        self._histogram = np.zeros(HISTOGRAM_BINS, np.int64)
        self._thread: threading.Thread | None = None
        self._tier: PrivilegeTier | None = None
        self._records = (
            plant.arrays,
            loop.arrays,
            plant.sensor,
            plant.actuator,
            self._clock,
            self._histogram,
        )
        self._run_ticks = entry_point(run_ticks, *self._records, 0)

    def advance(self, ticks: int) -> None:
        """Run a batch of ticks back to back (virtual time)."""
        if self._thread is not None:
            raise DeviceStateError(
                self._loop.device, "the loop runs in real time and cannot be stepped", "running"
            )
        self._run(ticks)

    def start(self) -> None:
        """Start the real-time thread."""
        if self._thread is not None:
            raise DeviceStateError(self._loop.device, "the loop was started twice", "running")
        self._clock["real_time"], self._clock["stop"] = 1, 0
        self._thread = threading.Thread(
            target=self._run_real_time, name=f"loop-{self._loop.device}", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop the real-time thread, if it runs, and wait for its last tick."""
        if self._thread is None:
            return
        self._clock["stop"] = 1
        self._thread.join()
        self._thread = None
        self._clock["real_time"] = 0

    @property
    def ticks(self) -> int:
        """Ticks run so far."""
        return int(self._clock["ticks"][0])

    @property
    def fault(self) -> str | None:
        """None: a plant in memory cannot be lost."""
        return None

    def counters(self) -> dict[str, int]:
        """Nothing: frames pass in memory."""
        return {}

    def lateness(self) -> Lateness | None:
        """Lateness so far; None if the loop never ran in real time."""
        clock = self._clock[0]
        return lateness_of(
            self._histogram,
            missed=int(clock["missed"]),
            worst_ns=int(clock["worst_ns"]),
            tier=self._tier,
        )

    def memory(self) -> dict[str, NDArray[Any]]:
        """All that the ticks to come depend on, in place. Telemetry is history and stays out."""
        plant, control, sensor, actuator, clock, _ = self._records
        parts = {
            "plant": plant,
            "control": {k: v for k, v in control._asdict().items() if k != "telemetry"},
            "sensor": sensor,
            "actuator": actuator,
            "clock": clock,
        }
        return dict(arrays_in(parts))

    def _run_real_time(self) -> None:
        self._tier = raise_privileges()
        self._run(self.FOREVER)

    def _run(self, ticks: int) -> None:
        self._run_ticks(*self._records, ticks)
